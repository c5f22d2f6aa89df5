"""One file per format that a corpus may come in."""
