"""The forms of JSON in which texts and their spans are written, each read to the same tokens and tags."""

import json

import pytest
import spacy
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan
from spacy.training import docs_to_json

from seqtag.corpora.formats.annotation_records import read_record
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError

TEXT = "Ada Byron lives in Oslo."
TOKENS = ["Ada", "Byron", "lives", "in", "Oslo", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
SPANS = [[0, 9, "PER"], [19, 23, "LOC"]]


def spacy_doc():
    made = Doc(
        spacy.blank("en").vocab, TOKENS, [True, True, True, True, False, False], sent_starts=[True] + [False] * 5
    )
    made.set_ents([DocSpan(made, 0, 2, "PER"), DocSpan(made, 4, 5, "LOC")])
    return made


RECORDS = {
    "spacy pair": [TEXT, {"entities": SPANS}],
    "spacy pair with cats": [TEXT, {"entities": [[*span, "Q1"] for span in SPANS], "cats": {}}],
    "spacy 2": docs_to_json([spacy_doc()]),
    "spacy 3": spacy_doc().to_json(),
    "gliner": {"tokenized_text": TOKENS, "ner": [[0, 1, "PER"], [4, 4, "LOC"]]},
    "type and span": {"text": TEXT, "entities": [{"type": label, "span": [s, e]} for s, e, label in SPANS]},
    "start_char": {"sentence": TEXT, "ents": [{"start_char": s, "end_char": e, "type": t} for s, e, t in SPANS]},
    "an object of lists": {"text": TEXT, "entities": {"start": [0, 19], "end": [9, 23], "label": ["PER", "LOC"]}},
}


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def rows(path, **options):
    dataset = load_corpus(path, split="train", **options)
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[number] for number in row["tags"]]) for row in dataset]


@pytest.mark.parametrize("form", RECORDS)
def test_every_form_is_read_by_line_in_an_array_and_over_several_lines(form, tmp_path):
    one = json.dumps(RECORDS[form])
    for number, content in enumerate((f"{one}\n{one}\n", f"[{one}, {one}]", json.dumps([RECORDS[form]] * 2, indent=1))):
        assert rows(write(tmp_path / f"{number}.json", content)) == [(TOKENS, TAGS)] * 2
    assert rows(write(tmp_path / "one.json", one)) == [(TOKENS, TAGS)]
    if isinstance(RECORDS[form], dict):
        assert rows(write(tmp_path / "wide.json", json.dumps(RECORDS[form], indent=1))) == [(TOKENS, TAGS)]


def test_an_object_around_the_records(tmp_path):
    content = {"classes": ["PER", "LOC"], "annotations": [RECORDS["spacy pair"], None, RECORDS["spacy pair"]]}
    for indent in (None, 1):
        assert rows(write(tmp_path / "x.json", json.dumps(content, indent=indent))) == [(TOKENS, TAGS)] * 2


def test_old_doccano_has_the_numbers_of_labels(tmp_path):
    marks = [
        {"label": number, "start_offset": s, "end_offset": e, "user": 1} for number, (s, e, _) in enumerate(SPANS, 2)
    ]
    path = write(tmp_path / "x.jsonl", json.dumps({"id": 0, "text": TEXT, "annotations": marks, "meta": {}}))
    assert rows(path) == [(TOKENS, ["B-2", "I-2", "O", "O", "B-3", "O"])]


def test_cluener_has_characters_and_inclusive_ends(tmp_path, caplog):
    record = {"text": "海天银行 王小明", "label": {"name": {"王小明": [[5, 7]]}, "company": {"海天银行": [[0, 3]]}}}
    path = write(tmp_path / "x.json", f"{json.dumps(record)}\n" * 2)
    tags = ["B-company", *["I-company"] * 3, "B-name", "I-name", "I-name"]
    assert rows(path) == [(list("海天银行王小明"), tags)] * 2
    assert any("each character is a token; say language='zh'" in message for message in caplog.messages)
    caplog.clear()
    assert rows(path, language="zh")[0][1] == tags
    assert caplog.messages == []
    record["label"]["name"] = {"王小明": [[4, 6]]}
    with pytest.raises(DataError, match=r"x\.json:1: name span 4:7 ' 王小' is '王小明' by its own text; moved to 5:8"):
        load_corpus(write(path, json.dumps(record)), language="zh")


def test_other_keys_are_named(tmp_path):
    path = write(tmp_path / "x.jsonl", json.dumps({"body": TEXT, "marks": SPANS, "other": []}))
    assert rows(f"{path}:token=body,tag=marks") == rows(path, token="body", tag="marks") == [(TOKENS, TAGS)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"content": "Ada", "annotation": [{"label": ["PER"], "points": []}]},
            "x.json:1: this is the form of Dataturks",
        ),
        ({"rasa_nlu_data": {"common_examples": []}}, "this is the form of Rasa NLU, which is not read; convert it"),
        (
            {"tokenized_text": ["Ada"], "ner": [[0, 1, "PER"]]},
            r"x.json:1: .* needs two of the 1 tokens, counted from 0",
        ),
        ({"tokenized_text": ["Ada"], "ner": [["PER", 0, 0]]}, r"is no \[first token, last token, label\]"),
        (
            {"paragraphs": [{"raw": "Ada", "sentences": [{"tokens": [{"orth": "Ada", "ner": "-"}]}]}]},
            "token 'Ada' has no",
        ),
        ({"paragraphs": [{"sentences": [{"tokens": [{"orth": "Ada", "ner": "L-PER"}]}]}]}, "'L-PER' breaks the scheme"),
        ({"text": "Ada", "label": {"PER": {"Ada": [[0]]}}}, r"\[0\] is no \[first, last\] character of 'Ada'"),
        ({"text": "Ada", "entities": ["B-PER"], "spans": [7]}, "found 7 where an object with start and end is needed"),
    ],
)
def test_records_that_fall_short(record, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_corpus(write(tmp_path / "x.json", json.dumps(record)))


def test_a_record_may_say_that_it_counts_utf16_units():
    text = "😀 Ada met 𝔸da."
    record = {"text": text, "label": [[3, 6, "PER"], [11, 15, "PER"]], "offset_unit": "utf-16"}
    tokens = [{"start": start, "end": end} for start, end in ((0, 2), (3, 6), (7, 10), (11, 15), (15, 16))]
    (found,) = read_record(record, "a.jsonl:1", 1)
    assert [text[span.start : span.end] for span in found.spans] == ["Ada", "𝔸da"]
    (found,) = read_record(record | {"tokens": tokens}, "a.jsonl:1", 1)
    assert [(token.start, token.end) for token in found.tokens] == [(0, 1), (2, 5), (6, 9), (10, 13), (13, 14)]
    for start, end in ((-3, 2), (11, 99)):
        with pytest.raises(DataError, match="does not lie in the text"):
            list(read_record(record | {"label": [[start, end, "PER"]]}, "a.jsonl:1", 1))


@pytest.mark.parametrize("key", ["text", "word", "span", "surface_form"])
def test_the_words_of_a_span_are_read_under_many_keys(tmp_path, key):
    marks = [{"start": 0, "end": 3, "label": "PER", key: "Oslo"}]
    path = write(tmp_path / "x.jsonl", json.dumps({"text": "Ada left Oslo.", "spans": marks}))
    with pytest.raises(DataError, match=r"PER span 0:3 'Ada' is 'Oslo' by its own text; moved to 9:13 'Oslo'"):
        load_corpus(path)


def test_tokens_that_leave_a_part_of_the_text_out_are_refused(tmp_path):
    record = {"text": "Ada left Oslo.", "tokens": [{"text": "Ada", "start": 0, "end": 3, "id": 0}], "spans": []}
    path = write(tmp_path / "x.jsonl", json.dumps(record))
    with pytest.raises(DataError, match=r"x\.jsonl:1: 'left Oslo\.' stands in no token; add tokens for it"):
        load_corpus(path)


def test_a_key_without_a_value_is_named(tmp_path):
    path = write(tmp_path / "x.jsonl", '{"text": "Ada", "label": [[0, 3, "PER"]]}\n{"text": "Ada", "label": null}\n')
    with pytest.raises(DataError, match=r"x\.jsonl:2: the record has the keys text, label \(null\); expected"):
        load_corpus(path)
