"""What would hurt a model or a score: `seqtag check`."""
