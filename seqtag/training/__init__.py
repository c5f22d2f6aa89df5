"""The training loop, and what stands beside it."""
