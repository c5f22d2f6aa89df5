"""What the words of a report mean: a page explains them where they stand, and the guide has the same sentences."""

_COMMON = {
    "bootstrap": "The data are drawn anew many times, with repetition; the interval holds 95% of the figures.",
    "support": "How often gold has the label.",
    "macro average": "The mean over the labels that gold has, each of equal weight.",
    "expected calibration error": "The mean distance between probability and share of right answers, over ten bins.",
    "Brier score": "The mean squared distance of the probabilities from what came true; 0 is best.",
    "average precision": "The area under the curve of precision against recall.",
}
TAGGING = {
    "strict": "Counts a span only where its tags are written as their scheme demands.",
    "repair conlleval": "Tags that break the scheme are read as the program conlleval does: an orphan I- opens a span.",
    "repair strict": "Tags that break the scheme are refused.",
    "conlleval": "The reading of the program of CoNLL-2000: an I- tag without a B- before it opens a span.",
    "micro average": "Counted over all spans, so frequent labels weigh more.",
    "wrong type": "The borders are right, the label is not.",
    "wrong type and boundary": "The spans overlap, with another label and other borders.",
    "too long": "The predicted span holds the right one and more, with the right label.",
    "too short": "The predicted span is a part of the right one, with the right label.",
    "shifted": "Right label; each of the two spans has a token that the other lacks.",
    "missed": "Gold has a span where nothing is predicted.",
    "spurious": "A span is predicted where gold has nothing.",
    "surface": "The words of a span, as they are written.",
    "partial credit": "A predicted span that overlaps the right one counts in part.",
    **_COMMON,
}
CLASSIFYING = {
    "micro average": "Counted over all labels of all texts, so frequent labels weigh more.",
    "weighted average": "The mean over labels, each weighted by how often gold has it.",
    "majority share": "How often it would be right to say the most frequent class always.",
    "subset accuracy": "The share of texts that have all their labels right and no other.",
    "log loss": "The mean of the negative logarithm of the probability of the right answer; 0 is best.",
    "ROC AUC": "The probability that a text of the class gets a higher probability than one of another class.",
    "missed label": "Gold has the label, and it is not predicted.",
    "spurious label": "The label is predicted, and gold does not have it.",
    **_COMMON,
}
