"""Measure taggers and classifiers: their scores, how sure these are, and the reports that show them."""

from seqtag.evaluation.class_report import ClassReport, ClassScore, evaluate_labels
from seqtag.evaluation.metrics import LabelScore, Scores
from seqtag.evaluation.report import Report
from seqtag.evaluation.tag_report import TagReport, evaluate_tags

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
