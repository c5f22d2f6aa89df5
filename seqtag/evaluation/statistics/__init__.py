"""Intervals, comparison and confidence, for models of any task."""
