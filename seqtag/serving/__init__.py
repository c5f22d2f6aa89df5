"""The HTTP service of `seqtag serve`: trained models behind typed endpoints, on the runtime, without torch."""
