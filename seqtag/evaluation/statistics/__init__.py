"""Intervals, comparison and confidence, whatever the task."""
