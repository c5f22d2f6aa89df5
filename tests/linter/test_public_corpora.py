"""The linter on the public corpora: what their README.md and NOTICE.txt name is found, and as often as they say."""

import csv
import gzip
import io
import json
from collections import Counter
from functools import cache

import pyarrow.compute as pc
import pytest
from linting import counts_of
from rich.cells import cell_len

from seqtag.corpora.loading import load_corpus
from seqtag.linter.linter import check_corpus

DOMAINS = ("ai", "literature", "music", "politics", "science")
TAGGED = [
    *("wnut17", "wikigold", "sec_filings", "bc5cdr", "bc5cdr/iobes", "ncbi_disease", "mobie_de", "snips_slots"),
    *(f"crossner/{domain}" for domain in DOMAINS),
    *("uner_zh_gsdsimp", "uner_da_ddt", "uner_pt_bosque", "uner_sv_talbanken", "uner_en_ewt_devtest"),
    *("ud_en_ewt", "ud_fr_sequoia", "ud_vi_vtb", "ud_en_atis", "ud_de_pud", "ud_es_pud", "ud_ar_pud"),
]
LABELLED = [
    *("mr_sentence_polarity", "subj", "cr_product_reviews", "movie_reviews_v2", "uci_sentiment_labelled"),
    *("poem_sentiment", "banking77", "clinc150", "snips_slots"),
]
OTHERS = ["tinyshakespeare", "wikitext2", "public_domain_books", "emoji2vec"]
VECTORS = ["glove_6B_50d_5k", "glove_twitter_25d_12k", "glove_840B_char_300d"]


@cache
def check_shared(folder, name, task="tag"):
    """Look through a corpus once for all the tests that ask about it."""
    return check_corpus(folder / name, task=task)


def lines_of(path):
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8").split("\n")


# What README.md and the NOTICE.txt of each folder say of it, and what follows from the files' own lines.
NAMED = [
    ("wnut17", "tag", "filled_separator", {"train": 2394}),
    ("wnut17", "tag", "invisible_character", {"dev": 2}),
    ("wikigold", "tag", "no_begin_tags", {"train": 3558}),
    ("wikigold", "tag", "unnamed_splits", {}),
    ("sec_filings", "tag", "no_begin_tags", {"FIN3.txt": 318, "FIN5.txt": 1168}),
    ("sec_filings", "tag", "replacement_character", {"FIN3.txt": 12}),
    ("bc5cdr/iobes", "tag", "illegal_tag", {}),
    ("bc5cdr", "tag", "illegal_tag", {}),
    ("mobie_de", "tag", "illegal_tag", {"train": 105, "dev": 28, "test": 132}),
    ("uner_da_ddt", "tag", "illegal_tag", {"train": 6, "test": 1}),
    ("uner_sv_talbanken", "tag", "space_in_token", {"train": 100, "test": 46}),
    ("ud_vi_vtb", "tag", "space_in_token", {"train": 4535, "dev": 5497, "test": 2079}),
    ("ud_fr_sequoia", "tag", "space_in_token", {"train": 41, "dev": 13, "test": 13}),
    ("ud_ar_pud", "tag", "invisible_character", {}),
    ("snips_slots", "tag", "double_blank", {"train": 1248, "dev": 67, "test": 70}),
    ("snips_slots", "tag", "blank_token", {}),  # for all its double blanks
    ("poem_sentiment", "classify", "unused_label", {"dev": 1, "test": 1}),
    ("uci_sentiment_labelled", "classify", "blank_row", {}),
    ("banking77", "classify", "line_break", {"train": 10, "test": 3}),
    ("clinc150", "classify", "label_not_in_train", {"oos_val": 1, "oos_test": 1, "oos_train": 1}),
]
# What `seqtag train` refuses: folders without a split train; all other public corpora pass.
WITH_ERRORS = {
    **{key: {"unnamed_splits"} for key in ("wikigold", "sec_filings")},
    **{key: {"no_train"} for key in ("bc5cdr/iobes", "uner_en_ewt_devtest", "ud_de_pud", "ud_es_pud", "ud_ar_pud")},
}


@pytest.mark.parametrize(("name", "task", "kind", "expected"), NAMED, ids=[f"{n[0]}-{n[2]}" for n in NAMED])
def test_what_the_notes_of_the_public_corpora_name_is_found(shared_data, name, task, kind, expected):
    assert counts_of(check_shared(shared_data, name, task), kind) == expected


def test_the_label_that_the_poems_miss_is_the_one_of_mixed_verses(shared_data):
    unused = check_shared(shared_data, "poem_sentiment", "classify").of_kind("unused_label")
    assert {(example.split, example.text.split(":")[0]) for example in unused.examples} == {
        ("dev", "'2'"),
        ("test", "'2'"),
    }


@pytest.mark.parametrize("name", ["wnut17", "mobie_de"])
def test_tokens_that_begin_with_a_hash_are_those_that_a_plain_loop_finds(shared_data, name):
    expected = {}
    for path in (shared_data / name).iterdir():
        for split, word in (("train", "train"), ("dev", "dev"), ("test", "test")):
            if word in path.name:
                expected[split] = sum(line.startswith("#") for line in lines_of(path))
    assert min(expected.values()) > 0
    assert counts_of(check_shared(shared_data, name), "hash_token") == expected


def test_comments_of_a_corpus_are_no_tokens_with_a_hash(shared_data):
    lines = lines_of(shared_data / "uner_sv_talbanken" / "sv_talbanken-ud-dev.iob2")
    assert sum(line.startswith("#") for line in lines) > 1000
    assert check_shared(shared_data, "uner_sv_talbanken").of_kind("hash_token") is None


def test_texts_over_several_lines_are_those_that_the_csv_module_finds(shared_data):
    finding = check_shared(shared_data, "banking77", "classify").of_kind("line_break")
    for split in ("train", "test"):
        path = shared_data / "banking77" / f"{split}.csv"
        reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        expected, before = [], 0
        for row in reader:
            if "\n" in row[0]:
                expected.append(f"{path}:{before + 1}")
            before = reader.line_num
        assert [example.place for example in finding.examples if example.split == split] == expected


def test_orphans_of_the_danish_corpus_are_those_that_a_plain_loop_finds(shared_data):
    found = []
    for path in sorted((shared_data / "uner_da_ddt").glob("*.iob2*")):
        before = "O"
        for number, line in enumerate(lines_of(path), 1):
            tag = line.split("\t")[2] if line[:1].isdigit() else "O"
            if tag.startswith("I-") and before[2:] != tag[2:]:
                found.append(f"{path}:{number}")
            before = tag
    illegal = check_shared(shared_data, "uner_da_ddt").of_kind("illegal_tag")
    assert sorted(example.place for example in illegal.examples) == sorted(found)


def test_characters_of_the_public_corpora_are_found_at_the_lines_that_hold_them(shared_data):
    dev = shared_data / "wnut17" / "emerging.dev.conll"
    expected = [f"{dev}:{n}" for n, line in enumerate(lines_of(dev), 1) if "\u200b" in line or "\ufeff" in line]
    finding = check_shared(shared_data, "wnut17").of_kind("invisible_character")
    assert [example.place for example in finding.examples] == expected
    assert "U+200B ZERO WIDTH SPACE" in finding.message
    assert "U+FEFF ZERO WIDTH NO-BREAK SPACE" in finding.message

    filing = shared_data / "sec_filings" / "FIN3.txt"
    tokens = Counter(line.split(" ")[0] for line in lines_of(filing) if "\ufffd" in line)
    assert len(tokens) == 3
    assert check_shared(shared_data, "sec_filings").of_kind("replacement_character").count == tokens.total()

    reviews = shared_data / "uci_sentiment_labelled" / "imdb_labelled.txt"
    expected = [f"{reviews}:{n}" for n, line in enumerate(lines_of(reviews), 1) if "\u0085" in line]
    finding = check_shared(shared_data, "uci_sentiment_labelled", "classify").of_kind("invisible_character")
    assert [example.place for example in finding.examples if "U+0085" in example.text] == expected
    assert len(expected) == 2


def test_a_fifth_of_the_vietnamese_words_hold_blanks(shared_data):
    findings = check_shared(shared_data, "ud_vi_vtb")
    share = findings.of_kind("space_in_token").count / sum(split.num_tokens for split in findings.splits)
    assert 0.19 < share < 0.23


def test_intents_that_stand_in_two_splits_are_those_that_a_set_finds(shared_data):
    texts = {
        split: [line.split() for line in lines_of(shared_data / "snips_slots" / split / "seq.in") if line]
        for split in ("train", "valid", "test")
    }
    train = {tuple(words) for words in texts["train"]}
    expected = {
        f"{name} in train": sum(len(words) >= 4 and tuple(words) in train for words in texts[split])
        for name, split in (("dev", "valid"), ("test", "test"))
    }
    assert counts_of(check_shared(shared_data, "snips_slots"), "shared_with_train") == expected


@pytest.mark.parametrize("name", ["wnut17", "mobie_de", "uner_da_ddt", "bc5cdr/iobes", "ud_en_ewt", "snips_slots"])
def test_sizes_and_labels_are_those_of_the_corpus_that_is_loaded(shared_data, name):
    loaded = load_corpus(shared_data / name)
    findings = check_shared(shared_data, name)
    assert {s.name: (s.num_rows, s.num_tokens) for s in findings.splits} == {
        split: (len(rows), pc.sum(pc.list_value_length(rows.data["tokens"])).as_py()) for split, rows in loaded.items()
    }
    expected = json.loads((shared_data / "counts.json").read_text(encoding="utf-8")).get(name, {})
    for split in findings.splits:
        if "entities" in expected.get(split.name, {}):
            assert dict(split.labels) == expected[split.name]["labels"]


@pytest.mark.parametrize(("task", "name"), [("tag", n) for n in TAGGED] + [("classify", n) for n in LABELLED])
def test_every_public_corpus_is_read_and_its_findings_fit_the_terminal(shared_data, task, name):
    findings = check_shared(shared_data, name, task)
    assert findings.splits
    assert not findings.of_kind("unreadable")
    errors = {finding.kind for finding in findings.findings if finding.severity == "error"}
    assert errors == WITH_ERRORS.get(name, set())
    for line in str(findings).splitlines():
        assert cell_len(line) <= 80 or str(shared_data) in line, line
    assert json.loads(json.dumps(findings.to_dict())) == findings.to_dict()


@pytest.mark.parametrize("name", OTHERS)
def test_plain_text_and_binary_files_are_told_to_be_no_tagged_tokens(shared_data, name):
    findings = check_shared(shared_data, name)
    assert [finding.kind for finding in findings.findings] == ["unreadable"]
    assert findings.of_kind("unreadable").message.startswith("None of it can be read as tagged tokens; is it such data")


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_told_to_have_no_column_of_labels(shared_data, name):
    findings = check_shared(shared_data, name)
    wrong = findings.of_kind("wrong_column")
    assert (wrong.count, findings.has_errors) == (len(findings.splits[0].labels), True)
    assert "vectors and plain text are no labelled corpus" in wrong.message
    assert findings.of_kind("rare_label") is None
