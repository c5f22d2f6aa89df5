"""Sources become Datasets: loading, splits, column roles, normalised tags."""
