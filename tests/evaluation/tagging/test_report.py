"""What a tagger's report says and how, and the messages for tags that can't be compared."""

import json
from dataclasses import replace

import pytest
from rich.cells import cell_len

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.evaluation.tagging.report import TagReport
from seqtag.reporting.sections import Examples
from seqtag.text.schemes import Span
from seqtag.text.tag_tables import SpanTable

TOKENS = [["Ada", "Lovelace", "saw", "Turin"], [], ["In", "Oslo", "it"]]
GOLD = [["B-PER", "I-PER", "O", "B-LOC"], [], ["O", "B-LOC", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "I-LOC"], [], ["O", "B-LOC", "B-ORG"]]
SPANS = [
    [Span(0, 2, "PER", score=0.9), Span(3, 4, "LOC", score=0.6)],
    [],
    [Span(1, 2, "LOC", score=0.8), Span(2, 3, "ORG", score=0.3)],
]


@pytest.fixture
def report() -> TagReport:
    spans = SpanTable.of(SPANS, list(map(len, TOKENS)))
    return evaluate_tags(GOLD, PREDICTED, scheme="IOB2", source="news/test.conll", tokens=TOKENS, spans=spans)


def test_the_headline_figures(report):
    # gold PER 0:2, LOC 3:4, LOC 1:2; the orphan I-LOC counts only leniently, B-ORG never
    assert (report.precision, report.recall, report.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (report.conlleval.precision, report.conlleval.recall) == pytest.approx((3 / 4, 1))
    assert report.score == report.f1
    assert report.accuracy == pytest.approx(5 / 7)
    assert (report.num_sentences, report.num_tokens, report.num_gold, report.num_predicted) == (3, 7, 3, 4)
    assert report.num_illegal == (0, 1)


def test_the_scores_of_the_terminal(report):
    digest = report.measurement.data_hash[:16]
    bounds = {
        name: f"{100 * scores.f1.low:.1f}-{100 * scores.f1.high:.1f}"
        for name, scores in report.intervals.labels.items()
    }
    for name in ("micro", "macro"):
        interval = getattr(report.intervals, name).f1
        bounds[name] = f"{100 * interval.low:.1f}-{100 * interval.high:.1f}"
    words = [" ".join(line.split()) for line in report.summary().split("\n")]
    assert words[:3] == ["news/test.conll", "", "In short"]
    assert words[words.index("Scores") :] == [
        "Scores",
        "3 sentences, 7 tokens, 3 spans, 4 predicted",
        "scheme IOB2, repair conlleval",
        f"SHA-256 of gold {digest}",
        "",
        "strict conlleval",
        "P R F1 F1 95% P R F1 support",
        f"LOC 100.00 50.00 66.67 {bounds['LOC']}* 100.00 100.00 100.00 2",
        "ORG - - - - - - - 0",
        f"PER 100.00 100.00 100.00 {bounds['PER']}* 100.00 100.00 100.00 1",
        f"micro average 66.67 66.67 66.67 {bounds['micro']} 75.00 100.00 85.71 3",
        f"macro average 100.00 75.00 83.33 {bounds['macro']} 100.00 100.00 100.00 3",
        "",
        "token accuracy 71.43",
        "* rests on fewer than 10 examples",
        "-: gold does not have the label, so it is in no macro average",
        "1 predicted tags break the scheme: strict passes their spans over, conlleval",
        "reads them",
        "intervals: bootstrap over 3 sentences, 10,000 resamples, seed 0",
    ]


def test_the_strict_intervals_hold_the_strict_figures(report):
    for average, label in (("micro", None), ("labels", "LOC")):
        drawn = getattr(report.intervals, average)
        intervals = drawn if label is None else drawn[label]
        reading = report.strict if label is None else next(row for row in report.strict.labels if row.label == label)
        for figure in ("precision", "recall", "f1"):
            interval = getattr(intervals, figure)
            assert interval.value == pytest.approx(getattr(reading, figure))
            assert interval.low <= interval.value <= interval.high


def test_intervals_may_be_left_out_and_have_a_seed():
    bare = evaluate_tags(GOLD, PREDICTED, scheme="IOB2", resamples=0)
    assert bare.intervals is None
    assert "bootstrap" not in str(bare)
    one, two, other = (evaluate_tags(GOLD, PREDICTED, scheme="IOB2", seed=seed).intervals for seed in (1, 1, 2))
    assert one == two
    assert replace(other, seed=1) != one or one.num_units == 3  # three sentences have few resamples: bounds may agree
    with pytest.raises(UsageError, match="resamples=-1: pass a whole number, 0 for no intervals"):
        evaluate_tags(GOLD, PREDICTED, scheme="IOB2", resamples=-1)


def test_documents_are_resampled_where_they_are_known():
    gold, predicted = [["B-A"], ["B-A"], ["B-A"], ["B-A"]], [["B-A"], ["B-A"], ["O"], ["O"]]
    report = evaluate_tags(gold, predicted, scheme="IOB2", documents=["x", "x", "y", "y"])
    assert (report.num_documents, report.intervals.num_units, report.measurement.unit) == (2, 2, "documents")
    assert "4 sentences of 2 documents" in str(report)
    assert "bootstrap over 2 documents" in str(report)
    assert report.intervals.micro.recall.low == 0.0  # both draws the second document
    with pytest.raises(DataError, match="4 gold sentences but 1 documents"):
        evaluate_tags(gold, predicted, scheme="IOB2", documents=["x"])


def test_errors_are_named_and_shown_in_their_sentence(report):
    assert {kind: n for kind, n in report.errors.counts.items() if n} == {"spurious": 1}
    assert report.errors.num_right == 3
    (example,) = report.errors.examples
    assert (example.place, example.kinds, example.text) == ("sentence 3", ("spurious",), "In Oslo it")
    gold, predicted = (marks for _, marks in example.sides)
    assert [(mark.start, mark.end, mark.label, mark.kind) for mark in gold] == [(3, 7, "LOC", "right")]
    assert [(mark.start, mark.end, mark.label, mark.kind, mark.score) for mark in predicted] == [
        (3, 7, "LOC", "right", 0.8),
        (8, 10, "ORG", "spurious", 0.3),
    ]
    assert "In [Oslo](LOC 0.80) [it](ORG 0.30)" in str(report)
    assert "1 errors in 1 sentences; 3 right" in str(report)


def test_the_kinds_of_error_and_the_partial_credit_are_shown():
    tags = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-ORG"], ["B-PER", "O", "O", "B-ORG", "B-LOC", "O"]
    report = evaluate_tags([tags[0]], [tags[1]], scheme="IOB2", tokens=[list("abcdef")])
    assert {kind for kind, n in report.errors.counts.items() if n} == {"too short", "wrong type", "missed", "spurious"}
    text = str(report)
    for words in ("too short", "wrong type", "missed", "spurious", "25.00"):
        assert words in text
    # right 0; strict 0 of 3 and 3; partial: wrong type has its borders, too short half
    assert report.errors.partial.partial.f1 == pytest.approx(2 * 1.5 / 6)
    assert "partial: borders, half for overlap  50.00  50.00  50.00" in text
    assert "LOC          ORG               1" in text


def test_a_sample_of_many_errors_is_called_one():
    number = 450
    report = evaluate_tags([["B-PER"]] * number, [["O"]] * number, scheme="IOB2", tokens=[["Ada"]] * number)
    assert len(report.errors.examples) == 100
    assert [example.place for example in report.errors.examples[:2]] == ["sentence 1", "sentence 5"]
    caption = next(block for section in report.sections() for block in section.blocks if isinstance(block, Examples))
    assert caption.caption == "100 sentences with errors of 450, up to 100 of each kind"


def test_plain_tags_are_scored_by_token_and_confusions_are_the_errors():
    # tags with a hyphen are whole: 'B-x' is no span
    gold, predicted = [["NOUN", "B-x", "VERB"], ["NOUN"]], [["VERB", "B-x", "VERB"], ["VERB"]]
    report = evaluate_tags(gold, predicted, scheme="plain", tokens=[["a", "b", "c"], ["d"]])
    assert report.score == report.accuracy == 0.5
    assert {row.label for row in report.strict.labels} == {"NOUN", "B-x", "VERB"}
    assert report.intervals.micro.f1.value == 0.5
    assert report.errors.counts == {"NOUN -> VERB": 2}
    assert [example.place for example in report.errors.examples] == ["sentence 1", "sentence 2"]
    assert "token accuracy 50.00, 95% " in str(report)
    assert "NOUN -> VERB" in str(report)
    assert "conlleval" not in str(report)


def test_rare_pairs_of_plain_tags_go_together():
    gold = [[f"t{n}" for n in range(12)]]
    report = evaluate_tags(gold, [["t0"] * 12], scheme="plain")
    assert len(report.errors.counts) == 11
    assert report.errors.counts["other tags"] == 1
    assert report.errors.examples == ()  # no words are known


def test_a_report_without_errors_says_so():
    report = evaluate_tags(GOLD, GOLD, scheme="IOB2", tokens=TOKENS)
    assert "nothing: all spans are right" in str(report)
    assert report.errors.total == 0


@pytest.mark.parametrize("label", ["a-label-that-nobody-would-choose-" * 4, "地名" * 30, "e"])
@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_the_tables_fit_80_columns(label, scheme):
    gold, predicted = [[f"B-{label}", "O", "B-other"]], [["B-other", "O", f"B-{label}"]]
    report = evaluate_tags(
        gold, predicted, scheme=scheme, source="/very/long/folder" * 9 + "/test.conll", tokens=[["w" * 90] * 3]
    )
    text = str(report)
    assert max(map(cell_len, text.split("\n"))) <= 80
    assert "/test.conll\n" in text


def test_a_label_that_only_the_lenient_reading_finds_shows_dashes():
    text = str(evaluate_tags([["I-LOC", "B-PER"]], [["I-LOC", "B-PER"]], scheme="IOB2"))
    assert "LOC - - - - 100.00 100.00 100.00 1" in [" ".join(line.split()) for line in text.split("\n")]
    text = str(evaluate_tags([["O", "B-PER"]], [["B-LOC", "B-PER"]], scheme="IOB2"))
    assert "LOC - - - - 0" in [" ".join(line.split()) for line in text.split("\n")]


def test_readings_that_agree_in_every_row_are_shown_once_and_it_is_said():
    agreed = str(evaluate_tags(GOLD, GOLD, scheme="IOB2"))
    assert "  conlleval\n" not in agreed
    assert "strict and conlleval give the same figures in every row" in agreed
    assert "give the same figures" not in str(evaluate_tags(GOLD, PREDICTED, scheme="IOB2"))
    assert "give the same figures" not in str(evaluate_tags([["DET"]], [["DET"]], scheme="plain"))


def test_markdown_has_the_same_figures_and_escapes_bars():
    gold = [["B-a|b", "O"]]
    text = evaluate_tags(gold, gold, scheme="IOB2", source="x").to_markdown()
    assert "|  | P | R | F1 | F1 95% | support |" in text
    assert "| a\\|b | 100.00 | 100.00 | 100.00 | 100.0-100.0\\* | 1 |" in text
    orphan = evaluate_tags([["B-a|b", "I-c"]], [["B-a|b", "O"]], scheme="IOB2").to_markdown()
    assert "|  | strict P | strict R | strict F1 | strict F1 95% | conlleval P | " in orphan
    plain = evaluate_tags([["DET", "NOUN"]], [["DET", "VERB"]], scheme="plain").to_markdown()
    assert "| NOUN | 0.00 | 0.00 | 0.00 | 0.0-0.0\\* | 1 |\n| VERB | - | - | - | - | 0 |\n" in plain
    assert "| macro average | 50.00 | 50.00 | 50.00 |" in plain


@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_json_holds_every_figure_under_stable_keys(tmp_path, scheme):
    report = evaluate_tags(GOLD, PREDICTED, scheme=scheme, source="news/tést.conll", tokens=TOKENS)
    path = tmp_path / "report.json"
    report.save(path)
    loaded = json.loads(path.read_text(encoding="utf-8"))
    assert loaded == report.to_dict()
    assert list(loaded) == [
        *("task", "source", "data_hash", "scheme", "repair", "num_sentences", "num_documents", "num_tokens"),
        *(
            "num_gold",
            "num_predicted",
            "num_illegal",
            "num_unknown",
            "num_unjudged",
            "num_known",
            "accuracy",
            "score",
            "precision",
            "recall",
            "f1",
        ),
        *(
            "strict",
            "conlleval",
            "model",
            "date",
            "seqtag_version",
            "history",
            "errors",
            "intervals",
            "slices",
            "confidence",
            "measurement",
        ),
    ]
    for name in ("strict", "conlleval"):
        scores = getattr(report, name)
        assert (loaded[name]["precision"], loaded[name]["recall"], loaded[name]["f1"]) == (
            scores.precision,
            scores.recall,
            scores.f1,
        )
        assert [tuple(row.values()) for row in loaded[name]["labels"]] == [
            (row.label, row.precision, row.recall, row.f1, row.support) for row in scores.labels
        ]
    assert list(loaded["intervals"]) == ["micro", "macro", "labels", "confidence", "resamples", "seed", "num_units"]
    assert list(loaded["errors"]) == [
        *("counts", "num_right", "num_sentences", "confusions", "partial", "examples", "right_examples", "confident"),
    ]


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"], ["O", "O"]], [["O"], ["O"]], "^dev: sentence 2 has 2 gold tags but 1 predicted"),
        ([["O"], ["O"]], [["O"]], "^dev: 2 gold sentences but 1 predicted"),
        ([], [], "^dev: no sentences to score"),
        ([["O"], ["O"]], [["O"], ["E-PER"]], "^dev: sentence 2: predicted tag 'E-PER' has no place in scheme IOB2"),
        ([["NOUN"]], [["O"]], "^dev: sentence 1: gold tag 'NOUN' has no place in scheme IOB2"),
    ],
)
def test_tags_that_cannot_be_compared_are_refused_by_sentence(gold, predicted, message):
    with pytest.raises(DataError, match=message):
        evaluate_tags(gold, predicted, scheme="IOB2", source="dev")


def test_words_that_are_not_those_of_the_tags_are_refused():
    with pytest.raises(DataError, match=r"^dev: sentence 1 has 1 tokens but 2 gold tags; mend one"):
        evaluate_tags([["O", "O"]], [["O", "O"]], scheme="IOB2", source="dev", tokens=[["a"]])
    with pytest.raises(DataError, match=r"^dev: 1 gold sentences but 2 lists of tokens; pair them one to one"):
        evaluate_tags([["O", "O"]], [["O", "O"]], scheme="IOB2", source="dev", tokens=[["a"], ["b"]])


def test_strict_repair_refuses_what_the_default_reads():
    gold, predicted = [["O"], ["O", "B-PER"]], [["O"], ["O", "I-PER"]]
    assert evaluate_tags(gold, predicted, scheme="IOB2").conlleval.f1 == 1.0
    with pytest.raises(DataError, match=r"^sentence 2: predicted tag 'I-PER' at token 2 breaks scheme IOB2"):
        evaluate_tags(gold, predicted, scheme="IOB2", repair="strict")
    assert "repair strict" in str(evaluate_tags(gold, gold, scheme="IOB2", repair="strict"))


def test_wrong_calls_name_the_right_one():
    with pytest.raises(UsageError, match="gold holds strings where lists of tags are meant"):
        evaluate_tags(["O", "O"], [["O"], ["O"]], scheme="IOB2")
    with pytest.raises(UsageError, match="sentence 1: predicted tag 3 is no string; pass names, not ids"):
        evaluate_tags([["O"]], [[3]], scheme="plain")
    with pytest.raises(UsageError, match="unknown scheme 'BIO'"):
        evaluate_tags([["O"]], [["O"]], scheme="BIO")
    with pytest.raises(UsageError, match=r"unknown repair 'conleval'.*did you mean 'conlleval'"):
        evaluate_tags([["O"]], [["O"]], scheme="IOB2", repair="conleval")
