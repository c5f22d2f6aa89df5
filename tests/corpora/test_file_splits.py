"""The files of the splits together are the file that was split: no column, key, comment or line gets lost."""

import gzip
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtag.corpora.file_splits import read_with_lines
from seqtag.corpora.labelled_drafts import label_names
from seqtag.corpora.loading import load_corpus


def cut(path: Path, *, task="tag", named="", seed=0):
    """Deal the rows of a file out to two files at random; gives the corpus, the part of each row and the two files."""
    corpus, lines = read_with_lines(f"{path}{named}", task=task, language="xx")
    assert lines is not None
    rows = corpus["train"]
    parts = lines.joined(np.random.default_rng(seed).integers(0, 2, len(rows)))
    files = [path.with_name(f"{number}{lines.ending}") for number in range(2)]
    lines.write(parts, files)
    return rows, parts, files


def sentences(rows):
    """Give what a corpus holds, with names in the place of numbers."""
    tags = rows.features["tags"].feature.names
    return [(row["tokens"], [tags[number] for number in row["tags"]]) for row in rows]


def counted(*contents: str):
    return Counter(line for content in contents for line in content.splitlines(keepends=True))


CONLLU = "".join(
    f"{comment}# sent_id = {number}\n# text = Della {number}\n1-2\tdella\t_\t_\t_\t_\t_\t_\t_\t_\n"
    f"1\tdi\tdi\tADP\tE\t_\t3\tcase\t_\t_\n2\tla\til\tDET\tRD\t_\t3\tdet\t_\tSpaceAfter=No\n"
    f"3\tn{number}\tn\tNOUN\tS\t_\t0\troot\t_\t_\n3.1\tleft\t_\tVERB\t_\t_\t_\t_\t_\t_\n\n"
    for number, comment in enumerate(["# newdoc id = a\n", "", "# newpar\n", "# newdoc id = b\n", ""])
)
HIPE = (
    "TOKEN\tNE\tMISC\n# document_id = a\nAda\tB-pers\t_\n.\tO\tEndOfSentence\nYes\tO\tLED0.1\n\n# document_id = b\n"
    "Bo\tB-pers\t_\nleft\tO\tEndOfSentence\n\n"
)
CONLL2012 = "".join(
    f"#begin document (d{number}); part 000\n"
    + f"d{number} 0 0 w{number} NN * - - - - (PER) -\n\n" * 2
    + "#end document\n"
    for number in range(3)
)
WEBANNO = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.NE|value\n\n" + "".join(
    f"\n#Text=Ada {n}\n{n}-1\t0-3\tAda\tPER[{n}]\t\n{n}-2\t4-5\t{n}\tPER[{n}]\t\n" for n in range(1, 5)
)
TOKENS = '{"tokens": ["Ada"], "tags": ["B-PER"], "id": 7}\n\n{"tags": ["O"], "tokens": ["x"], "k": {"a": 1.50}}\n'
TEXTS = (
    '{"text": "Ada left", "label": [[0, 3, "PER"]], "meta": "\\u00e9"}\n{"text": "", "label": [], "empty": 1}\n'
    '{"text": "Bo", "label": [[0, 2, "PER"]]}\n'
)
DOCUMENTS = "-DOCSTART- -X- O\n\nAda NNP B-PER\nleft VBD O\n\n\n-DOCSTART- -X- O\n\nBo NNP B-PER\n"
NAMED = "word\tpos\tner\nAda\tNNP\tB-PER\n\nleft\tVBD\tO\n \nBo\tNNP\tB-PER\r\n\r\n"
WORDS = 'sentence_id,word,pos,tag\n1,Ada,NNP,B-PER\n1,"a,\nb",X,O\n\n2,Bo,NNP,B-PER\n3,x,Y,O\n'


@pytest.mark.parametrize(
    ("name", "content", "num_headers", "named"),
    [
        ("a.conllu", CONLLU, 0, ""),
        ("plus.conllu", "# global.columns = ID FORM UPOS\n1\tAda\tPROPN\n\n1\tleft\tVERB\n", 1, ""),
        ("hipe.tsv", HIPE, 1, ":token=TOKEN,tag=NE"),
        ("a.conll", DOCUMENTS, 0, ""),
        ("named.conll", NAMED, 1, ":token=word,tag=ner"),
        ("middle.conll", "Ada\tB-PER\tNNP\n\nBo\tB-PER\t#\n\n# 1 = 1\nx\tO\t_\n", 0, ":token=0,tag=1"),
        ("2012.conll", CONLL2012, 0, ""),
        ("2012.gold_conll", CONLL2012.partition("#end")[0] + "#end document\n", 1, ""),
        ("inception.tsv", WEBANNO, 2, ""),
        ("words.csv", WORDS, 1, ""),
        ("a.jsonl", TOKENS, 0, ""),
        ("b.jsonl", TEXTS, 0, ""),
    ],
)
def test_every_line_goes_into_one_split_and_headers_into_all(name, content, num_headers, named, tmp_path):
    path = tmp_path / name
    path.write_bytes(content.encode())
    headers = "".join(islice(content.splitlines(keepends=True), num_headers))
    for seed in range(6):
        rows, parts, files = cut(path, named=named, seed=seed)
        assert counted(*(file.read_bytes().decode() for file in files)) == counted(content, headers)
        for number, file in enumerate(files):
            expected = sentences(rows.select(np.flatnonzero(parts == number)))
            if any(tokens for tokens, _ in expected):
                assert sentences(load_corpus(f"{file}{named}")["train"]) == expected


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\0#", exclude_categories=["Z", "C"]), min_size=1)


@settings(max_examples=40)
@given(
    sentences_drawn=st.lists(
        st.tuples(st.lists(LINES, max_size=2), st.lists(LINES, min_size=1, max_size=3), st.integers(1, 2)),
        min_size=2,
        max_size=8,
    ),
    ends=st.sampled_from(["\n", "\r\n"]),
    seed=st.integers(0, 9),
)
def test_comments_columns_and_blank_lines_stay(sentences_drawn, ends, seed, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "all.conll.gz"
    content = "".join(
        "".join(f"# c = {comment}{ends}" for comment in ("#id", *comments))
        + "".join(f"x{token}\t{at}\tB-PER{ends}" for at, token in enumerate(tokens))
        + ends * blank
        for comments, tokens, blank in sentences_drawn
    )
    path.write_bytes(gzip.compress(content.encode()))
    rows, parts, files = cut(path, seed=seed)
    texts = [file.read_bytes().decode() for file in files]
    assert sorted("".join(texts).split(ends)) == sorted([*content.split(ends), ""])[1:]
    for number, text in enumerate(texts):
        assert text.count("# c = #id") == (parts == number).sum()
    assert len(rows) == len(sentences_drawn)


TABLE = 'id;text;label;by\n1;"so, so";a;X\n2;"two\n\nlines";b;Y\n\n3;"";a;Z\n4;Bah;b;X\n'
RECORDS = "".join(json.dumps({"text": f"t {n}", "label": "ab"[n % 2], "id": n, "more": [n]}) + "\n" for n in range(5))


@pytest.mark.parametrize(
    ("name", "content", "header"),
    [
        ("all.csv", TABLE, "id;text;label;by\n"),
        ("all.tsv", "good\tFine bread.\nbad\tStale, cold!\ngood\tYes, again\nbad\tNever more\n", ""),
        ("all.jsonl", RECORDS, ""),
    ],
)
def test_labelled_texts_keep_their_further_columns(name, content, header, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    for seed in range(4):
        rows, parts, files = cut(path, task="classify", seed=seed)
        assert counted(*(file.read_text() for file in files)) == counted(content, header)
        for number, file in enumerate(files):
            chosen = rows.select(np.flatnonzero(parts == number))
            if 0 < len(chosen) < len(rows) and len(set(chosen["label"])) > 1:
                again = load_corpus(file, task="classify")["train"]
                assert (again["text"][:], label_names(again)) == (chosen["text"][:], label_names(chosen))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.json", '[{"tokens": ["Ada"], "tags": ["B-PER"]},\n {"tokens": ["x"], "tags": ["O"]}]'),
        ("array.jsonl", '[{"text": "Ada", "label": [[0, 3, "PER"]]}, {"text": "x", "label": []}]'),
    ],
)
def test_an_array_has_no_line_per_record(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    corpus, lines = read_with_lines(str(tmp_path / name), task="tag", language="xx")
    assert (len(corpus["train"]), lines) == (2, None)
