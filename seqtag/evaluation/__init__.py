"""Measure taggers and classifiers: their scores, how sure these are, and the reports that show them."""

from seqtag.evaluation.class_evaluation import evaluate_labels
from seqtag.evaluation.class_metrics import ClassScore
from seqtag.evaluation.class_report import ClassReport
from seqtag.evaluation.metrics import LabelScore, Scores
from seqtag.evaluation.report import Report
from seqtag.evaluation.tag_evaluation import evaluate_tags
from seqtag.evaluation.tag_report import TagReport

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
