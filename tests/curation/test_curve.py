"""Learning curves: which parts are trained on, what is measured of them, and what the page says."""

import json
import logging
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from rich.cells import cell_len
from sklearn.base import BaseEstimator
from tiny import LABELS as MOODS
from tiny import TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

from seqtag import LanguageModel
from seqtag.corpora.loading import load_corpus
from seqtag.curation.curve import learning_curve, nested_parts, read_fractions
from seqtag.curation.curve_page import CurveReport
from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.power_law import forecast

SHARES = [0.25, 0.5, 1.0]


class Learner(BaseEstimator):
    """Stands for a Tagger whose recall of PER grows with its rows, and which never finds LOC."""

    task = "tag"

    def __init__(self, language: str = "xx", seed: int = 0) -> None:
        self.language, self.seed = language, seed

    def fit(self, rows: Dataset, *, dev: Any = None, watchers: Any = None) -> "Learner":
        logging.getLogger("seqtag").warning("what each training would say again")
        self.rows_, self.dev_, self.history_, self.interrupted_ = rows, dev, [1, 2], False
        return self

    def evaluate(self, test: Dataset, *, resamples: int) -> Any:
        number = 100 - round(300 * len(self.rows_) ** -0.5) + self.seed % 2
        gold, predicted = np.array([[20, 100]]), np.array([[0, number]])
        return SimpleNamespace(measurement=SimpleNamespace(counts=Counts(("LOC", "PER"), predicted, gold, predicted)))


def tagged(number: int, **columns: Any) -> Dataset:
    rows = {"tokens": [["Ada", f"w{n}"] for n in range(number)], "tags": [["B-PER", "O"]] * number}
    return load_corpus(Dataset.from_dict({**rows, **columns}))["train"]


def test_parts_are_nested_and_each_seed_draws_others():
    rows = tagged(100)
    parts = [nested_parts(rows, SHARES, seed) for seed in (0, 1)]
    for found in parts:
        assert [len(part) for part in found] == [25, 50, 100]
        assert set(found[0]) <= set(found[1]) <= set(found[2])
    assert parts[0][0].tolist() != parts[1][0].tolist()
    assert all(np.array_equal(*pair) for pair in zip(parts[0], nested_parts(rows, SHARES, 0)))


def test_whole_documents_are_taken():
    documents = [n // 7 for n in range(98)]
    rows = tagged(98, document=documents)
    parts = nested_parts(rows, SHARES, 3)
    assert [len(part) for part in parts] == [21, 49, 98]  # 24.5 lies between three documents and four
    for part in parts:
        assert set(Counter(documents[row] for row in part).values()) == {7}
    assert set(parts[0]) <= set(parts[1])


def test_texts_keep_the_share_of_each_class():
    labels = ["rare" if n % 8 == 0 else "common" for n in range(160)]
    rows = Dataset.from_dict({"text": [f"text {n}" for n in range(160)], "label": labels})
    parts = nested_parts(load_corpus(rows, task="classify")["train"], SHARES, 0)
    for part, rare in zip(parts, (5, 10, 20)):
        assert sum(labels[row] == "rare" for row in part) == rare
    assert set(parts[0]) <= set(parts[1])


def test_each_part_is_trained_and_measured(caplog):
    rows = tagged(400)
    with caplog.at_level(logging.INFO, "seqtag"):
        curve = learning_curve(Learner(seed=4), rows, tagged(10), fractions=SHARES, seeds=2, more=[100])
    assert [(each.num_rows, each.seed) for each in curve.trainings] == [
        (number, seed) for number in (100, 200, 400) for seed in (4, 5)
    ]
    for each in curve.trainings:
        right = 100 - round(300 * each.num_rows**-0.5) + each.seed % 2
        assert each.score == pytest.approx(2 * right / (120 + right))
        assert each.labels == {"LOC": 0.0, "PER": pytest.approx(2 * right / (100 + right))}
        assert (each.num_tokens, each.epochs) == (2 * each.num_rows, 2)
    numbers, scores = zip(*((each.num_rows, each.score) for each in curve.trainings))
    assert list(curve.forecasts) == forecast(numbers, scores, [500, 800, 1600])
    assert [(each.label, each.support) for each in curve.labels] == [("PER", 100), ("LOC", 20)]
    said = [record.getMessage() for record in caplog.records]
    assert sum("what each training" in line for line in said) == 0
    assert sum(line.startswith("200 sentences, seed 5: ") for line in said) == 1
    assert logging.getLogger("seqtag").level != logging.ERROR


def test_a_tagger_and_a_classifier_have_curves():
    rows = Dataset.from_dict({"tokens": TOKENS * 2, "tags": TAGS * 2})
    curve = learning_curve(tiny_tagger(epochs=1), rows, rows, fractions=["1/2", 1], seeds=1, draws=20)
    assert (curve.score_name, curve.unit, curve.law) == ("F1", "sentences", None)
    assert [each.num_rows for each in curve.trainings] == [20, 40]
    report = tiny_tagger(epochs=1).fit(curve_rows := load_corpus(rows)["train"]).evaluate(curve_rows, resamples=0)
    assert curve.trainings[1].score == pytest.approx(report.f1)
    texts = Dataset.from_dict({"text": TEXTS, "label": MOODS})
    curve = learning_curve(tiny_classifier(epochs=1), texts, texts, dev=texts, fractions=[1], seeds=1, draws=20)
    assert (curve.score_name, curve.unit) == ("accuracy", "texts")
    report = tiny_classifier(epochs=1).fit(texts, dev=texts).evaluate(texts, resamples=0)
    assert curve.trainings[0].score == pytest.approx(report.accuracy)


def test_all_forms_hold_the_forecast():
    curve = learning_curve(Learner(), tagged(1600), tagged(10), seeds=2, more=[500])
    page = CurveReport(curve, "news")
    [more, twice, _] = curve.forecasts
    text = " ".join(str(page).split())
    assert (
        f"Another 500 sentences (2,100 in all): about {100 * more.score.value:.1f}, between "
        f"{100 * more.score.low:.1f} and {100 * more.score.high:.1f}."
    ) in text
    assert max(map(cell_len, str(page).split("\n"))) <= 80
    values = json.loads(page.to_text(".json"))
    assert values["source"] == "news"
    assert values["forecasts"][1]["score"]["value"] == twice.score.value
    assert values["law"]["c"] == curve.law.c
    html = page.to_html()
    assert "low end of the forecast" in html
    assert "F1 by number of sentences: PER" in html
    assert f"{100 * twice.score.value:.2f}" in page.to_markdown()


def test_a_flat_curve_and_one_of_two_parts_are_said_to_be_so():
    flat = learning_curve(Learner(), tagged(20_000), tagged(5), fractions=["1/4", "1/2", "1"], seeds=1)
    assert "The curve is nearly flat" in str(CurveReport(flat))
    two = CurveReport(learning_curve(Learner(), tagged(100), tagged(5), fractions=["1/2", "1"], seeds=1))
    assert "Nothing can be forecast from fewer than three parts" in str(two)
    assert two.to_html()


def test_read_fractions_names_what_is_no_share():
    assert read_fractions(["1", "1/3", 0.5, "0.5"]) == [1 / 3, 0.5, 1.0]
    for wrong in ("2", "0", "half", "1/0", -0.5):
        with pytest.raises(UsageError, match="is a share of the rows"):
            read_fractions([wrong])
    with pytest.raises(UsageError, match="no fractions are given"):
        read_fractions([])


def test_wrong_use_is_one_message():
    with pytest.raises(UsageError, match="not for LanguageModel"):
        learning_curve(LanguageModel(), tagged(10), tagged(10))
    with pytest.raises(UsageError, match="is for a Tagger or a Classifier, not for str"):
        learning_curve("models/ner", tagged(10), tagged(10))
    with pytest.raises(UsageError, match=r"more=\['many'\]"):
        learning_curve(Learner(), tagged(100), tagged(10), more=["many"])
    with pytest.raises(UsageError, match="seeds=0"):
        learning_curve(Learner(), tagged(100), tagged(10), seeds=0)
    with pytest.raises(UsageError, match=r"more=\[0\]"):
        learning_curve(Learner(), tagged(100), tagged(10), more=[0])
    with pytest.raises(DataError, match="the smallest part would have 5 of 40 rows"):
        learning_curve(Learner(), tagged(40), tagged(10))
