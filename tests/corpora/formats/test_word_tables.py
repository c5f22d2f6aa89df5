"""CSV and TSV files with a word per row, whose sentences a column or a blank row tells apart."""

import pytest

from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError

ROWS = [(["Ada", "left"], ["B-PER", "O"]), (["Bo", ",", '"'], ["B-PER", "O", "O"])]


def rows(path, text, suffix="", **options):
    path.write_text(text, encoding="utf-8")
    dataset = load_corpus(f"{path}{suffix}", split="train", **options)
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[number] for number in row["tags"]]) for row in dataset]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", 'sentence_id,words,labels\n1,Ada,B-PER\n1,left,O\n2,Bo,B-PER\n2,",",O\n2,"""",O\n'),
        (
            "x.csv",
            'Sentence #;Word;POS;Tag\nSentence: 1;Ada;N;B-PER\n;left;V;O\nSentence: 2;Bo;N;B-PER\n;,;P;O\n;"""";P;O\n',
        ),
        ("x.tsv", 'sentence\ttoken\tner\n1\tAda\tB-PER\n1\tleft\tO\n\n1\tBo\tB-PER\n1\t,\tO\n1\t"\tO\n\n'),
        ("x.tsv", 'sent_id\ttoken\tner\n1\tAda\tB-PER\n1\tleft\tO\n2\tBo\tB-PER\n2\t,\tO\n2\t"\tO\n'),
        ("x.csv", 'token,tag\nAda,B-PER\nleft,O\n\nBo,B-PER\n",",O\n"""",O\n'),
        ("x.csv", 'token,tag\nAda,B-PER\nleft,O\n,\nBo,B-PER\n",",O\n"""",O\n'),
    ],
)
def test_sentences_are_told_apart(tmp_path, name, text):
    assert rows(tmp_path / name, text) == ROWS


def test_columns_are_named(tmp_path):
    text = "sentence,word,lemma,coarse,fine\n1,Ada,ada,B-PER,B-POET\n1,left,leave,O,O\n"
    assert rows(tmp_path / "x.csv", text, ":tag=fine")[0][1] == ["B-POET", "O"]
    assert rows(tmp_path / "x.csv", text, ":token=lemma,tag=coarse")[0][0] == ["ada", "leave"]
    with pytest.raises(UsageError, match=r"x\.csv:1: ambiguous tag column \(ner, tag\): pass tag='tag'"):
        rows(tmp_path / "x.csv", "sentence,word,ner,tag\n1,Ada,O,O\n")


def test_what_falls_short(tmp_path):
    with pytest.raises(UsageError, match=r"x\.csv:1: no column of tags among a,tag, sentence,word;b: pass tag= with"):
        rows(tmp_path / "x.csv", "a,tag\tsentence,word;b\n1\tword\n", ":token=0")
    with pytest.raises(DataError, match=r"x\.csv: each row has a word, and nothing says where a sentence ends"):
        rows(tmp_path / "x.csv", "word,tag\nAda,B-PER\nleft,O\n")
    with pytest.raises(DataError, match=r"x\.csv:3: 2 columns, where line 1 has 3"):
        rows(tmp_path / "x.csv", "sentence,word,tag\n1,Ada,O\n1,left\n")
    with pytest.raises(DataError, match=r"x\.csv:3: the tag is empty"):
        rows(tmp_path / "x.csv", "sentence,word,tag\n1,Ada,O\n1,left,\n")
