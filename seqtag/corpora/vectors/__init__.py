"""Vectors of words: those from elsewhere in their forms, and those that one learns."""
