"""Strings: tokens, tags, spans, files and vocabularies. Never imports torch."""
