"""TSV 3 of WebAnno and INCEpTION: layers by name, spans over several tokens, nested and broken ones."""

import pytest

from seqtag.corpora.formats.webanno import webanno_sentences
from seqtag.corpora.lines import line_blocks
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError

HEAD = (
    "#FORMAT=WebAnno TSV 3.3\n#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\n"
    "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n"
    "#T_RL=webanno.custom.Knows|kind|BT_webanno.custom.NE\n#T_SP=webanno.custom.Marked|\n\n\n"
)


def row(place, borders, token, pos="_", entity="_", marked="_"):
    return (
        "\t".join([place, borders, token, pos, "_", "*" if entity != "_" else "_", entity, "_", "_", marked, ""]) + "\n"
    )


BODY = (
    "#Text=Ada Byron met St. Olav.\n"
    + row("1-1", "0-3", "Ada", "N", "PER[1]|LAST\\_NAME\\|x[2]")
    + row("1-2", "4-9", "Byron", "N", "PER[1]")
    + row("1-3", "10-13", "met", "V", marked="*")
    + row("1-4", "14-17", "St.", "N", "ORG[3]")
    + row("1-5", "18-22", "Olav", "N")
    + row("1-6", "22-23", ".", "P", "ORG[3]")
    + "\n#Text=Oslo-born Bo\n"
    + row("2-1", "24-33", "Oslo-born", "J")
    + row("2-1.1", "24-28", "Oslo", entity="LOC")
    + row("2-2", "34-36", "Bo", "N", "PER")
)


def write(tmp_path, text=HEAD + BODY):
    path = tmp_path / "x.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def rows(source, **options):
    dataset = load_corpus(source, split="train", **options)
    names = dataset.features["tags"].feature.names
    return [(row["tokens"], [names[number] for number in row["tags"]]) for row in dataset]


def test_named_entities_are_the_default_layer(tmp_path, caplog):
    caplog.set_level("INFO", "seqtag")
    found = rows(write(tmp_path), max_misaligned=1)
    assert found[0] == (["Ada", "Byron", "met", "St.", "Olav", "."], ["B-PER", "I-PER", "O", "O", "O", "O"])
    assert found[1] == (["Oslo-born", "Bo"], ["B-LOC", "B-PER"])
    messages = [message.partition(": ")[2] for message in caplog.messages]
    assert messages[0] == "spans of the layer NamedEntity|value"
    assert "LOC span 24:28 'Oslo' cuts a token; moved to 24:33 'Oslo-born'" in messages
    assert {"discontinuous spans left out: 1", "overlapping spans left out (overlaps='longest'): 1"} <= set(messages)


def test_layers_are_chosen_by_name(tmp_path):
    path = write(tmp_path)
    assert rows(path, tag="Marked")[0][1] == ["O", "O", "B-Marked", "O", "O", "O"]
    assert rows(f"{path}:tag=PosValue")[1][1] == ["B-J", "B-N"]
    assert rows(path, tag="POS|PosValue") == rows(path, tag="PosValue")
    with pytest.raises(UsageError, match=r"no layer 'Markt' for tag=; .*did you mean 'Marked'"):
        load_corpus(path, tag="Markt")
    several = HEAD.replace("NamedEntity", "Other")
    with pytest.raises(UsageError, match=r"several layers or features may hold the labels \(POS\|PosValue, "):
        load_corpus(write(tmp_path, several + BODY))
    assert rows(path, tag="Marked", overlaps="first")


def test_escaped_characters_and_first_of_stacked_spans(tmp_path):
    body = "#Text=Ada\n" + row("1-1", "0-3", "Ada", "N", "LAST\\_NAME\\|x[2]|PER[1]")
    assert rows(write(tmp_path, HEAD + body), overlaps="first") == [(["Ada"], ["B-LAST_NAME|x"])]


def test_the_rows_of_a_file_are_all_given_to_predict(tmp_path):
    found = list(webanno_sentences(line_blocks(write(tmp_path)), "x.tsv"))
    assert [tokens for tokens, _ in found] == [["Ada", "Byron", "met", "St.", "Olav", "."], ["Oslo-born", "Bo"]]
    assert found[1][1][1] == ["Bo", "N", "_", "*", "PER", "_", "_", "_", ""]


def test_what_falls_short(tmp_path):
    with pytest.raises(DataError, match=r"x\.tsv:10: 'Ada' is no row of WebAnno TSV 3"):
        load_corpus(write(tmp_path, HEAD + "#Text=Ada\n\nAda\n"))
    with pytest.raises(DataError, match=r"x\.tsv:9: 2 cells after the token, and NamedEntity\|value needs more"):
        load_corpus(write(tmp_path, HEAD + "#Text=Ada\n1-1\t0-3\tAda\t_\t_\n"))
    with pytest.raises(DataError, match="no layer of spans"):
        load_corpus(write(tmp_path, "#FORMAT=WebAnno TSV 3.2\n\n#Text=Ada\n1-1\t0-3\tAda\t\n"))
    with pytest.raises(DataError, match=r"x\.tsv:1: this is a TSV file of WebAnno, of which only TSV 3"):
        load_corpus(write(tmp_path, "#FORMAT=WebAnno TSV 2\n\n1-1\tAda\t_\n"))
