"""Measure classifiers of texts."""
