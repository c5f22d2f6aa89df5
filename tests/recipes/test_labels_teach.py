"""The recipe of teachers: how it averages and reads what they say, and what a student is given to learn."""

import runpy
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TAGS, TOKENS

from seqtag import Tagger
from seqtag.text.schemes import illegal_positions

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAMES = ["B-LOC", "I-LOC", "B-PER", "I-PER", "O"]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(RECIPES))
    return runpy.run_path(str(RECIPES / "labels_teach.py"))


@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.0])
def test_the_tags_that_are_read_are_the_best_of_all_legal_ones(recipe: dict[str, Any], shift: float):
    legal = [tags for tags in product(range(5), repeat=4) if not illegal_positions([NAMES[i] for i in tags], "IOB2")]
    outside = np.log(np.where(np.array(NAMES) == "O", np.exp(shift), 1.0))
    for marginals in np.random.default_rng(0).dirichlet(np.full(5, 0.3), (20, 4)):
        scores = np.log(marginals) + outside
        best = max(legal, key=lambda tags: sum(scores[range(4), tags]))
        assert recipe["legal_tags"]([marginals], NAMES, shift) == [[NAMES[i] for i in best]]


def test_a_tag_counts_where_the_teacher_is_sure_of_it(recipe: dict[str, Any]):
    marginals = [np.array([[0.9, 0, 0, 0, 0.1], [0, 0.6, 0, 0, 0.4]])]
    assert recipe["sure_tags"](marginals, NAMES, 0.8) == [["B-LOC", "?"]]
    assert recipe["sure_tags"](marginals, NAMES, 0.0) == [["B-LOC", "I-LOC"]]
    assert recipe["sure_tags"](marginals, NAMES, 1.0) == [["?", "?"]]


def test_teachers_who_agree_say_what_one_says(recipe: dict[str, Any], saved_tagger: Path):
    one = Tagger.load(saved_tagger, device="cpu")
    for both, alone in zip(recipe["average"]([one, one], TOKENS), one.predict_proba(TOKENS), strict=True):
        np.testing.assert_allclose(both, alone)
    drawn = recipe["drawn_tags"]([one, one], TOKENS, 0)
    likely = [[tags for tags, _ in ways] for ways in one.predict_nbest(TOKENS)]
    assert all(tags in ways for tags, ways in zip(drawn, likely, strict=True))


@pytest.mark.parametrize("kind", ["self", "five", "drawn", "labels"])
def test_a_student_learns_as_many_labelled_sentences_as_others(recipe: dict[str, Any], saved_tagger: Path, kind: str):
    teacher, given = Tagger.load(saved_tagger, device="cpu"), {}

    class Student:
        """Stands for a tagger, and notes what it is given."""

        def __init__(self, **options: object) -> None:
            given.update(options)

        def fit(self, X, y, **_: object) -> "Student":
            given.update(X=X, y=y)
            return self

    recipe["student"].__globals__["Tagger"] = Student
    labelled, rest = (TOKENS[:2], TAGS[:2]), list(map(tuple, TOKENS[2:]))
    recipe["student"](f"{kind}:0.9:4", [teacher], 0, labelled, None, rest, 8)
    assert given["seed"] == 100
    assert given["X"][:4] == [*TOKENS[:2], *TOKENS[:2]]
    assert given["X"][4:] == ([*TOKENS[:2], *TOKENS[:2]] if kind == "labels" else TOKENS[2:6])
    assert given["y"][:4] == [*TAGS[:2], *TAGS[:2]]
    assert list(map(len, given["y"])) == list(map(len, given["X"]))
