"""The public estimators: what stands around the flow of data and follows scikit-learn's contract."""
