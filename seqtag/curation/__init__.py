"""Work on labels: find wrong ones, choose the next, compare annotators, forecast."""
