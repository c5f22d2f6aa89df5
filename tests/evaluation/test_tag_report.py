"""The renderings of a tagger's report, and the messages for tags that can't be compared."""

import json

import pytest
from rich.cells import cell_len

from seqtag.errors import DataError, UsageError
from seqtag.evaluation import TagReport, evaluate_tags

GOLD = [["B-PER", "I-PER", "O", "B-LOC"], [], ["O", "B-LOC", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "I-LOC"], [], ["O", "B-LOC", "B-ORG"]]


@pytest.fixture
def report() -> TagReport:
    return evaluate_tags(GOLD, PREDICTED, scheme="IOB2", source="news/test.conll")


def test_the_headline_figures(report):
    # gold PER 0:2, LOC 3:4, LOC 1:2; the orphan I-LOC counts only leniently, B-ORG never
    assert (report.precision, report.recall, report.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (report.conlleval.precision, report.conlleval.recall) == pytest.approx((3 / 4, 1))
    assert report.score == report.f1
    assert report.accuracy == pytest.approx(5 / 7)
    assert (report.num_sentences, report.num_tokens, report.num_gold, report.num_predicted) == (3, 7, 3, 4)


def test_the_table_of_the_terminal(report):
    assert str(report).split("\n") == [
        "news/test.conll",
        "3 sentences, 7 tokens, 3 spans, 4 predicted, IOB2",
        "",
        "                         strict                conlleval",
        "                       P       R      F1       P       R      F1 support",
        "LOC               100.00   50.00   66.67  100.00  100.00  100.00       2",
        "ORG                 0.00    0.00    0.00    0.00    0.00    0.00       0",
        "PER               100.00  100.00  100.00  100.00  100.00  100.00       1",
        "micro average      66.67   66.67   66.67   75.00  100.00   85.71       3",
        "",
        "token accuracy 71.43",
    ]


@pytest.mark.parametrize("label", ["a-label-that-nobody-would-choose-" * 4, "地名" * 30, "e"])
@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_the_table_fits_80_columns(label, scheme):
    gold = [[f"B-{label}", "O", "B-other"]]
    text = str(evaluate_tags(gold, gold, scheme=scheme, source="/very/long/folder" * 9 + "/test.conll"))
    assert max(map(cell_len, text.split("\n"))) <= 80
    assert "/test.conll\n" in text
    assert len({cell_len(line) for line in text.split("\n") if line.endswith((" 1", "support", " 2", " 3"))}) == 1


def test_a_label_that_only_the_lenient_reading_finds_shows_dashes():
    text = str(evaluate_tags([["O", "B-PER"]], [["I-LOC", "B-PER"]], scheme="IOB2"))
    assert "LOC                    -       -       -    0.00    0.00    0.00       0" in text.split("\n")


def test_markdown_has_the_same_figures_and_escapes_bars():
    gold = [["B-a|b", "O"]]
    assert evaluate_tags(gold, gold, scheme="IOB2", source="x").to_markdown().split("\n") == [
        "x: 1 sentences, 2 tokens, 1 spans, 1 predicted, IOB2",
        "",
        "| label | strict P | strict R | strict F1 | conlleval P | conlleval R | conlleval F1 | support |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| a\\|b | 100.00 | 100.00 | 100.00 | 100.00 | 100.00 | 100.00 | 1 |",
        "| micro average | 100.00 | 100.00 | 100.00 | 100.00 | 100.00 | 100.00 | 1 |",
        "",
        "Token accuracy: 100.00",
        "",
    ]
    plain = evaluate_tags([["DET", "NOUN"]], [["DET", "VERB"]], scheme="plain").to_markdown()
    assert "| NOUN | 0.00 | 0.00 | 0.00 | 1 |\n" in plain
    assert "| macro average | 33.33 | 33.33 | 33.33 | 2 |\n\nToken accuracy: 50.00\n" in plain


@pytest.mark.parametrize("scheme", ["IOB2", "plain"])
def test_json_holds_every_figure_under_stable_keys(tmp_path, scheme):
    report = evaluate_tags(GOLD, PREDICTED, scheme=scheme, source="news/tést.conll")
    path = tmp_path / "report.json"
    report.save(path)
    loaded = json.loads(path.read_text(encoding="utf-8"))
    assert loaded == report.to_dict()
    assert list(loaded) == [
        *("scheme", "source", "num_sentences", "num_tokens", "num_gold", "num_predicted"),
        *("accuracy", "score", "precision", "recall", "f1", "strict", "conlleval"),
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


def test_strict_repair_refuses_what_the_default_reads():
    gold, predicted = [["O"], ["O", "B-PER"]], [["O"], ["O", "I-PER"]]
    assert evaluate_tags(gold, predicted, scheme="IOB2").conlleval.f1 == 1.0
    with pytest.raises(DataError, match=r"^sentence 2: predicted tag 'I-PER' at token 2 breaks scheme IOB2"):
        evaluate_tags(gold, predicted, scheme="IOB2", repair="strict")


def test_wrong_calls_name_the_right_one():
    with pytest.raises(UsageError, match="gold holds strings where lists of tags are meant"):
        evaluate_tags(["O", "O"], [["O"], ["O"]], scheme="IOB2")
    with pytest.raises(UsageError, match="sentence 1: predicted tag 3 is no string; pass names, not ids"):
        evaluate_tags([["O"]], [[3]], scheme="plain")
    with pytest.raises(UsageError, match="unknown scheme 'BIO'"):
        evaluate_tags([["O"]], [["O"]], scheme="BIO")
    with pytest.raises(UsageError, match=r"unknown repair 'conleval'.*did you mean 'conlleval'"):
        evaluate_tags([["O"]], [["O"]], scheme="IOB2", repair="conleval")
