"""Column files in all dialects: round trips, and each fault with its file and line."""

import gzip
import io
import string
import tempfile
from pathlib import Path

import pytest
from column_files import read_columns
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.formats.conll import column_blocks, iter_sentences
from seqtag.corpora.lines import line_blocks
from seqtag.corpora.loading import load_corpus
from seqtag.errors import DataError, UsageError

CONLLU = """\
# newdoc id = d1
# sent_id = 1
# text = Vámonos #1
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tya\tya\tADV\tA\t_\t_\t_\t_\t_
3\t#1\t#1\tNUM\tN\t_\t1\tobl\t_\t_

# sent_id = 2
1\tSí\tsí\tINTJ\tI\t_\t0\troot\t_\t_
"""


def read(text: str | bytes, name: str = "file.conll", **columns) -> tuple[list[list[str]], list[list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return read_columns(path, **columns)


def fault(text: str | bytes, kind=DataError, name: str = "file.conll", **columns) -> str:
    with pytest.raises(kind) as caught:
        read(text, name, **columns)
    return str(caught.value).rpartition("/")[2]


# What a token of a tab-separated file may hold: anything but tabs and line ends, also line ends of Unicode.
cell = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r\0"), min_size=1).filter(
    lambda text: text.strip(" ") and not text.startswith(("-DOCSTART-", "\ufeff"))
)
tag = st.sampled_from(["O", "B-PER", "I-PER", "B-creative-work"])
sentences = st.lists(st.lists(st.tuples(cell, tag), min_size=1, max_size=5), min_size=1, max_size=5)


@given(
    sentences,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\t", "  \t", "\n"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_is_read_back(rows, line_end, blank, compressed, marked, last_end):
    # the first cell is a constant, for a token of '# x' that opens every sentence would look like a comment
    text = f"\n{blank}\n".join("\n".join(f"w\t{token}\t{label}" for token, label in row) for row in rows)
    content = (text + "\n" * last_end).replace("\n", line_end).encode("utf-8")
    content = b"\xef\xbb\xbf" * marked + content
    tokens, tags = read(gzip.compress(content) if compressed else content, token=1)
    assert tokens == [[token for token, _ in row] for row in rows]
    assert tags == [[label for _, label in row] for row in rows]


word = st.text(string.ascii_letters + "#\u00a0\u2028\x85'", min_size=1)


@given(st.lists(st.lists(st.tuples(word, tag), min_size=1, max_size=4), min_size=1, max_size=4), st.integers(1, 3))
def test_blanks_separate_and_nothing_else_does(rows, width):
    text = "\n\n".join("\n".join(f"x{token}{' ' * width}_  {label} " for token, label in row) for row in rows)
    tokens, tags = read(text)
    assert tokens == [["x" + token for token, _ in row] for row in rows]
    assert tags == [[label for _, label in row] for row in rows]


@given(st.lists(cell, min_size=1, max_size=30), st.integers(1, 200))
def test_lines_do_not_depend_on_the_size_of_blocks(cells, size):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        path.write_bytes("\n".join(cells).encode("utf-8"))
        numbered = [
            (first + i, line) for first, lines in line_blocks(path, block_size=size) for i, line in enumerate(lines)
        ]
    assert numbered == list(enumerate(cells, 1))


def test_conllu():
    tokens = [["Vamos", "nos", "#1"], ["Sí"]]
    assert read(CONLLU, "x.conllu") == (tokens, [["VERB", "PRON", "NUM"], ["INTJ"]])
    assert read(CONLLU, "no_known_ending") == read(CONLLU, "x.conllu")
    assert read(CONLLU, tag="XPOS")[1] == [["V", "P", "N"], ["I"]]
    assert read(CONLLU, token="lemma", tag=4)[0] == [["ir", "nosotros", "#1"], ["sí"]]
    assert read("# global.columns = ID FORM TAG\n" + CONLLU.replace("\t_\t", "\t", 0).split("\n", 1)[1])[0] == tokens
    assert fault("1\tAda\n", name="x.conllu").endswith("2 columns; a row of CoNLL-U has a number, a token and a tag")
    assert "no column 'upso' for tag=" in fault(CONLLU, UsageError, tag="upso")
    message = fault(CONLLU.replace("3\t#1", "three\t#1"), name="x.conllu")
    assert message.startswith("x.conllu:8: the first column is 'three'")


def test_iob2_files_of_universal_ner():
    text = "# sent_id = 1\n# x\n1\tEn ny\tB-LOC\t-\tann\n2\tdag\tO\t-\tann\n\n# sent_id = 2\n1\t#\tO\t-\tann\n"
    assert read(text, "da.iob2") == ([["En ny", "dag"], ["#"]], [["B-LOC", "O"], ["O"]])


def test_hash_signs_are_tokens_where_there_are_no_comments():
    assert read("#1\tO\n#\tO\n\n# x\tB-X\n")[0] == [["#1", "#"], ["# x"]]
    assert read("# x\tB-X\n\n#1\tO\n")[0] == [["# x"], ["#1"]]
    commented = "# id 7f01 domain=en\nAda _ _ B-PER\n# _ _ O\n\n# id 7f02 domain=en\nspoke _ _ O\n"
    assert read(commented) == ([["Ada", "#"], ["spoke"]], [["B-PER", "O"], ["O"]])


def test_document_starts_separate():
    text = "-DOCSTART- -X- O O\n\nAda NNP O B-PER\n-DOCSTART- -4711- O O\nspoke VBD O O\n"
    assert read(text) == ([["Ada"], ["spoke"]], [["B-PER"], ["O"]])
    assert read("-DOCSTART- -1-\nAda\tB-PER\n\n-DOCSTART-\tO\n\nb\tO\n")[0] == [["Ada"], ["b"]]


def test_headers():
    named = "word\tpos\tner\nAda\tNNP\tB-PER\n\nhi\tUH\tO\n"
    assert read(named, token="word", tag="pos") == ([["Ada"], ["hi"]], [["NNP"], ["UH"]])
    assert read(named) == ([["Ada"], ["hi"]], [["B-PER"], ["O"]])  # known names on both sides: a header too
    assert read("word\tO\nAda\tB-PER\n")[0] == [["word", "Ada"]]
    message = fault(named, UsageError, tag="nre")
    assert message == "file.conll:1: no column 'nre' for tag=; choose from ner, pos, word; did you mean 'ner'?"


@pytest.mark.parametrize(
    "text",
    [
        "ner\ttoken\nB-PER\tAda\nO\tspoke\n",  # the header names the column of tokens wherever it stands
        "doc\ttoken\tpos\tner\n7\tAda\tX\tB-PER\n7\tspoke\tX\tO\n",
        "0 Ada B-PER\n1 spoke O\n\n0 Yes O\n",  # words are counted from 0, too
        "-docstart-\tO\n\nAda\tB-PER\nspoke\tO\n",
    ],
)
def test_tokens_are_found_behind_other_columns(text):
    tokens, tags = read(text)
    assert (tokens[0], tags[0]) == (["Ada", "spoke"], ["B-PER", "O"])
    streamed = [tokens for tokens, _ in iter_sentences(io.StringIO(text))]
    assert streamed == tokens


def test_a_header_is_no_sentence_for_a_model_either():
    text = "token\tpos\nAda\tPROPN\n\nspoke\tVERB\n"
    (tokens, rows), _ = iter_sentences(io.StringIO(text))
    assert (tokens, rows) == (["Ada"], ["token\tpos\ttag", ["Ada", "PROPN"]])
    assert next(iter_sentences(io.StringIO("token\nAda\n")))[0] == ["token", "Ada"]  # which may be a word


def test_the_new_column_of_conllu_plus_gets_a_name():
    text = "# global.columns = ID FORM NER\n1\tAda\tB-PER\n\n"
    assert next(iter_sentences(io.StringIO(text)))[1][0] == "# global.columns = ID FORM NER SEQTAG:TAG"


def test_columns_by_number():
    text = "Ada NNP B-PER\nspoke VBD O\n"
    assert read(text, token=-3, tag="1")[1] == [["NNP", "VBD"]]
    message = fault(text, UsageError, tag=3)
    assert (
        message
        == "file.conll:1: no column 3 for tag=; the row has 3 columns, counted from 0 to 2, or from -1 back to -3"
    )
    assert "one column per row" in fault("Ada\nspoke\n")
    assert "column 0 for both tokens and tags" in fault(text, token=0, tag=0)


def test_a_row_of_another_width(caplog):
    assert fault("Ada\tNNP\tB-PER\n\nspoke\tO\n").startswith(
        "file.conll:3: 2 columns separated by tabs, where line 1 has 3; mend the row, or, if columns at its end may be"
    )
    assert fault("Ada NNP B-PER\nspoke VBD O O\n").startswith("file.conll:2: 4 columns separated by blanks")
    assert fault("Ada NNP B-PER 1\nspoke VBD O\nof VBD O\n") == (
        "file.conll:1: 4 columns separated by blanks, where most rows have 3; mend the row (a blank in a token or a "
        "tag makes a column more)"
    )
    assert fault("Ada NNP B-PER\nspoke VBD\n", token=0, tag=2).startswith("file.conll:2: 2 columns")
    assert not caplog.records


def test_rows_wider_than_the_columns_that_were_named(caplog):
    narrow, wide = "Ada NNP B-PER\n", "New York NNP B-LOC\n"
    # The last named column is the last of most rows, or of half of them: a warning with the lines.
    assert read(narrow * 2 + wide, token=0, tag=2)[1] == [["B-PER", "B-PER", "NNP"]]
    assert "1 rows have more columns than the 3 of other rows" in caplog.text
    assert caplog.text.endswith("line 3\n")
    for text in (narrow + wide, wide + narrow, narrow + wide * 6):
        caplog.clear()
        read(text, token=0, tag=2)
        assert "rows have more columns than the 3 of other rows" in caplog.text
    assert caplog.text.endswith("lines 2, 3, 4, 5, 6, ...\n")
    caplog.clear()
    # All other rows have a column that is not read: a token may have a blank in it.
    assert fault(narrow * 2 + wide, token=0, tag=1).startswith(
        "file.conll:3: 4 columns separated by blanks, where most rows have 3; mend the row (a blank in a token"
    )
    assert [tokens for tokens, _ in iter_sentences(io.StringIO(narrow + wide))] == [["Ada", "New"]]  # nothing to learn
    assert "<stdin>: 1 rows have more columns than the 3 of other rows" in caplog.text
    caplog.clear()
    # In CoNLL-2009, as in CoNLL-2012, the width changes by the sentence.
    verbs = "1\tAda\tN\tA0\n2\tspoke\tV\t_\n\n1\tYes\tI\t_\t_\n2\tno\tI\t_\t_\n"
    assert read(verbs, token=1, tag=2)[0] == [["Ada", "spoke"], ["Yes", "no"]]
    assert not caplog.records
    assert fault(verbs + "3\tno\tI\t_\t_\t_\n", token=1, tag=2).startswith("file.conll:6: 6 columns")


def test_comments_of_germeval_stand_above_numbered_rows():
    text = "#\thttp://example.org/{}?x=1\t[2010-01-04]\t\n1\tIn\tO\tO\n2\tKiel\tB-LOC\tO\n\n"
    assert read(text.format(1) + text.format(2)) == ([["In", "Kiel"]] * 2, [["O", "B-LOC"]] * 2)
    assert read(text.format(1), tag=3)[1] == [["O", "O"]]
    # where nothing is numbered, such a line is a token
    assert read("#\tO\tO\nKiel\tB-LOC\tO\n\n#\tO\tO\n", tag=1)[0] == [["#", "Kiel"], ["#"]]


HIPE = (
    "TOKEN\tNE-COARSE-LIT\tMISC\n# hipe2022:document_id = a\n# date = 1900\nAda\tB-pers\t_\n# segment = 2\nran\tO\t_\n"
)


@pytest.mark.parametrize("text", [HIPE, HIPE.replace("\t", " "), HIPE.replace("\n# date = 1900", "")])
def test_comments_of_hipe_stand_anywhere_after_the_header(text):
    for columns in ({"token": "TOKEN", "tag": "NE-COARSE-LIT"}, {"token": 0, "tag": 1}, {"tag": "NE-COARSE-LIT"}):
        assert read(text, **columns) == ([["Ada", "ran"]], [["B-pers", "O"]])
    assert [tokens for tokens, _ in iter_sentences(io.StringIO(text), token="TOKEN")] == [["Ada", "ran"]]
    assert "this line is a header, and its last column, 'MISC', is not known to hold tags" in fault(text, UsageError)


def test_sentences_of_hipe_end_at_their_marks(tmp_path, caplog):
    caplog.set_level("INFO", "seqtag")
    path = tmp_path / "x.tsv"
    path.write_text(
        "TOKEN\tNE-COARSE-LIT\tMISC\n# segment_iiif_link = https://example.org/1\nAda\tB-pers\t_\n"
        "ran\tO\tNoSpaceAfter|EndOfSentence\n# segment_iiif_link = https://example.org/2\nEndOfSentence\tO\t_\n"
        ".\tO\tEndOfSentence\n\nBo\tB-pers\tEndOfSentenceNot\nsat\tO\t_\n"
    )
    assert read_columns(path, token="TOKEN", tag="NE-COARSE-LIT")[0] == [
        ["Ada", "ran"],
        ["EndOfSentence", "."],
        ["Bo", "sat"],
    ]
    assert "x.tsv: 2 sentences end where the last column says EndOfSentence" in caplog.text


def test_documents_of_hipe(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(HIPE + "\n# hipe2022:document_id = b\nBo\tB-pers\t_\n")
    (block,) = column_blocks(path, token=0, tag=1)
    assert len(set(block.documents)) == 2


def test_an_empty_token_keeps_its_place():
    assert read("Ada\tB-PER\n\tO\nspoke\tO\n")[0] == [["Ada", "", "spoke"]]


def test_bytes_that_are_no_utf8_text():
    assert fault("Ada\tO\ncafé\tO\n".encode("latin-1")) == (
        "file.conll:2: byte 4 of the line is 0xe9, which is not UTF-8; if the file is in Latin-1: "
        "iconv -f LATIN1 -t UTF-8 OLD > NEW"
    )
    assert fault("Ada\tO\n".encode("utf-16")).startswith("file.conll:1: the file is UTF-16")
    assert fault(b"Ada\tO\nx\0y\tO\n").startswith("file.conll:2: a zero byte, so this is a binary file")


def test_files_with_nothing_to_read(tmp_path):
    assert fault(b"") == "file.conll: the file is empty; write it again, or leave it out"
    assert "holds blank lines only" in fault("\n\t\n\n")
    assert "holds blank lines only" in fault("-DOCSTART- -X- O O\n\n")
    with pytest.raises(UsageError, match=r"none\.conll: there is no such file"):
        list(column_blocks(tmp_path / "none.conll"))
    with pytest.raises(UsageError, match="this is a folder where a file is needed"):
        list(column_blocks(tmp_path))


def test_a_gzip_file_that_breaks_off():
    content = gzip.compress(b"".join(b"token%d\tO\n" % number for number in range(5000)))
    assert "the gzip file is damaged or breaks off after line" in fault(content[: len(content) // 2])
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    assert "the gzip file is damaged" in fault(bytes(damaged))


def test_lines_of_each_token_are_known(tmp_path):
    path = tmp_path / "x.conllu"
    path.write_text(CONLLU, encoding="utf-8")
    (block,) = column_blocks(path)
    assert (block.lines, block.lengths) == ([5, 6, 8, 11], [3, 1])


@pytest.mark.parametrize("name", ["arcada", "mic-cis", "spinningbytes"])
def test_submissions_are_parallel_to_their_gold(shared_data, name):
    gold, _ = read_columns(shared_data / "wnut17" / "emerging.test.annotated")
    tokens, tags = read_columns(shared_data / "wnut17" / "submissions" / name)
    assert [len(row) for row in tokens] == [len(row) for row in tags] == [len(row) for row in gold]


def test_streaming_gives_a_sentence_as_soon_as_it_ends():
    taken = 0

    def typed():
        nonlocal taken
        for line in ["Ada\tx\n", "spoke\tx\n", "\n", "\n", "Yes\tx\n", "\n", "end\tx\n"]:
            taken += 1
            yield line.encode("utf-8")

    stream = iter_sentences(typed())
    assert next(stream) == (["Ada", "spoke"], [["Ada", "x"], ["spoke", "x"]])
    assert taken == 3
    assert [tokens for tokens, _ in stream] == [["Yes"], ["end"]]


@given(st.lists(st.lists(cell, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_streamed_handles_and_files_agree(rows, binary):
    text = "\n\n".join("\n".join(f"w\t{token}" for token in row) for row in rows) + "\n"
    handle = io.BytesIO(text.encode("utf-8")) if binary else io.StringIO(text, newline="\n")
    assert [tokens for tokens, _ in iter_sentences(handle, token=1)] == rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.tsv"
        path.write_bytes(text.encode("utf-8"))
        assert [tokens for tokens, _ in iter_sentences(path, token=1)] == rows


def test_streaming_tokens_alone_and_faults():
    assert [tokens for tokens, _ in iter_sentences(io.StringIO("\n\nAda\nspoke\n\nYes"))] == [["Ada", "spoke"], ["Yes"]]
    assert [tokens for tokens, _ in iter_sentences(io.StringIO(CONLLU))] == [["Vamos", "nos", "#1"], ["Sí"]]
    assert list(iter_sentences(io.StringIO(""))) == []
    with pytest.raises(DataError, match=r"<stdin>:3: 1 column .* where line 1 has 2"):
        list(iter_sentences(io.StringIO("a\tx\n\nb\n"), token=1))


def test_entities_in_misc_are_read_by_their_key(tmp_path):
    path = tmp_path / "x.conllu"
    rest = "_\tN\t_\t_\t0\troot\t_"
    path.write_text(
        f"1\tAda\t{rest}\tNE=B-PER|SpaceAfter=No\n2\tleft\t{rest}\t_\n3\tOslo\t{rest}\tGloss=x|NE=B-LOC\n",
        encoding="utf-8",
    )
    corpus = load_corpus(f"{path}:tag=misc:NE")["train"]
    names = corpus.features["tags"].feature.names
    assert [names[number] for number in corpus["tags"][0]] == ["B-PER", "O", "B-LOC"]
    assert load_corpus(path, tag="MISC:NE")["train"]["tags"][:] == corpus["tags"][:]
    with pytest.raises(UsageError, match=r"no token has 'NER' in its column MISC; choose from Gloss, NE, SpaceAfter"):
        load_corpus(path, tag="misc:NER")


def test_words_of_a_multiword_token_must_follow_it(tmp_path):
    path = tmp_path / "x.conllu"
    path.write_text(
        "1-2\tzum\t_\t_\n1\tzu\t_\tADP\n2\tdem\t_\tDET\n\n1-2\tzum\t_\t_\n1\tzu\t_\tADP\n\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"x\.conllu:7: the sentence has a multiword token that ends with word 2"):
        list(iter_sentences(path))
