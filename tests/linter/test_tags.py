"""What the linter finds in tags, against the readers of single sentences."""

import json
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from hypothesis import given
from hypothesis import strategies as st
from linting import write

from seqtag.corpora.loading import load_corpus
from seqtag.linter.corpus import read_rows
from seqtag.linter.linter import check_corpus
from seqtag.linter.tags import read_tags
from seqtag.text.schemes import SCHEMES, convert_tags, detect_scheme, illegal_positions, spans_from_tags, tag_bigrams

TAGS = st.sampled_from(["O", *(f"{letter}-{label}" for letter in "BIESLUM" for label in ("PER", "LOC-x"))])
BIO_TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def dataset(sentences):
    return Dataset.from_dict({"tokens": [["x"] * len(tags) for tags in sentences], "tags": sentences})


def reading_of(sentences):
    corpus = read_rows({"train": dataset(sentences)}, "tag", {"language": "xx"})
    return read_tags(corpus)


def test_a_loaded_corpus_is_read_in_the_scheme_that_it_carries():
    loaded = load_corpus(dataset([["I-PER", "B-PER"], ["I-PER", "O"], ["O", "I-LOC"]]))
    few = loaded["train"].select([1, 2])  # without a B- tag they look like IO
    for source in (loaded, few):
        assert check_corpus(source).scheme == "IOB1"
    changed = few.map(lambda row: {"tags": [1] * len(row["tags"])})  # B-PER at the start of a sentence breaks IOB1
    found = check_corpus(changed)
    assert (found.scheme, {finding.kind for finding in found.findings} & {"illegal_tag"}) == ("IOB1", {"illegal_tag"})
    assert check_corpus(dataset([["I-PER", "O"]])).scheme == "IO"


@given(st.lists(st.lists(TAGS, max_size=8), min_size=1, max_size=6).filter(any))
def test_all_spans_at_once_are_those_of_each_sentence(sentences):
    reading = reading_of(sentences)
    spans = reading.spans(reading.corpus.splits["train"])
    assert spans.lists() == [spans_from_tags(tags, "BIOES") for tags in sentences]


@given(st.lists(st.lists(BIO_TAGS, max_size=8), min_size=1, max_size=6).filter(any), st.sampled_from(SCHEMES[1:]))
def test_illegal_tags_are_those_of_each_sentence_in_the_scheme_of_the_corpus(sentences, scheme):
    if scheme in ("BIOES", "BILOU", "BMES"):
        # the first keeps its faults, the rest says which scheme it is
        whole = [["B-PER", "I-PER", "I-PER", "O", "B-PER"], ["B-PER", "I-PER", "B-LOC", "I-LOC", "I-LOC"]]
        sentences = [sentences[0], *(convert_tags(tags, "IOB2", scheme) for tags in [*sentences[1:], *whole])]
    found = detect_scheme(tag_bigrams(sentences))
    findings = check_corpus({"train": dataset(sentences)})
    assert findings.scheme == found
    illegal = findings.of_kind("illegal_tag")
    assert (illegal.count if illegal else 0) == sum(len(illegal_positions(tags, found)) for tags in sentences)


def test_an_orphan_is_shown_by_line_with_its_neighbours(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\tB-PER\nLovelace\tI-PER\n\nin\tO\nNew\tI-LOC\nYork\tI-LOC\n")
    finding = check_corpus(path).of_kind("illegal_tag")
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:5", "'I-LOC' after 'O', before 'I-LOC'")]


def test_a_misspelled_tag_is_named_with_the_right_one_and_does_not_hide_the_others(tmp_path):
    text = "Ada\tB-PER\nB\tI-PER\nC\tO\n\nBo\tB_PER\nC\tO\n\nBo\tO\nC\tI-PER\n"
    findings = check_corpus(write(tmp_path / "a.conll", text))
    assert findings.scheme == "IOB2"
    assert [(e.place, e.text) for e in findings.of_kind("odd_tag").examples] == [
        (f"{tmp_path / 'a.conll'}:5", "'B_PER'; did you mean 'B-PER'?")
    ]
    assert findings.of_kind("illegal_tag").count == 1
    assert dict(findings.splits[0].labels) == {"PER": 3}  # load_corpus reads B_PER as B-PER, and says so


def test_entity_tags_in_another_spelling_are_named_with_what_they_are_taken_for(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\tper_b\nLovelace\tper_i\nspoke\t_\n\nBo\tper_b\nspoke\t_\n")
    findings = check_corpus(path)
    found = findings.of_kind("respelled_tag")
    assert (findings.scheme, found.severity, found.count) == ("IOB2", "warning", 5)
    assert [(e.place, e.text) for e in found.examples][:3] == [
        (f"{path}:1", "'per_b' for B-per"),
        (f"{path}:2", "'per_i' for I-per"),
        (f"{path}:3", "'_' for O"),
    ]
    plain = check_corpus(f"{path}:scheme=plain")
    assert (plain.scheme, plain.of_kind("respelled_tag")) == ("plain", None)


def test_the_tag_outside_of_entities_can_be_named(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\tB-PER\nspoke\tX\n\nBo\tB-PER\nspoke\tX\n")
    assert check_corpus(path).of_kind("respelled_tag") is None
    assert check_corpus(f"{path}:outside=X").of_kind("respelled_tag").count == 2


def test_letters_of_two_schemes_are_found_by_the_rarest():
    sentences = [["B-PER", "I-PER", "O"]] * 5 + [["S-LOC", "O", "U-LOC"], ["L-LOC", "S-LOC", "S-LOC"], ["L-PER"]]
    findings = check_corpus(dataset(sentences))
    mixed = findings.of_kind("mixed_letters")
    assert (findings.scheme, mixed.count) == ("plain", 1)
    assert [e.place for e in mixed.examples] == ["split train, row 5, token 2"]
    assert "B- 5, I- 5, L- 2, S- 3, U- 1" in mixed.message


def test_plain_tags_have_no_illegal_ones_and_no_ambiguous_words():
    rows = Dataset.from_dict({"tokens": [["run", "run"]] * 9, "tags": [["NOUN", "VERB"]] * 9})
    findings = check_corpus(rows)
    assert (findings.scheme, findings.findings) == ("plain", ())
    assert dict(findings.splits[0].labels) == {"NOUN": 9, "VERB": 9}


def test_all_tokens_without_a_tag_are_listed_where_load_corpus_stops_at_the_first(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\tB-PER\ncame\t\n\nBo\t \nwent\tO\n")
    finding = check_corpus(path).of_kind("missing_label")
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:2", "'came'"), (f"{path}:4", "'Bo'")]
    assert finding.severity == "error"


def test_surfaces_with_two_labels_have_their_counts_and_the_place_of_the_rarer(tmp_path):
    ford = "Ford\tB-ORG\nwon\tO\n\n"
    path = write(
        tmp_path / "a.conll", ford * 3 + "Harrison\tB-PER\nFord\tI-PER\n\nFord\tB-PER\nwon\tO\n\nford\tB-LOC\n"
    )
    finding = check_corpus(path).of_kind("ambiguous_surface")
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:13", "'Ford': ORG 3, PER 1")]


def test_misaligned_spans_are_all_listed_with_the_suggested_border(tmp_path):
    records = [{"text": "Ada Lovelace lives in Turin.", "label": [[0, 5, "PER"], [23, 27, "LOC"]]}] * 20
    path = write(tmp_path / "train.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    finding = check_corpus(path).of_kind("misaligned_span")
    texts = [
        "PER span 0:5 'Ada L' cuts a token; moved to 0:12 'Ada Lovelace'",
        "LOC span 23:27 'urin' cuts a token; moved to 22:27 'Turin'",
    ]
    assert (finding.count, finding.severity) == (40, "error")
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:{n}", t) for n in range(1, 21) for t in texts]


def test_overlapping_spans_are_all_listed_unless_a_rule_chooses(tmp_path):
    records = [{"text": "Ada Lovelace lives.", "label": [[0, 12, "PER"], [4, 12, "LAST"], [0, 12, "PER"]]}] * 30
    path = write(tmp_path / "train.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    finding = check_corpus(path).of_kind("overlapping_span")
    assert (finding.count, finding.severity) == (30, "error")
    text = "PER span 0:12 'Ada Lovelace' and LAST span 4:12 'Lovelace' overlap"
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:{n}", text) for n in range(1, 31)]
    assert str(check_corpus(path)).count("overlap\n") == 30
    assert not check_corpus(f"{path}:overlaps=longest").has_errors


def test_unknown_tags_are_told_with_their_places_and_are_no_mistake(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\tB-PER\nmet\t?\nBo\t?\n\nYes\tO\n")
    findings = check_corpus(path)
    finding = findings.of_kind("unknown_tag")
    assert (finding.count, finding.severity, findings.has_errors) == (2, "note", False)
    assert [(e.place, e.text) for e in finding.examples] == [(f"{path}:2", "'met'"), (f"{path}:3", "'Bo'")]
    assert findings.splits[0].labels == {"PER": 1}


def test_a_corpus_of_i_tags_alone_is_told_that_neighbours_run_together():
    findings = check_corpus(dataset([["I-PER", "I-PER", "O"], ["I-LOC"]]))
    assert (findings.scheme, findings.of_kind("no_begin_tags").count, findings.has_errors) == ("IO", 2, False)


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES", "BILOU", "BMES"])
def test_clean_tags_of_every_scheme_have_no_error(scheme):
    whole = [["B-PER", "I-PER", "I-PER", "O", "B-PER"], ["B-PER", "B-PER", "I-PER", "O", "B-LOC"]]
    findings = check_corpus(dataset([convert_tags(tags, "IOB2", scheme) for tags in whole]))
    assert (findings.scheme, findings.has_errors) == (scheme, False)


def test_tags_that_a_dataset_declares_and_never_uses_decide_nothing():
    names = ["O", "B-PER", "I-PER", "<pad>", "S-PER"]
    tags = Sequence(ClassLabel(names=names))
    rows = Dataset.from_dict(
        {"tokens": [["a", "b", "c"], ["d"]], "tags": [[0, 2, 2], [1]]},
        features=Features({"tokens": Sequence(Value("string")), "tags": tags}),
    )
    findings = check_corpus(rows)
    assert findings.scheme == "IOB2"
    assert [(finding.kind, finding.count) for finding in findings.findings] == [("illegal_tag", 1), ("rare_label", 1)]


@given(st.lists(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "", "oops"]), max_size=6), min_size=1).filter(any))
def test_a_missing_or_odd_tag_counts_as_outside_for_the_scheme_of_the_others(sentences):
    used = {tag for tags in sentences for tag in tags} - {""}
    findings = check_corpus(dataset(sentences))
    if "oops" in used and "O" not in used:
        return  # it may well stand outside of entities, or all tags be plain
    if "oops" in used and len(used) < 3:
        # beside O alone it is a type without a letter, if O is more frequent
        counts = Counter(tag for tags in sentences for tag in tags)
        assert findings.scheme == ("IO" if counts["O"] > counts["oops"] else "plain")
        return
    if not used:
        return  # without a tag they may well be plain
    read = [["O" if tag in ("", "oops") else tag for tag in tags] for tags in sentences]
    assert findings.scheme == detect_scheme(tag_bigrams(read))
    illegal, odd = findings.of_kind("illegal_tag"), findings.of_kind("odd_tag")
    assert (illegal.count if illegal else 0) == sum(len(illegal_positions(tags, findings.scheme)) for tags in read)
    assert (odd.count if odd else 0) == sum(tags.count("oops") for tags in sentences)


@pytest.mark.parametrize(
    ("tags", "doubt"),
    [
        (["<B-PER>", "<I-PER>", "O", "O"], "of an unknown form ('<B-PER>'); write them as B-PER, I-PER, O"),
        (["1", "2", "0", "0"], "they are numbers, which may stand for entity tags"),
        ([f"word{n}" for n in range(12)], "there are more different tags than words; if the columns are swapped"),
    ],
)
def test_plain_tags_that_may_be_something_else_are_doubted_by_check_and_by_training(tags, doubt, caplog):
    finding = check_corpus(dataset([tags])).of_kind("doubtful_tag")
    assert (finding.count, finding.severity, finding.message.startswith("The tags are read as plain labels")) == (
        len(set(tags)),
        "warning",
        True,
    )
    assert doubt in finding.message
    load_corpus(dataset([tags]))
    assert doubt in caplog.text


def test_plain_tags_are_not_doubted_where_they_were_asked_for(tmp_path):
    path = write(tmp_path / "a.conll", "Ada\t1\nspoke\t0\n\nBo\t2\n")
    assert check_corpus(f"{path}:scheme=plain").of_kind("doubtful_tag") is None
    assert check_corpus(write(tmp_path / "b.conll", "Ada\tPROPN\nspoke\tVERB\n")).of_kind("doubtful_tag") is None


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("".join("\n" * (n % 5 == 0) + f"{n}\tw\tB-X\n" for n in range(1, 30)), "nearly all words are numbers"),
        ("Ada\tB-X\r\r\nspoke\tO\r\r\n" * 10, "each sentence is a single word"),
    ],
)
def test_words_that_may_be_none_are_doubted_by_check_and_by_training(text, doubt, tmp_path, caplog):
    path = tmp_path / "a.conll"
    path.write_bytes(text.encode())
    finding = check_corpus(path).of_kind("doubtful_word")
    assert (finding.severity, finding.message.lower()[: len(doubt)]) == ("warning", doubt)
    load_corpus(path)
    assert doubt in caplog.text
