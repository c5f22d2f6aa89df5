"""Measure taggers of tokens."""
