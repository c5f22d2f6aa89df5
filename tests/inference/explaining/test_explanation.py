"""How explanations are said, shown and written: plain words, escaped pages, JSON without infinities."""

import json
from dataclasses import FrozenInstanceError, replace
from math import inf

import pytest

from seqtag import Span
from seqtag.inference.explaining.explanation import Explanation, Explanations, Occlusion, Part, Share
from seqtag.text.tokenizer import Token

TOKENS = (Token("in", 0, 2), Token("<b>", 3, 6), Token(".", 6, 7))
ONE = Explanation(
    Span(3, 6, "LOC", "<b>", 0.75),
    (Span(3, 6, "PER", "<b>"),),
    2.0,
    TOKENS,
    (
        Part("emission", 2.5, "S-LOC", "S-PER", 1, (Share("encoder", 1.0), Share("shape", 1.5, 0, "xx"))),
        Part("transition", -0.5, "S-LOC → O", "S-PER → O", 2),
    ),
    (Occlusion(0, "word", 0.5, 0.5), Occlusion(0, "spelling", 3.0, 0.8), Occlusion(1, "word", -inf, 0.0)),
)


def test_it_is_said_in_plain_words():
    assert str(ONE).split("\n") == [
        "LOC '<b>': probability 0.750. The next best reading, PER instead of LOC, is 7.39 times less probable "
        "(log odds 2.00).",
        "Scores +2.50: '<b>' as S-LOC +2.50.",
        "Moves -0.50: S-LOC → O rather than S-PER → O -0.50.",
        "Scores by source: features of their neighbours +1.50, encoder +1.00.",
        "Of the features: shape 'xx' before '<b>' +1.50.",
        "Log odds without the word: 'in' -1.50.",
        "Log odds without its spelling: 'in' +1.00.",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instead": ()}, "The next best reading, outside, is 7.39"),
        ({"instead": (Span(0, 6, "LOC", "in <b>"),)}, "reading, LOC 'in <b>', is"),
        ({"instead": (Span(0, 2, "A", "in"), Span(3, 7, "B", "<b>."))}, "reading, A 'in' and B '<b>.', is"),
        ({"instead": None, "log_odds": inf}, "No other reading is possible."),
        ({"log_odds": -2.0}, "is 7.39 times more probable (log odds -2.00)"),
        ({"log_odds": 0.0}, "is as probable (log odds 0.00)"),
        ({"log_odds": 40.0}, "more than a million times less probable"),
        ({"span": Span(0, 7, "good", score=0.5), "instead": ()}, "good: probability 0.500. The next best reading, w"),
        ({"note": "A note."}, "\nA note."),
    ],
)
def test_readings_and_odds_have_their_words(change: dict, words: str):
    assert words in str(replace(ONE, **change))


def test_json_holds_all_and_nothing_infinite():
    written = json.loads(json.dumps(ONE.to_dict(), allow_nan=False))
    assert written["log_odds"] == 2.0
    assert written["span"] == {"start": 3, "end": 6, "label": "LOC", "text": "<b>", "score": 0.75}
    assert [one["change"] for one in written["occlusions"]] == [-1.5, 1.0, None]
    assert [one["log_odds"] for one in written["occlusions"]] == [0.5, 3.0, None]
    assert written["parts"][0]["shares"][1] == {"name": "shape", "token": 0, "value": "xx", "score": 1.5}
    endless = json.loads(json.dumps(replace(ONE, log_odds=inf, instead=None).to_dict(), allow_nan=False))
    assert (endless["log_odds"], endless["instead"]) == (None, None)


def test_a_notebook_shows_it_escaped():
    shown = Explanations([ONE])._repr_html_()
    assert "<b>" not in shown.replace("<b>Why", "")
    assert "&lt;b&gt;" in shown
    assert "shape &#x27;xx&#x27; before &#x27;&lt;b&gt;&#x27; +1.50" in shown
    assert ONE._repr_html_() in shown
    assert "nothing to explain" in Explanations()._repr_html_()


def test_records_can_not_be_changed():
    with pytest.raises(FrozenInstanceError):
        ONE.log_odds = 3.0  # type: ignore[misc]
