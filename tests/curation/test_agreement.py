"""Agreement of annotators: figures against scikit-learn and the scores of a report, disagreements, the page."""

import json
import random
from itertools import combinations

import numpy as np
import pytest
from datasets import Dataset
from rich.cells import cell_len
from sklearn.metrics import cohen_kappa_score

from seqtag.corpora.loading import load_corpus
from seqtag.curation.agreement import mean_with_others, measure_agreement
from seqtag.curation.agreement_page import Agreement
from seqtag.curation.annotations import side_by_side
from seqtag.curation.voting import merge_by_vote
from seqtag.errors import UsageError
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.text.schemes import Span, spans_from_tags, tags_from_spans

LABELS = ("LOC", "ORG", "PER")


def sentences(seed, number=60):
    """Sentences with spans, and what two careless annotators make of each."""
    random_ = random.Random(seed)
    tokens, versions = [], {"ada": [], "bo": [], "cy": []}
    for row in range(number):
        length = random_.randint(3, 9)
        tokens.append([f"w{row}.{at}" for at in range(length)])
        spans = [Span(0, 2, random_.choice(LABELS))] + [Span(length - 1, length, "PER")] * (random_.random() < 0.5)
        for name, wrong in (("ada", 0.0), ("bo", 0.2), ("cy", 0.4)):
            kept = []
            for span in spans:
                kind = random_.random()
                if kind < wrong / 3:
                    continue
                label = random_.choice(LABELS) if kind < 2 * wrong / 3 else span.label
                end = 1 if span.end == 2 and 2 * wrong / 3 <= kind < wrong else span.end
                kept.append(Span(span.start, end, label))
            versions[name].append(tags_from_spans(kept, length, "IOB2"))
    return tokens, versions


def corpora(seed=0):
    tokens, versions = sentences(seed)
    return {name: Dataset.from_dict({"tokens": tokens, "tags": tags}) for name, tags in versions.items()}


def test_f1_of_pairs_is_that_of_a_report_and_its_interval_too():
    _, versions = sentences(1)
    measured = measure_agreement(corpora(1), resamples=300, seed=4)
    reports = {
        pair: evaluate_tags(versions[pair[0]], versions[pair[1]], scheme="IOB2", resamples=300, seed=4)
        for pair in combinations(versions, 2)
    }
    for pair in measured.pairs:
        report = reports[pair.first, pair.second]
        assert pair.f1.value == pytest.approx(report.conlleval.f1)
        assert (pair.f1.low, pair.f1.high) == pytest.approx(
            (report.intervals.micro.f1.low, report.intervals.micro.f1.high), abs=0.06
        )
        assert (pair.num_first, pair.num_second) == (report.num_gold, report.num_predicted)
    assert measured.f1.value == pytest.approx(np.mean([report.f1 for report in reports.values()]))
    for label in measured.labels:
        rows = [row.f1 for report in reports.values() for row in report.strict.labels if row.label == label.label]
        assert label.f1.value == pytest.approx(np.mean(rows))


def test_kappas_of_pairs_are_scikit_learns():
    _, versions = sentences(2)
    measured = measure_agreement(corpora(2), resamples=5)
    flat = {name: [tag[2:] or "O" for row in tags for tag in row] for name, tags in versions.items()}
    pairs = list(combinations(flat, 2))
    expected = [cohen_kappa_score(flat[a], flat[b]) for a, b in pairs]
    assert [pair.kappa.value for pair in measured.pairs] == pytest.approx(expected)
    tokens, marked, labels = measured.levels
    assert tokens.cohen.value == pytest.approx(np.mean(expected))
    both = [[(x, y) for x, y in zip(flat[a], flat[b]) if (x, y) != ("O", "O")] for a, b in pairs]
    assert marked.cohen.value == pytest.approx(np.mean([cohen_kappa_score(*zip(*rows)) for rows in both]))
    spans = {
        name: {(row, s.start, s.end): s.label for row, each in enumerate(tags) for s in spans_from_tags(each, "IOB2")}
        for name, tags in versions.items()
    }
    shared = [[(spans[a][each], spans[b][each]) for each in spans[a].keys() & spans[b].keys()] for a, b in pairs]
    assert labels.cohen.value == pytest.approx(np.mean([cohen_kappa_score(*zip(*rows)) for rows in shared]))


def test_equal_annotators_agree_wholly_whatever_is_measured():
    ada = corpora()["ada"]
    measured = measure_agreement({"ada": ada, "bo": ada, "cy": ada}, resamples=20)
    figures = [measured.f1, measured.alpha_units]
    figures += [each for level in measured.levels for each in (level.cohen, level.fleiss, level.alpha, level.observed)]
    figures += [each for label in measured.labels for each in (label.f1, label.alpha, label.alpha_units)]
    assert {round(each.value, 12) for each in figures} == {1.0}
    assert measured.disagreements.total == 0
    assert "nothing: wherever two annotators know a place, they agree" in str(Agreement(measured))


def test_order_of_annotators_makes_no_difference():
    given = corpora(3)
    turned = dict(reversed(given.items()))
    one, other = (measure_agreement(each, resamples=20) for each in (given, turned))
    assert one.f1.value == pytest.approx(other.f1.value)
    assert one.disagreements.counts == other.disagreements.counts
    assert one.disagreements.confusions == other.disagreements.confusions


def spans_of(*lists, unknown=()):
    tokens = [["a", "b", "c", "d", "e"]]
    tags = [tags_from_spans(spans, 5, "IOB2") for spans in lists]
    for annotator, at in unknown:
        tags[annotator][at] = "?"
    return {f"n{n}": Dataset.from_dict({"tokens": tokens, "tags": [row]}) for n, row in enumerate(tags)}


@pytest.mark.parametrize(
    ("lists", "kind"),
    [
        (([Span(0, 2, "A")], [Span(0, 2, "B")]), "other label"),
        (([Span(0, 2, "A")], [Span(0, 1, "A")]), "other borders"),
        (([Span(0, 2, "A")], [Span(0, 1, "A"), Span(1, 2, "A")]), "other borders"),
        (([Span(0, 2, "A")], [Span(1, 3, "B")]), "other label and borders"),
        (([Span(0, 2, "A")], []), "marked by some"),
        (([Span(0, 2, "A")], [Span(0, 2, "B")], []), "marked by some"),
        (([Span(0, 2, "A"), Span(3, 4, "A")], [Span(0, 2, "A")]), "marked by some"),
    ],
)
def test_each_disagreement_has_one_kind(lists, kind):
    found = measure_agreement(spans_of(*lists), resamples=5).disagreements
    assert found.kinds == ((kind, 1),)
    assert [name for name, _ in found.examples[0].sides] == [f"n{n}" for n in range(len(lists))]


def test_who_does_not_know_a_place_does_not_disagree():
    lists = [Span(0, 2, "A")], [Span(0, 2, "A")], []
    found = measure_agreement(spans_of(*lists, unknown=[(2, 1)]), resamples=5).disagreements
    assert (found.num_agreed, found.total) == (1, 0)
    found = measure_agreement(spans_of(*lists, unknown=[(2, 4)]), resamples=5).disagreements
    assert found.counts["marked by some"] == 1
    assert found.examples[0].note == "not all annotated by n2"
    assert found.confusions == (("A", None, 2), ("A", "A", 1))


def test_who_looked_for_a_label_and_has_no_span_disagrees():
    tokens, tags = [["a", "b"]], {"n0": [["B-A", "O"]], "n1": [["O", "O"]]}
    rows = {
        name: Dataset.from_dict({"tokens": tokens, "tags": each, "annotated_labels": [["A"]]})
        for name, each in tags.items()
    }
    measured = measure_agreement(rows, resamples=5)
    assert measured.disagreements.counts["marked by some"] == 1
    assert measured.f1.value == 0
    other = rows | {"n1": Dataset.from_dict({"tokens": tokens, "tags": [["O", "O"]], "annotated_labels": [["B"]]})}
    assert measure_agreement(other, resamples=5).disagreements.total == 0


def test_plain_tags_and_texts_have_pairs_of_labels_for_kinds():
    tokens = [["a", "b", "c"]]
    tags = {"ada": ["N", "V", "N"], "bo": ["N", "N", "?"], "cy": ["V", "D", "N"]}
    rows = {name: Dataset.from_dict({"tokens": tokens, "tags": [each]}) for name, each in tags.items()}
    measured = measure_agreement(rows, resamples=5)
    assert measured.disagreements.counts == {"N or V": 1, "three or more": 1}
    assert (measured.disagreements.num_agreed, measured.num_unknown) == (1, (0, 1, 0))
    assert measured.f1.value == pytest.approx(np.mean([1 / 2, 1 / 3, 0]))
    texts = {
        name: load_corpus(Dataset.from_dict({"text": ["x", "y"], "label": labels}), task="classify")["train"]
        for name, labels in {"ada": ["good", "bad"], "bo": ["good", "good"]}.items()
    }
    page = Agreement(measure_agreement(texts, resamples=5))
    assert page.measured.levels[0].name == "texts"
    assert page.measured.disagreements.examples[0].note == "ada: bad; bo: good"
    assert "equal labels 50.00" in str(page)


def test_the_annotator_who_agrees_least_is_named_first():
    measured = measure_agreement(corpora(4), resamples=20)
    means = mean_with_others(measured)
    assert next(iter(means)) == "cy"
    assert f"With the others, cy agrees least (F1 {100 * means['cy']:.2f} on average)" in " ".join(
        str(Agreement(measured)).split()
    )
    two = measure_agreement({name: rows for name, rows in corpora(4).items() if name != "ada"}, resamples=20)
    assert mean_with_others(two) == {}


def test_all_forms_hold_what_was_found():
    annotations = side_by_side(corpora(5))
    page = Agreement(measure_agreement(corpora(5), resamples=50), merge_by_vote(annotations), "m.conll", ("a note",))
    text = str(page)
    assert max(map(cell_len, text.split("\n"))) <= 80
    values = json.loads(page.to_text(".json"))
    assert values["f1"]["value"] == page.measured.f1.value
    assert [level["name"] for level in values["levels"]] == ["tokens", "marked tokens", "labels of spans"]
    assert values["merged"]["num_split"] == page.merged.num_split
    assert set(values["disagreements"]["examples"][0]["sides"]) == {"ada", "bo", "cy"}
    for form in (".html", ".md"):
        shown = page.to_text(form)
        assert "written to m.conll" in shown
        assert f"{100 * page.measured.f1.value:.2f}" in shown
    assert "a note" in text


def test_long_names_of_annotators_leave_a_line_its_width():
    given = {f"{name}-of-the-second-round-地名地名地名": rows for name, rows in corpora(5).items()}
    text = str(Agreement(measure_agreement(given, resamples=5)))
    assert max(map(cell_len, text.split("\n"))) <= 80


def test_texts_that_are_not_marked_at_all_give_no_figures_and_no_error():
    rows = Dataset.from_dict({"tokens": [["a"], ["b", "c"]], "tags": [["O"], ["O", "O"]]})
    page = Agreement(measure_agreement({"ada": rows, "bo": rows}, resamples=5))
    assert page.measured.f1 is None
    assert "span F1 -" in str(page)
    assert "Nothing can be said beyond chance" in str(page)
    assert page.to_html()


def test_at_least_one_resample_is_drawn():
    with pytest.raises(UsageError, match="resamples=0"):
        measure_agreement(corpora(), resamples=0)
