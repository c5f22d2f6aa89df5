"""The commands, one file each: what a command takes, says of itself and does."""
