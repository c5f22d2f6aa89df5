"""What `seqtag predict` reads and writes."""
