"""`known=` of a tagger, on torch and in the runtime: what is known is found, the rest as likely as enumeration says."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TAGS, TOKENS, UNSEEN, tiny_tagger

from seqtag import DataError, Patterns, Span, Tagger, UsageError
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.inference.held_batch import KnownError, KnownSpan
from seqtag.runtime import load as load_runtime

SENTENCE = ["Grace", "Turing", "flew", "to", "New", "Lisbon", "."]
TEXT = "Dr. Grace Turing flew to  New Lisbon. It rained on Quito Day! She left."


@pytest.fixture(scope="module", params=["torch", "onnx", "runtime"])
def tagger(request: pytest.FixtureRequest, exported_tagger: Path) -> Any:
    if request.param == "runtime":
        return load_runtime(exported_tagger)
    return Tagger.load(exported_tagger, device="cpu", engine=request.param)


def places(spans: list[Span]) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label) for span in spans]


def test_certain_spans_are_in_every_answer_and_the_others_are_given_them(tagger: Any):
    known = [(4, 6, "ORG"), Span(1, 2, "LOC")]
    [spans] = tagger.predict_token_spans([SENTENCE], known=[known])
    assert {(4, 6, "ORG"), (1, 2, "LOC")} <= set(places(spans))
    assert [span.score for span in spans if places([span])[0] in [(4, 6, "ORG"), (1, 2, "LOC")]] == [1.0, 1.0]
    [tags] = tagger.predict([SENTENCE], known=[known])
    assert (tags[1], tags[4:6]) == ("B-LOC", ["B-ORG", "I-ORG"])
    assert list(tagger.predict_stream([SENTENCE], known=iter([known]))) == [tags]
    [proba] = tagger.predict_proba([SENTENCE], known=[known])
    assert [proba[i, tagger.tags_.index(tag)] for i, tag in ((1, "B-LOC"), (4, "B-ORG"), (5, "I-ORG"))] == [1, 1, 1]
    np.testing.assert_allclose(proba.sum(1), 1.0)


def test_probabilities_are_conditional_on_what_is_known(tagger: Any):
    """Bayes: the probability of two spans together is that of one times that of the other, given the first."""
    [first, second] = [(0, 2, "PER"), (4, 6, "LOC")]
    engine = tagger._engine()
    free = dict(zip(*_scored(engine.candidates([SENTENCE], 1e-9))))
    given_first = dict(zip(*_scored(engine.candidates([SENTENCE], 1e-9, _known(tagger, [first])))))
    given_second = dict(zip(*_scored(engine.candidates([SENTENCE], 1e-9, _known(tagger, [second])))))
    assert free[first] * given_first[second] == pytest.approx(free[second] * given_second[first], rel=1e-6)
    assert given_first[first] == given_second[second] == 1.0


def _known(tagger: Any, spans: list[Any]) -> Any:
    return tagger._known([spans], None, [SENTENCE])


def _scored(table: Any) -> tuple[list[tuple[int, int, str]], list[float]]:
    [spans] = table.lists()
    return places(spans), [span.score for span in spans]


def test_a_strength_adds_to_the_log_odds_of_a_span(tagger: Any):
    span, strength = (4, 6, "ORG"), 3.0
    free = dict(zip(*_scored(tagger._engine().candidates([SENTENCE], 1e-9))))[span]
    known = tagger._known([[span]], strength, [SENTENCE])
    found = dict(zip(*_scored(tagger._engine().candidates([SENTENCE], 1e-9, known))))[span]
    assert found == pytest.approx(1 / (1 + (1 - free) / free * np.exp(-strength)), rel=1e-5)
    assert tagger._known([[(*span, strength)]], None, [SENTENCE]) == known
    assert tagger._known([[(*span, strength)]], 9.0, [SENTENCE]) == known


def test_the_best_sequences_are_those_with_what_is_known(exported_tagger: Path):
    for engine in ("torch", "onnx"):
        tagger = Tagger.load(exported_tagger, device="cpu", engine=engine)
        rows = [SENTENCE, [], ["Paris"]]
        found = tagger.predict_nbest(rows, n=3, known=[[(4, 6, "ORG")], [], []])
        assert [len(paths) for paths in found] == [3, 1, 3]
        assert all(tags[4:6] == ["B-ORG", "I-ORG"] for tags, _ in found[0])
        assert found[0][0][0] == tagger.predict([SENTENCE], known=[[(4, 6, "ORG")]])[0]
        assert found[1:] == tagger.predict_nbest(rows, n=3)[1:]
        # Bayes: what is certain takes the probability of all sequences without it.
        free = dict(zip(*_scored(tagger._engine().candidates([SENTENCE], 1e-9))))[4, 6, "ORG"]
        alike = {tuple(tags): score for tags, score in tagger.predict_nbest([SENTENCE], n=2000)[0]}
        assert all(score == pytest.approx(alike[tuple(tags)] / free, rel=1e-4) for tags, score in found[0])


def test_a_report_is_that_of_the_model_with_what_is_known(exported_tagger: Path):
    gold = [["B-PER", "I-PER", "O", "O", "B-ORG", "I-ORG", "O"], ["O", "O", "O"]]
    rows = [SENTENCE, ["Quito", "was", "quiet"]]
    patterns = Patterns([{"label": "ORG", "pattern": "New Lisbon"}])
    tagger = Tagger.load(exported_tagger, device="cpu")
    for _ in range(2):  # the best tags, then thresholds
        for known in (patterns, [[(4, 6, "ORG")], []]):
            report = tagger.evaluate(rows, gold, known=known, resamples=0)
            tags = tagger.predict(rows, known=known)
            assert report.f1 == evaluate_tags(gold, tags, scheme="IOB2", resamples=0).f1
            assert (report.num_known, report.to_dict()["num_known"]) == (1, 1)
            assert "known before the prediction: 1 spans" in str(report)
        assert tagger.evaluate(rows, gold, resamples=0).num_known == 0
        tagger.tune(TOKENS, TAGS, precision=0.9)


def test_sentences_of_which_nothing_is_known_are_answered_as_ever(tagger: Any):
    rows = [SENTENCE, *UNSEEN]
    known: list[list[Any]] = [[(4, 6, "ORG")], *[[] for _ in UNSEEN]]
    for method in (tagger.predict, tagger.predict_token_spans):
        assert method(rows, known=known)[1:] == method(rows)[1:]
    for mine, other in zip(tagger.predict_proba(rows, known=known)[1:], tagger.predict_proba(rows)[1:], strict=True):
        np.testing.assert_array_equal(mine, other)


def test_known_spans_of_texts_are_in_characters_and_sentences_that_they_join_are_one(tagger: Any):
    known = [(4, 16, "PER"), (30, 40, "ORG", 1.0), (26, 36, "LOC", 30.0), (51, 60, "ORG")]
    [spans] = tagger.predict_spans([TEXT], known=[known])
    assert spans[0] == Span(4, 16, "PER", "Grace Turing", 1.0)
    assert (51, 60, "ORG") not in places(tagger.predict_spans([TEXT])[0])
    assert {(26, 36, "LOC"), (51, 60, "ORG")} <= set(places(spans))
    assert all(TEXT[span.start : span.end] == span.text for span in spans)
    number = [len(sentences) for _, sentences in tagger.tag_texts([TEXT] * 2, known=[known, []])]
    assert number[0] == number[1] - 1
    assert list(tagger.spans_stream(iter([TEXT]), known=iter([known]))) == [spans]


def test_patterns_find_what_is_known(tagger: Any):
    patterns = Patterns(
        [
            {"label": "ORG", "pattern": "New Lisbon"},
            {"label": "LOC", "pattern": [{"LOWER": "quito"}, {"LOWER": "day", "OP": "?"}]},
        ]
    )
    [spans] = tagger.predict_spans([TEXT], known=patterns)
    found = [(span.text, span.label) for span in spans if span.score == 1.0]
    assert found == [("New Lisbon", "ORG"), ("Quito Day", "LOC")]
    assert {(4, 6, "ORG")} <= set(places(tagger.predict_token_spans([SENTENCE], known=patterns)[0]))
    assert tagger.predict([SENTENCE, []], known=patterns)[0][4:6] == ["B-ORG", "I-ORG"]
    likely = tagger.predict_spans([TEXT], known=patterns, strength=0.001)[0]
    assert places(likely) == places(tagger.predict_spans([TEXT])[0])


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([[(0, 2, "PER"), (1, 3, "LOC")]], "sentence 1 has PER at 0-2 and LOC at 1-3, which overlap"),
        ([[(0, 2, "PER"), (0, 2, "LOC")]], "LOC at 0-2 and PER at 0-2, which overlap"),
        ([[(0, 2, "PERS")]], "label is none of the model's: .* did you mean 'PER'"),
        ([[KnownSpan(0, 2, "PERS")]], "known: row 1 has PERS at 0-2; its label"),
        ([[Span(0, 9, "PER")]], "known: row 1 has PER at 0-9, which does not lie"),
        ([[(0, 8, "PER")]], "does not lie within the 7 tokens"),
        ([[(3, 3, "PER")]], "does not lie within"),
        ([[(0, 2, "PER", 1.0), (0, 2, "PER", 2.0)]], "PER at 0-2 twice, with the strengths 1 and 2"),
        ([[(0, 1 + n % 7, label, 1.0 + n) for n, label in enumerate(["PER", "LOC", "ORG"] * 30)]], "twice"),
    ],
)
def test_what_cannot_be_known_is_one_clear_error(tagger: Any, known: Any, words: str):
    with pytest.raises(KnownError, match=words):
        tagger.predict([SENTENCE], known=known)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ([], "known has 0 lists of spans, and there are more rows"),
        ([[], []], "more lists of spans than there are rows: 1"),
        ("patterns.jsonl", r'Patterns.load\("patterns.jsonl"\), not the string'),
        ({"a": 1}, "not dict"),
        (3, "not int"),
        ([(0, 2, "PER")], "row 1 has 0; a known span is"),
        (["PER"], "row 1 is 'PER', not a list of spans"),
        ([[(0, 2)]], r"row 1 has \(0, 2\); a known span is"),
        ([[(0.0, 2, "PER")]], "whole numbers"),
        ([[(True, 2, "PER")]], "whole numbers"),
        ([[(0, 2, "PER", -1.0)]], "a number above 0"),
    ],
)
def test_a_wrong_call_is_answered_with_the_right_one(tagger: Any, known: Any, words: str):
    for call in (tagger.predict, lambda X, **known: list(tagger.predict_stream(X, **known))):
        with pytest.raises(UsageError, match=words):
            call([SENTENCE], known=known)


@pytest.mark.parametrize("strength", [0, -1.0, float("inf"), float("nan"), True, "5"])
def test_a_strength_is_a_number_above_0(tagger: Any, strength: Any):
    with pytest.raises(UsageError, match="give a number above 0"):
        tagger.predict_spans([TEXT], known=[[]], strength=strength)
    with pytest.raises(UsageError, match="there are none"):
        tagger.predict_spans([TEXT], strength=5.0)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((5, 16, "PER"), r"'race Turing', which does not begin and end .* are 4-16, 'Grace Turing'"),
        ((4, 17, "PER"), r"'Grace Turing ', which .* the tokens there are 4-16"),
        ((4, 18, "PER"), r"the tokens there are 4-21, 'Grace Turing flew'"),
        ((24, 26, "PER"), "where there is no token, but only white space"),
        ((0, 999, "PER"), "does not lie within the 71 tokens or characters"),
    ],
)
def test_a_span_of_a_text_that_cuts_a_token_is_named(tagger: Any, span: Any, words: str):
    with pytest.raises(DataError, match=words):
        tagger.predict_spans(["It rained.", TEXT], known=[[], [span]])


def test_too_many_spans_over_one_token_are_refused(tagger: Any):
    long = ["Ada"] * 60
    known = [[(0, end, "PER", 1.0) for end in range(1, 60)]]
    with pytest.raises(KnownError, match="59 spans over token 0, and at most 50"):
        tagger.predict([long], known=known)


def test_thresholds_and_temperature_stay_in_force(exported_tagger: Path):
    tagger = Tagger.load(exported_tagger, device="cpu").tune(TOKENS, TAGS, precision=0.99, calibrate=True)
    free = tagger.predict_token_spans([SENTENCE])[0]
    known = [[(4, 6, "ORG")]]
    spans = tagger.predict_token_spans([SENTENCE], known=known)[0]
    assert (4, 6, "ORG") in places(spans)
    assert tagger.predict([SENTENCE], known=known)[0][4:6] == ["B-ORG", "I-ORG"]
    assert all(span.score >= tagger.thresholds_[span.label] for span in [*free, *spans])
    # A strength counts in the log odds of calibrated probabilities.
    chance = dict(zip(*_scored(tagger._engine().candidates([SENTENCE], 1e-9))))[4, 6, "ORG"]
    [[likely]] = [
        [span for span in spans if places([span]) == [(4, 6, "ORG")]]
        for spans in tagger._engine().candidates([SENTENCE], 1e-9, tagger._known(known, 2.0, [SENTENCE])).lists()
    ]
    assert likely.score == pytest.approx(1 / (1 + (1 - chance) / chance * np.exp(-2.0)), rel=1e-5)


@pytest.mark.parametrize("head", ["crf", "linear"])
@pytest.mark.parametrize("scheme", ["plain", "IO", "BIOES"])
def test_other_schemes_have_their_known_spans(scheme: str, head: str):
    shapes: dict[str, Callable[[list[str]], list[str]]] = {
        "plain": lambda tags: [tag[2:] or "X" for tag in tags],
        "IO": lambda tags: [tag.replace("B-", "I-") for tag in tags],
        "BIOES": lambda tags: [
            tag.replace("B-", "S-")
            if after[0] != "I" and tag[0] == "B"
            else tag.replace("I-", "E-")
            if after[0] != "I"
            else tag
            for tag, after in zip(tags, [*tags[1:], "O"])
        ],
    }
    tags = list(map(shapes[scheme], TAGS))
    tagger = tiny_tagger(epochs=1, head=head).fit(TOKENS, tags, dev=(TOKENS, tags))
    assert tagger.scheme_ == scheme
    wanted = {"plain": ["LOC", "LOC"], "IO": ["I-LOC", "I-LOC"], "BIOES": ["B-LOC", "E-LOC"]}[scheme]
    for start, end in product(range(6), repeat=2):
        if end == start + 2:
            [found] = tagger.predict([SENTENCE], known=[[(start, end, "LOC")]])
            assert found[start:end] == wanted
            spans = tagger.predict_token_spans([SENTENCE], known=[[(start, end, "LOC")]])[0]
            assert scheme == "plain" or (start, end, "LOC") in places(spans)
    if scheme == "IO":
        with pytest.raises(KnownError, match="the scheme of the model, IO, can't keep apart"):
            tagger.predict([SENTENCE], known=[[(0, 2, "LOC"), (2, 3, "LOC")]])
    if scheme == "BIOES":
        with pytest.raises(KnownError, match="no tags for a LOC of 3 tokens, since its training data had none"):
            tagger.predict([SENTENCE], known=[[(0, 3, "LOC")]])
