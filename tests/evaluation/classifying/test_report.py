"""The renderings of a classifier's report, and the messages for labels that can't be compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.evaluation.classifying.report import ClassReport

GOLD = ["neg", "neg", "neu", "pos", "pos", "pos"]
PREDICTED = ["neg", "pos", "neg", "pos", "pos", "neg"]
PROBABILITIES = np.array(
    [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]]
)


def report_of(num_classes: int, *, length: int = 5, wrong: int = 1) -> ClassReport:
    """Give a report of so many classes, one text each; of the first `wrong` texts each has its neighbour's label."""
    labels = [f"{number:03d}-{'x' * (length - 4)}" for number in range(num_classes)]
    predicted = [labels[(number + (number < wrong)) % num_classes] for number in range(num_classes)]
    return evaluate_labels(labels, predicted, labels=labels)


def words_of(text: str) -> list[str]:
    """The lines of a report, a blank between cells."""
    return [" ".join(line.split()) for line in text.split("\n")]


def bounds(interval) -> str:
    return f"{100 * interval.low:.1f}-{100 * interval.high:.1f}"


@pytest.fixture
def report() -> ClassReport:
    texts = ["bad", "so so", "odd", "good", "very good", "no good"]
    return evaluate_labels(
        GOLD,
        PREDICTED,
        labels=["neg", "neu", "pos"],
        probabilities=PROBABILITIES,
        texts=texts,
        source="reviews/test.csv",
    )


def test_the_scores_of_the_terminal(report):
    loss = -np.log([0.5, 0.25, 0.25, 0.8, 0.6, 0.4]).mean()
    # pairs of a text with the class and one without that are in order, a tie a half: 5 of 8, 4 of 5, 8 of 9
    area = (5 / 8 + 4 / 5 + 8 / 9) / 3
    low, high = report.accuracy_interval
    drawn = report.intervals
    words = words_of(report.summary())
    assert words[:3] == ["reviews/test.csv", "", "In short"]
    assert words[words.index("Scores") :] == [
        "Scores",
        "6 texts, 3 classes, majority share 50.00 (pos)",
        f"SHA-256 of gold {report.measurement.data_hash[:16]}",
        "",
        "P R F1 F1 95% support predicted",
        f"neg 33.33 50.00 40.00 {bounds(drawn.labels['neg'].f1)}* 2 3",
        f"neu 0.00 0.00 0.00 {bounds(drawn.labels['neu'].f1)}* 1 0",
        f"pos 66.67 66.67 66.67 {bounds(drawn.labels['pos'].f1)}* 3 3",
        f"macro average 33.33 38.89 35.56 {bounds(drawn.macro.f1)} 6 6",
        "weighted average 44.44 50.00 46.67 - 6 6",
        "",
        f"accuracy 50.00, 95% interval {100 * low:.2f} to {100 * high:.2f}",
        f"log loss {loss:.4f} nats",
        f"ROC AUC {100 * area:.2f}, macro average over classes",
        "macro average: over the 3 classes that occur in gold",
        "* rests on fewer than 10 examples",
        "intervals: bootstrap over 6 texts, 10,000 resamples, seed 0",
    ]
    assert (low, high) == (drawn.micro.f1.low, drawn.micro.f1.high)  # of one label a text micro F1 is the accuracy


def test_the_matrix_of_the_terminal(report):
    lines = words_of(str(report))
    start = lines.index("confusion matrix: gold in rows, predicted in columns")
    assert lines[start + 1 : start + 5] == ["neg neu pos", "neg 1 0 1", "neu 1 0 0", "pos 1 0 2"]


def test_the_most_confident_mistakes_come_first(report):
    assert [(example.text, example.note) for example in report.errors.examples] == [
        ("so so", "gold neg; predicted pos (0.50)"),
        ("odd", "gold neu; predicted neg (0.50)"),
        ("no good", "gold pos; predicted neg (0.50)"),
    ]
    surer = PROBABILITIES.copy()
    surer[5] = [0.9, 0.05, 0.05]
    found = evaluate_labels(GOLD, PREDICTED, labels=["neg", "neu", "pos"], probabilities=surer, texts=list("abcdef"))
    assert [example.text for example in found.errors.examples] == ["f", "b", "c"]
    assert "all 3 mistakes, the most confident first" in str(found)
    assert found.errors.examples[0].kinds == ("pos -> neg",)


def test_a_sample_of_many_mistakes_is_called_one_and_long_texts_are_cut_and_say_so():
    number = 250
    found = evaluate_labels(["a"] * number, ["b"] * number, labels=["a", "b"], texts=["so " * 500] * number)
    assert len(found.errors.examples) == 200
    assert "200 of 250 mistakes" in str(found)
    assert found.errors.examples[0].note == "gold a; predicted b; the first 1,000 of 1,500 characters"
    assert len(found.errors.examples[0].text) == 1001


def test_the_tables_of_several_labels():
    gold, predicted = [["a", "b"], ["a"], [], ["new"]], [["a"], ["a", "b"], [], []]
    report = evaluate_labels(gold, predicted, labels=["a", "b", "c"], texts=["one", "two", "three", "four"])
    lines = words_of(str(report))
    start = lines.index("P R F1 F1 95% support predicted")
    drawn = report.intervals
    assert lines[lines.index("Scores") + 1] == "4 texts, 4 labels, 1.00 per text in gold, 0.75 predicted"
    assert lines[start + 1 : start + 8] == [
        f"a 100.00 100.00 100.00 {bounds(drawn.labels['a'].f1)}* 2 2",
        f"b 0.00 0.00 0.00 {bounds(drawn.labels['b'].f1)}* 1 1",
        "c - - - - 0 0",
        f"new 0.00 0.00 0.00 {bounds(drawn.labels['new'].f1)}* 1 0",
        f"micro average 66.67 50.00 57.14 {bounds(drawn.micro.f1)} 4 3",
        f"macro average 33.33 33.33 33.33 {bounds(drawn.macro.f1)} 4 3",
        "weighted average 50.00 50.00 50.00 - 4 3",
    ]
    assert lines[start + 9].startswith("subset accuracy (all labels of a text right) 25.00, 95% interval ")
    assert lines[start + 10].startswith("micro F1 57.14, 95% interval ")
    assert lines[start + 11 : start + 16] == [
        "log loss and ROC AUC are not defined: no probabilities were given",
        "macro average: over the 3 classes that occur in gold",
        "* rests on fewer than 10 examples",
        "-: gold does not have the label, so it is in no macro average",
        "not known to the model, so counted as wrong: new (1 texts)",
    ]
    assert report.errors.counts == {"missed label": 2, "spurious label": 1}
    assert [(example.kinds, example.note) for example in report.errors.examples] == [
        (("missed label",), "gold a, b; predicted a"),
        (("spurious label",), "gold a; predicted a, b"),
        (("missed label",), "gold new; predicted nothing"),
    ]


def test_of_many_classes_the_terminal_shows_the_worst_and_json_all():
    assert "with the lowest F1 come first" not in str(report_of(30))
    report = report_of(31, wrong=9)
    lines = words_of(report.summary())
    start = lines.index("the classes with the lowest F1 come first")
    shown = [line.split()[0] for line in lines[start + 2 : start + 17]]
    assert lines[start + 17].startswith("macro average")
    assert "the first 15 of 31 rows; the other forms of the report have all" in lines
    f1 = {row.label: row.f1 for row in report.classes}
    assert max(f1[label] for label in shown) <= min(f1[label] for label in f1 if label not in shown)
    assert [row["label"] for row in report.to_dict()["classes"]] == list(f1)
    assert sum(line.endswith("| 1 |") and "average" not in line for line in report.to_markdown().split("\n")) > 25


def test_classes_that_occur_nowhere_come_last():
    labels = [str(number) for number in range(200)]
    lines = words_of(str(evaluate_labels(["7", "8"], ["7", "9"], labels=labels, resamples=20)))
    start = lines.index("the classes with the lowest F1 come first")
    assert [line.split()[0] for line in lines[start + 2 : start + 6]] == ["8", "7", "0", "1"]


def test_a_matrix_is_shown_for_ten_classes_and_confusions_for_more():
    assert "confusion matrix" in str(report_of(10))
    gold = ["a"] * 5 + ["b"] * 4 + ["c"]
    found = evaluate_labels(gold, ["b"] * 5 + ["a"] * 4 + ["d"], labels=list("abcdefghijkl"))
    assert words_of(str(found))[-5:] == [
        "classes taken for each other, 3 pairs",
        "gold predicted texts",
        "a b 5",
        "b a 4",
        "c d 1",
    ]
    assert found.errors.counts == {"a -> b": 5, "b -> a": 4, "c -> d": 1}
    many = report_of(12, wrong=12)
    assert "classes taken for each other, 12 pairs" in str(many)
    assert "the first 10 of 12 rows" in str(many)
    assert many.errors.counts["other classes"] == 2
    assert "nothing: all texts are right" in str(report_of(12, wrong=0))


def test_long_names_give_way_to_numbers_in_the_head_of_a_matrix():
    lines = words_of(str(report_of(6, length=20)))
    start = lines.index("confusion matrix: gold in rows, predicted in columns") + 1
    assert lines[start].split() == ["1", "2", "3", "4", "5", "6"]
    names = [f"{n:03d}-{'x' * 16}" for n in range(6)]
    assert [line.split()[:2] for line in lines[start + 1 : start + 7]] == [
        [str(n + 1), name] for n, name in enumerate(names)
    ]


@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=40, unique=True),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1),
    st.booleans(),
    st.booleans(),
)
@example(["地名" * 30, "Straße " * 9, "👩‍💻" * 9, "\n", "", "-"], [(n, n + 1) for n in range(7)], False, False)
@example(["地名" * 30, "Straße " * 9, "👩‍💻" * 9, "\n", "", "-"], [(n, n + 1) for n in range(7)], False, True)
def test_no_line_is_wider_than_80_cells(labels, pairs, multi_label, has_probabilities):
    gold = [labels[i] if i < len(labels) else f"unheard of {i}" for i, _ in pairs]
    predicted = [labels[j % len(labels)] for _, j in pairs]
    if multi_label:
        gold, predicted = [[label] for label in gold], [[label] for label in predicted]
    probabilities = np.full((len(gold), len(labels)), 1 / len(labels)) if has_probabilities else None
    text = str(
        evaluate_labels(
            gold,
            predicted,
            labels=labels,
            probabilities=probabilities,
            texts=["地名 " * 99] * len(gold),
            source="地/" * 99,
            resamples=20,
        )
    )
    assert max(map(cell_len, text.split("\n"))) <= 80
    assert text.split("\n")[0].endswith("地/")


def test_counts_of_millions_still_fit():
    report = evaluate_labels(["a"], ["a"], labels=list("abcdefghij"))
    millions = tuple(tuple([12_345_678] * 10) for _ in range(10))
    large = replace(report, confusion=millions)
    assert max(map(len, str(large).split("\n"))) <= 80
    wrong = evaluate_labels(["a", "b"], ["b", "b"], labels=list("abcdefghij"))
    large = replace(wrong, confusion=millions, errors=replace(wrong.errors, confusions=(("a", "b", 12_345_678),)))
    assert "a b 12,345,678" in words_of(str(large))  # no matrix: it would not fit


def test_markdown_has_the_same_figures_and_escapes_names(report):
    markdown = report.to_markdown()
    assert markdown.startswith("# reviews/test.csv\n\n## In short\n\n**accuracy 50.00** (95% interval ")
    assert "\n## Scores\n\n- 6 texts, 3 classes, majority share 50.00 (pos)\n" in markdown
    assert "## Pictures" not in markdown
    assert f"| pos | 66.67 | 66.67 | 66.67 | {bounds(report.intervals.labels['pos'].f1)}\\* | 3 | 3 |\n" in markdown
    assert "|  | neg | neu | pos |\n| --- | ---: | ---: | ---: |\n| neg | 1 | 0 | 1 |\n" in markdown

    odd = evaluate_labels(["a|b", "*c*"], ["a|b", "a|b"], labels=["a|b"]).to_markdown()
    assert "| a\\|b | 50.00 | 100.00 | 66.67 | " in odd
    assert "\n- not known to the model, so counted as wrong: \\*c\\* (1 texts)\n" in odd


@pytest.mark.parametrize("labels", [["neg", "pos"], [0, 1], [False, True]])
@pytest.mark.parametrize("multi_label", [False, True])
def test_json_holds_every_figure_under_stable_keys(tmp_path, labels, multi_label):
    gold, predicted = [labels[0], labels[1], labels[1]], [labels[0], labels[0], labels[1]]
    if multi_label:
        gold, predicted = [[label] for label in gold], [[label] for label in predicted]
    report = evaluate_labels(gold, predicted, labels=labels, probabilities=[[0.5, 0.5]] * 3, source="tést")
    report.save(tmp_path / "report.json")
    loaded = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert loaded == report.to_dict()
    assert list(loaded) == [
        *("task", "source", "data_hash", "multi_label", "num_texts", "num_classes", "majority_share", "score"),
        *("accuracy", "accuracy_interval", "macro", "weighted", "micro", "micro_interval"),
        *("log_loss", "roc_auc", "undefined", "unknown", "classes", "confusion"),
        *("model", "date", "seqtag_version", "history"),
        *("errors", "intervals", "slices", "confidence", "measurement"),
    ]
    fields = set(report.__dataclass_fields__)
    assert fields <= set(loaded)  # nothing that the report knows is left out
    assert [type(row["label"]) for row in loaded["classes"]] == [type(labels[0])] * 2
    assert loaded["macro"] == {
        "precision": report.macro.precision,
        "recall": report.macro.recall,
        "f1": report.macro.f1,
    }
    assert loaded["roc_auc"] == 0.5
    assert loaded["log_loss"] == pytest.approx(np.log(2))
    assert loaded["confusion"] == (None if multi_label else [[1, 0], [1, 1]])


@pytest.mark.parametrize(
    ("gold", "labels", "probabilities", "undefined"),
    [
        (["a", "b"], ["a", "b"], None, {"log_loss": "no probabilities were", "roc_auc": "no probabilities were"}),
        (["a", "x"], ["a", "b"], [[0.5, 0.5]] * 2, dict.fromkeys(("log_loss", "roc_auc"), "not know: 'x'")),
        (["a", "a"], ["a"], [[1.0]] * 2, dict.fromkeys(("log_loss", "roc_auc"), "only one class")),
        (["a", "a"], ["a", "b"], [[0.5, 0.5]] * 2, {"roc_auc": "in gold no text has 'b'"}),
        ([["a"], ["a", "b"]], ["a", "b"], [[0.5, 0.5]] * 2, {"roc_auc": "in gold every text has 'a'"}),
        ([["a"], []], ["a", "b"], [[0.5, 0.5]] * 2, {"roc_auc": "in gold no text has 'b'"}),
        ([["a"], []], ["a"], [[0.5]] * 2, {}),
    ],
)
def test_a_figure_that_is_not_defined_says_why(gold, labels, probabilities, undefined):
    predicted = [["a"], ["a"]] if isinstance(gold[0], list) else ["a", "a"]
    report = evaluate_labels(gold, predicted, labels=labels, probabilities=probabilities)
    assert set(report.undefined) == set(undefined)
    assert all(part in report.undefined[name] for name, part in undefined.items())
    assert {name for name in ("log_loss", "roc_auc") if getattr(report, name) is None} == set(undefined)
    assert all(report.undefined[name] in " ".join(str(report).split("\n")) for name in undefined)


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        (["a", "b"], ["a"], "^dev: 2 gold texts but 1 predicted: text 2 has nothing predicted; pair them"),
        (["a"], ["a", "b", "b"], "^dev: 1 gold texts but 3 predicted: text 2 has nothing in gold; pair them"),
        ([], [], "^dev: no texts to score"),
    ],
)
def test_texts_without_a_partner_are_refused(gold, predicted, message):
    with pytest.raises(DataError, match=message):
        evaluate_labels(gold, predicted, labels=["a", "b"], source="dev")


@pytest.mark.parametrize(
    ("gold", "predicted", "labels", "message"),
    [
        ("ab", ["a", "b"], ["a", "b"], "^dev: gold is one string; pass a list with one label, or one list of labels"),
        (["a"], ["a"], "ab", "^dev: labels is one string; pass a list with all classes"),
        (["a"], ["a"], [], "^dev: labels is empty; pass the classes that the model knows"),
        (["a"], ["a"], ["a", "b", "a"], "^dev: labels holds 'a' twice"),
        (["a"], ["a"], ["a", 1], "^dev: labels holds 1; the first is 'a'; pass strings, integers or booleans"),
        ([0.5], [0.5], [0.5], r"^dev: labels holds 0\.5; pass strings, integers or booleans, all of one kind"),
        (["a", None], ["a", "a"], ["a"], "^dev: text 2: gold label None is no string as 'a' in `labels` is"),
        (["a", "a"], ["a", 1], ["a"], "^dev: text 2: predicted label 1 is no string as 'a' in `labels` is"),
        ([1, 0], [True, False], [0, 1], "^dev: text 1: predicted label True is no integer as 0 in `labels` is"),
        (["1"], ["1"], [True], "^dev: text 1: gold label '1' is no boolean as True in `labels` is"),
        (["a"], ["psitive"], ["a", "positive"], "^dev: text 1: predicted label 'psitive' .* did you mean 'positive'"),
        (["a", ["a"]], ["a", "a"], ["a"], r"^dev: text 2: gold is \['a'\], but the gold of text 1 is one label"),
        ([["a"]], ["a"], ["a"], "^dev: text 1: predicted is 'a', but the gold of text 1 is a list"),
        (np.eye(2), np.eye(2), ["a", "b"], "^dev: gold is an array of 2 dimensions; pass a list"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused_by_text(gold, predicted, labels, message):
    with pytest.raises(UsageError, match=message):
        evaluate_labels(gold, predicted, labels=labels, source="dev")


@pytest.mark.parametrize(
    ("probabilities", "error", "message"),
    [
        ([[0.5, 0.5]], UsageError, r"^dev: probabilities have shape \(1, 2\), but 2 texts and 2 classes need \(2, 2\)"),
        ([[0.5, 0.5, 0]] * 2, UsageError, r"shape \(2, 3\), but 2 texts and 2 classes need \(2, 2\); pass one row per"),
        ([0.5, 0.5], UsageError, r"^dev: probabilities have shape \(2,\)"),
        ([[0.5, 0.5], [1]], UsageError, "^dev: probabilities are no matrix of numbers"),
        ([["a", "b"]] * 2, UsageError, "^dev: probabilities are no matrix of numbers"),
        ([[0.5, 0.5], [np.nan, 1]], DataError, "^dev: text 2: the probability of 'a' is nan; pass numbers between 0"),
        ([[0.5, 0.5], [-3, 4]], DataError, "^dev: text 2: the probability of 'a' is -3"),
        ([[0.5, 0.5], [0.9, 0.8]], DataError, r"^dev: text 2: the probabilities sum to 1\.7"),
    ],
)
def test_probabilities_that_are_none_are_refused_by_text(probabilities, error, message):
    with pytest.raises(error, match=message):
        evaluate_labels(["a", "b"], ["a", "b"], labels=["a", "b"], probabilities=probabilities, source="dev")


def test_probabilities_of_several_labels_need_not_sum_to_1():
    report = evaluate_labels([["a", "b"], []], [["a"], []], labels=["a", "b"], probabilities=[[0.9, 0.8], [0.1, 0.2]])
    assert report.roc_auc == 1.0
    assert report.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.9, 0.8]).mean())


def test_rounded_probabilities_are_taken():
    report = evaluate_labels(["a", "b", "c"], ["a"] * 3, labels=["a", "b", "c"], probabilities=[[0.333] * 3] * 3)
    assert report.log_loss == pytest.approx(np.log(3))
    assert report.roc_auc == 0.5
