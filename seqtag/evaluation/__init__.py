"""Measure taggers and classifiers: their scores, how sure these are, and the reports that show them."""

from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.classifying.metrics import ClassScore
from seqtag.evaluation.classifying.report import ClassReport
from seqtag.evaluation.report import Report
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.metrics import LabelScore, Scores
from seqtag.evaluation.tagging.report import TagReport

__all__ = [
    "ClassReport",
    "ClassScore",
    "LabelScore",
    "Report",
    "Scores",
    "TagReport",
    "evaluate_labels",
    "evaluate_tags",
]
