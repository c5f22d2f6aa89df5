"""Tensors: embedder, recurrent encoder, heads and the network of the three. Never sees a string."""
