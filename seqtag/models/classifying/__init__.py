"""The classifier of texts and series."""
