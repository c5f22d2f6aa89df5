"""Ticked suspects: files that are refused, and corpora that have what was ticked and nothing else changed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag import DataError, Span, load_corpus
from seqtag.corpora.conversion import read_labelled, read_tagged
from seqtag.curation.corrections import Correction, corrected, read_corrections, tasks

COLUMNS = "Ada\tB-PER\nLovelace\tI-PER\nleft\tO\nNew\tO\nYork\tB-LOC\n\nIt\tO\nrained\tO\n"
BORDER = Correction("wrong border", "train", 0, (Span(4, 5, "LOC", "York"),), (Span(3, 5, "LOC", "New York", 0.9),))
TEXTS = "text,label\nA lovely day,bad\nA dull day,bad\nFine,good\n"
CLASS = Correction(
    "wrong class", "train", 0, (Span(0, 12, "bad", "A lovely day"),), (Span(0, 12, "good", "A lovely day", 0.9),)
)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text(COLUMNS, encoding="utf-8")
    return read_tagged(str(path))


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(TEXTS, encoding="utf-8")
    return read_labelled(str(path))


def tags_of(corpus):
    rows = corpus.splits["train"]
    names = rows.features["tags"].feature.names
    return [[names[number] for number in row] for row in rows["tags"]]


def test_what_was_ticked_is_changed_and_nothing_else(corpus):
    changed = corrected(corpus, [BORDER])
    assert tags_of(changed) == [["B-PER", "I-PER", "O", "B-LOC", "I-LOC"], ["O", "O"]]
    assert changed.splits["train"]["tokens"][:] == corpus.splits["train"]["tokens"][:]
    assert load_corpus(changed.splits)["train"]["tags"][:] == changed.splits["train"]["tags"][:]
    assert tags_of(corrected(corpus, [])) == tags_of(corpus)
    assert tags_of(corpus)[0][3] == "O"


def test_spans_are_added_and_removed_and_may_have_a_label_of_their_own(corpus):
    changes = [
        Correction("extra", "train", 0, (Span(0, 2, "PER", "Ada Lovelace"),), ()),
        Correction("missing", "train", 1, (), (Span(1, 2, "RAIN", "rained"),)),
    ]
    changed = corrected(corpus, changes)
    assert tags_of(changed) == [["O", "O", "O", "O", "B-LOC"], ["O", "B-RAIN"]]
    assert "RAIN" in changed.about.labels


@settings(max_examples=20)
@given(st.data())
def test_taking_a_correction_back_gives_the_corpus_as_it_was(tmp_path_factory, data):
    scheme = data.draw(st.sampled_from(["IOB2", "BIOES", "IOB1"]))
    path = tmp_path_factory.getbasetemp() / "back.conll"
    path.write_text(COLUMNS, encoding="utf-8")
    corpus = read_tagged(str(path), scheme=scheme)
    start = data.draw(st.integers(0, 1))
    end = data.draw(st.integers(start + 1, 2))
    words = " ".join(["Ada", "Lovelace"][start:end])
    proposed = Span(start, end, data.draw(st.sampled_from(["PER", "LOC"])), words)
    there = Correction("wrong border", "train", 0, (Span(0, 2, "PER", "Ada Lovelace"),), (proposed,))
    back = replace(there, gold=there.proposed, proposed=there.gold)
    assert tags_of(corrected(corrected(corpus, [there]), [back])) == tags_of(corpus)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace(BORDER, split="test"), "test, sentence 1: the splits of the corpus are train"),
        (replace(BORDER, row=7), "train, sentence 8: the split has 2 rows"),
        (replace(BORDER, gold=(Span(4, 5, "LOC", "Cork"),)), "tokens 4 to 5 are 'York', not 'Cork'"),
        (replace(BORDER, gold=(Span(4, 9, "LOC", "York"),)), "tokens 4 to 9 are 'York', not 'York'"),
        (replace(BORDER, gold=(Span(4, 5, "PER", "York"),)), "'York' is no PER there"),
    ],
)
def test_a_corpus_that_has_changed_since_is_not_touched(corpus, change, message):
    with pytest.raises(DataError, match=message) as caught:
        corrected(corpus, [change])
    assert "run `seqtag suspects` on it again" in str(caught.value)


def test_unknown_tags_stay_unknown_where_nothing_is_proposed(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("Ada\tB-PER\nmet\t?\nBo\tO\nin\t?\nOslo\tB-LOC\n", encoding="utf-8")
    change = Correction("missing", "train", 0, (), (Span(2, 3, "PER", "Bo"),))
    changed = corrected(read_tagged(str(path)), [change])
    assert tags_of(changed) == [["B-PER", "?", "B-PER", "?", "B-LOC"]]
    over = Correction("missing", "train", 0, (), (Span(2, 4, "PER", "Bo in"),))
    assert tags_of(corrected(read_tagged(str(path)), [over])) == [["B-PER", "?", "B-PER", "I-PER", "B-LOC"]]
    assert load_corpus(changed.splits)["train"].features["tags"].feature.names[-1] == "?"


def test_corrections_that_overlap_are_refused(corpus):
    again = Correction("missing", "train", 0, (), (Span(2, 4, "ORG", "left New"),))
    with pytest.raises(DataError, match=r"train, sentence 1: its corrections don't go together, or .* overlap"):
        corrected(corpus, [BORDER, again])


def test_classes_of_texts_are_changed(labelled):
    changed = corrected(labelled, [CLASS])
    names = changed.splits["train"].features["label"].names
    assert [names[number] for number in changed.splits["train"]["label"]] == ["good", "bad", "good"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace(CLASS, row=1), "train, text 2: it begins with 'A dull day', not with 'A lovely day'"),
        (replace(CLASS, gold=(replace(CLASS.gold[0], label="good"),)), "its label is bad, not good"),
        (replace(CLASS, proposed=()), "its corrections give it 0 labels"),
    ],
)
def test_texts_that_have_changed_since_are_not_touched(labelled, change, message):
    with pytest.raises(DataError, match=message):
        corrected(labelled, [change])


def test_tasks_have_the_row_with_its_proposals_and_what_was_suspected(corpus, labelled):
    [document] = tasks(corpus, [BORDER])
    assert [(span.text, span.label, span.score) for span in document.spans] == [
        ("Ada Lovelace", "PER", None),
        ("New York", "LOC", 0.9),
    ]
    assert document.fields == {
        "place": "train, sentence 1",
        "suspects": "wrong border: LOC 'York' -> LOC 'New York'",
    }
    [text] = tasks(labelled, [CLASS])
    assert (text.labels, text.scores) == (["good"], {"good": 0.9})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "byte 1 is not UTF-8"),
        (b"{", "ticked.json"),
        (b"[]", "without a list `suspects`"),
        (b'{"suspects": [], "least": 0.0}', "is a whole report"),
        (b'{"suspects": [3]}', "suspect 1: 3 is no object"),
        (b'{"suspects": [{"split": "train"}]}', "suspect 1: split is 'train' and row None"),
        (b'{"suspects": [{"split": "train", "row": 1, "gold": 2}]}', "must be lists of spans, found 2"),
        (
            b'{"suspects": [{"split": "train", "row": 1, "gold": [], "proposed": [{"start": true}]}]}',
            "is no span with start, end, label and text",
        ),
    ],
)
def test_a_file_that_holds_no_ticks_is_told_from_one_that_does(tmp_path, content, message):
    path = tmp_path / "ticked.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_corrections(path)


def test_a_file_of_ticks_reads_back(tmp_path):
    spans = {side: [span.to_dict() for span in getattr(BORDER, side)] for side in ("gold", "proposed")}
    stored = {"suspects": [{"kind": BORDER.kind, "split": "train", "row": 0, **spans}]}
    path = tmp_path / "ticked.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert read_corrections(path) == [BORDER]
