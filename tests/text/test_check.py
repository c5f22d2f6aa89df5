"""The linter on the public corpora, on files that can't be read, and how its findings read."""

import gzip
import json
import re
from collections import Counter

import pytest
from datasets import Dataset
from rich.cells import cell_len

from seqtag.errors import UsageError
from seqtag.text import check
from seqtag.text.check import check_corpus
from seqtag.text.check_findings import SEVERITIES
from seqtag.text.readers import load_corpus

DOMAINS = ("ai", "literature", "music", "politics", "science")
TAGGED = [
    *(
        "wnut17",
        "wikigold/wikigold.conll.txt",
        "sec_filings/FIN3.txt",
        "sec_filings/FIN5.txt",
        "bc5cdr",
        "bc5cdr/iobes",
    ),
    *("ncbi_disease", "mobie_de", *(f"crossner/{domain}" for domain in DOMAINS), "snips_slots"),
    *("uner_zh_gsdsimp", "uner_da_ddt", "uner_pt_bosque", "uner_sv_talbanken", "uner_en_ewt_devtest"),
    *("ud_en_ewt", "ud_fr_sequoia", "ud_vi_vtb", "ud_en_atis", "ud_de_pud", "ud_es_pud", "ud_ar_pud"),
]
LABELLED = [
    *("mr_sentence_polarity", "subj", "cr_product_reviews", "movie_reviews_v2", "uci_sentiment_labelled"),
    *("poem_sentiment", "banking77", "clinc150", "snips_slots"),
]


def check_shared(folder, name, task="tag"):
    return check_corpus(folder / name, task=task)


def counts_of(findings, kind):
    finding = findings.of_kind(kind)
    return dict(finding.counts) if finding else {}


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def lines_of(path):
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8").split("\n")


# What README.md and the NOTICE.txt of each folder say of it, and what follows from the files' own lines.
NAMED = [
    ("wnut17", "tag", "invisible_character", {"dev": 2}),
    ("wikigold/wikigold.conll.txt", "tag", "no_begin_tags", {"train": 3558}),
    ("sec_filings/FIN3.txt", "tag", "no_begin_tags", {"train": 318}),
    ("sec_filings/FIN3.txt", "tag", "replacement_character", {"train": 12}),
    ("bc5cdr/iobes", "tag", "illegal_tag", {}),
    ("bc5cdr", "tag", "illegal_tag", {}),
    ("mobie_de", "tag", "illegal_tag", {"train": 105, "dev": 28, "test": 132}),
    ("uner_da_ddt", "tag", "illegal_tag", {"train": 6, "test": 1}),
    ("uner_sv_talbanken", "tag", "space_in_token", {"train": 100, "test": 46}),
    ("ud_vi_vtb", "tag", "space_in_token", {"train": 4535, "dev": 5497, "test": 2079}),
    ("ud_fr_sequoia", "tag", "space_in_token", {"train": 41, "dev": 13, "test": 13}),
    ("snips_slots", "tag", "blank_token", {}),  # for all its double blanks
    ("poem_sentiment", "classify", "unused_label", {"dev": 1, "test": 1}),
    ("uci_sentiment_labelled", "classify", "blank_row", {}),
    ("clinc150", "classify", "label_not_in_train", {"oos_val": 1, "oos_test": 1, "oos_train": 1}),
]


@pytest.mark.parametrize(("name", "task", "kind", "expected"), NAMED, ids=[f"{n[0]}-{n[2]}" for n in NAMED])
def test_what_the_notes_of_the_public_corpora_name_is_found(shared_data, name, task, kind, expected):
    assert counts_of(check_shared(shared_data, name, task), kind) == expected


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
    assert check_shared(shared_data, "sec_filings/FIN3.txt").of_kind("replacement_character").count == tokens.total()

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
    train = {tuple(own) for own in texts["train"]}
    expected = {
        f"{name} in train": sum(len(own) >= 4 and tuple(own) in train for own in texts[split])
        for name, split in (("dev", "valid"), ("test", "test"))
    }
    assert counts_of(check_shared(shared_data, "snips_slots"), "shared_with_train") == expected


@pytest.mark.parametrize("name", ["wnut17", "mobie_de", "uner_da_ddt", "bc5cdr/iobes", "ud_en_ewt", "snips_slots"])
def test_sizes_and_labels_are_those_of_the_corpus_that_is_loaded(shared_data, name):
    loaded = load_corpus(shared_data / name)
    findings = check_shared(shared_data, name)
    assert {s.name: (s.num_rows, s.num_tokens) for s in findings.splits} == {
        split: (len(rows), sum(map(len, rows["tokens"]))) for split, rows in loaded.items()
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
    for line in str(findings).splitlines():
        assert cell_len(line) <= 80 or str(shared_data) in line, line
    assert json.loads(json.dumps(findings.to_dict())) == findings.to_dict()


def test_a_clean_corpus_has_no_findings():
    rows = {"tokens": [["Ada", "spoke", str(n)] for n in range(6)], "tags": [["B-PER", "O", "O"]] * 6}
    findings = check_corpus(Dataset.from_dict(rows))
    assert findings.findings == ()
    assert str(findings).endswith("Nothing was found.")


def test_a_split_that_cannot_be_read_is_an_error_and_is_compared_with_nothing(tmp_path):
    write(tmp_path / "dev.conll", "Ada\tB-PER\n\nin\tO\nRome\tI-LOC\n")
    (tmp_path / "train.conll").write_bytes("Zoë\tB-PER\n".encode("latin-1"))
    findings = check_corpus(tmp_path)
    unreadable = findings.of_kind("unreadable")
    assert dict(unreadable.counts) == {"train": 1}
    assert f"{tmp_path / 'train.conll'}:1: byte 3 of the line is 0xeb" in unreadable.examples[0].text
    assert "iconv" in str(findings)
    assert findings.has_errors
    assert {finding.kind for finding in findings.findings} == {"unreadable", "illegal_tag"}
    assert [split.name for split in findings.splits] == ["dev"]


@pytest.mark.parametrize("task", ["tag", "classify"])
def test_a_folder_without_a_corpus_is_an_error_among_the_findings(tmp_path, task):
    write(tmp_path / "README.md", "nothing here\n")
    findings = check_corpus(tmp_path, task=task)
    assert [finding.kind for finding in findings.findings] == ["unreadable"]
    assert (findings.splits, findings.scheme, findings.has_errors) == ((), None, True)
    assert str(tmp_path) in str(findings)


def test_rows_of_another_width_are_an_error_by_line_and_other_files_are_still_looked_at(tmp_path):
    write(tmp_path / "train.csv", "text,label\ngood,a\nbad,b,c\n")
    write(tmp_path / "test.csv", "text,label\n,a\nfine,b\n")
    findings = check_corpus(tmp_path, task="classify")
    assert f"{tmp_path / 'train.csv'}:3: 3 columns" in findings.of_kind("unreadable").examples[0].text
    assert [example.place for example in findings.of_kind("blank_row").examples] == [f"{tmp_path / 'test.csv'}:2"]


def test_files_of_any_name_are_checked_as_the_splits_that_they_are_given_as(tmp_path):
    first = write(tmp_path / "a" / "first.conll", "We\tO\nlike\tO\nRome\tB-LOC\n.\tO\n")
    second = write(tmp_path / "b" / "second.conll", "We\tO\nlike\tO\nRome\tB-LOC\n.\tO\n")
    findings = check_corpus({"testing": second, "train": first})
    assert [(split.name, split.origin) for split in findings.splits] == [("train", str(first)), ("test", str(second))]
    assert counts_of(findings, "shared_with_train") == {"test in train": 1}
    write(tmp_path / "c" / "train.conll", "We\tO\n")
    write(tmp_path / "c" / "test.conll", "We\tO\n")
    with pytest.raises(UsageError, match="it has the splits train, test; for split 'dev' give one file"):
        check_corpus({"train": first, "dev": tmp_path / "c"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "clasify"}, "did you mean 'classify'?"),
        ({"text": 0}, "text= is no option of task='tag'"),
        ({"task": "classify", "tag": 1}, "tag= is no option of task='classify'"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        check_corpus(Dataset.from_dict({"tokens": [["a"]], "tags": [["O"]]}), **options)


def test_a_source_that_is_not_there_is_wrong_use_and_no_finding(tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        check_corpus(tmp_path / "nowhere.conll")


def test_the_table_of_kinds_in_the_docstring_is_that_of_the_code():
    listed = re.findall(r"^\| (\w+) \| (error|warning|note) \|", check.__doc__, re.MULTILINE)
    assert listed == list(SEVERITIES.items())


def test_findings_come_in_the_order_of_the_table_and_json_keys_stay(tmp_path):
    text = "Ada\tB-PER\nspoke\u200b\tO\n\nin\tO\nNew York\tI-LOC\n"
    findings = check_corpus(write(tmp_path / "train.conll", text))
    content = findings.to_dict()
    kinds = [finding["kind"] for finding in content["findings"]]
    assert kinds == ["illegal_tag", "space_in_token", "invisible_character", "rare_label"]
    assert kinds == sorted(kinds, key=list(SEVERITIES).index)
    assert list(content) == [
        *("source", "task", "scheme", "num_errors", "num_warnings", "num_notes", "splits", "findings"),
    ]
    assert [content[f"num_{severity}s"] for severity in ("error", "warning", "note")] == [1, 2, 1]
    assert content["splits"] == [
        {
            **{"name": "train", "origin": str(tmp_path / "train.conll"), "num_rows": 2, "num_tokens": 4},
            "labels": {"LOC": 1, "PER": 1},
        }
    ]
    first = content["findings"][0]
    assert list(first) == ["kind", "severity", "count", "counts", "message", "examples"]
    assert (first["severity"], first["count"], first["counts"]) == ("error", 1, {"train": 1})
    assert first["examples"] == [
        {"split": "train", "place": f"{tmp_path / 'train.conll'}:5", "text": "'I-LOC' after 'O', at the end"}
    ]


def test_examples_are_the_first_of_each_split_and_the_count_is_of_all(tmp_path):
    for split, count in (("train", 30), ("test", 3)):
        write(tmp_path / f"{split}.conll", "".join(f"w{n}\tI-PER\n\nx{n}\tB-PER\n\n" for n in range(count)))
    finding = check_corpus(tmp_path).of_kind("illegal_tag")
    assert (finding.count, dict(finding.counts)) == (33, {"train": 30, "test": 3})
    assert [e.place.rpartition(":")[2] for e in finding.examples] == [
        *(str(4 * n + 1) for n in range(10)),
        *("1", "5", "9"),
    ]
    shown = [line.split()[0] for line in str(check_corpus(tmp_path)).splitlines() if ".conll:" in line][:5]
    assert shown == ["train.conll:1", "train.conll:5", "train.conll:9", "test.conll:1", "test.conll:5"]


def test_a_terminal_is_shown_escape_codes_and_wide_characters_without_harm(tmp_path):
    wide = "漢字" * 60
    path = write(tmp_path / "train.conll", f"\x1b[31mred\tI-LOC\n{wide}\tI-PER\n\n{wide} x\tB-\x1b]0;P\tO\n")
    shown = str(check_corpus(path, token=0, tag=1))
    assert "\x1b" not in shown
    assert "\\x1b[31mred" in shown
    assert all(cell_len(line) <= 80 or str(tmp_path) in line for line in shown.splitlines())
