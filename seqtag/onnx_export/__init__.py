"""Write the ONNX graphs that seqtag.runtime reads."""
