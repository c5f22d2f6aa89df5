"""What the torch models and the runtime share: answers, span probabilities, checks of user input."""
