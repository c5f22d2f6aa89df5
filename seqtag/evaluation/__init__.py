"""Measure taggers and classifiers: their scores, how sure these are, and the reports that show them."""
