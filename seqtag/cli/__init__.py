"""The command line: `seqtag train`, `predict`, `evaluate`, `score`, `demo`. Parses, calls, prints; computes nothing."""

from seqtag.cli.app import main

__all__ = ["main"]
