"""What the torch models and the runtime share: predicting methods, span probabilities, checks of user input."""
