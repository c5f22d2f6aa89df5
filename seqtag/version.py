"""The version of seqtag. Imports nothing, so that every part may ask."""

__version__ = "0.1.0"
