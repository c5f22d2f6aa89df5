"""The command line: each command parses its arguments, calls the library and prints; the figures come from there."""

from seqtag.cli.app import main

__all__ = ["main"]
