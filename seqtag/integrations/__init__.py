"""One outside tool a file, imported on demand: what joins trained models to the tools that people already use."""
