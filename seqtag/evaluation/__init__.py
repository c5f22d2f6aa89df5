"""Measure a labeller: scores in both readings that are in use, and the report that shows them."""

from seqtag.evaluation.metrics import LabelScore, Scores
from seqtag.evaluation.report import Report, evaluate_tags

__all__ = ["LabelScore", "Report", "Scores", "evaluate_tags"]
