"""Brackets of CoNLL-2012: outer spans become tags, inner ones are counted, and what does not fit is named."""

import pytest
from column_files import read_columns
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.formats.conll import column_blocks
from seqtag.corpora.formats.conll_brackets import bracketed_columns, tags_of_brackets
from seqtag.errors import DataError


def conll2012(*sentences: list[tuple[str, str]], verbs: int = 0) -> str:
    """Write a document of CoNLL-2012; each sentence has one column of arguments more than the one before."""
    lines = ["#begin document (bc/x); part 000"]
    for number, sentence in enumerate(sentences, verbs):
        lines += [
            f"bc/x 0 {at} {word} NNP * - - - Ann {cell}{' *' * number} -" for at, (word, cell) in enumerate(sentence)
        ]
        lines.append("")
    return "\n".join([*lines, "#end document", ""])


def test_conll_2012(tmp_path, caplog):
    first = [("The", "(ORG*"), ("Oslo", "(GPE)"), ("Bank", "*)"), ("in", "*"), ("Rome", "(GPE)"), (".", "*")]
    path = tmp_path / "x.gold_conll"
    path.write_text(conll2012(first, [("Yes", "*")]) + conll2012([("No", "*")]).replace("bc/x)", "bc/y)"))
    (block,) = column_blocks(path)
    assert block.tokens == ["The", "Oslo", "Bank", "in", "Rome", ".", "Yes", "No"]
    assert block.tags == ["B-ORG", "I-ORG", "I-ORG", "O", "B-GPE", "O", "O", "O"]
    assert (block.lengths, len(set(block.documents))) == ([6, 1, 1], 2)
    assert block.documents[0] == block.documents[1]
    assert "1 spans lie inside another span and are left out" in caplog.text
    assert caplog.text.endswith(": line 3\n")
    assert read_columns(path, token=3, tag=4)[1][0][0] == "NNP"
    # the parts of a document are one document
    path.write_text(conll2012(first) + conll2012(first).replace("part 000", "part 001"))
    (block,) = column_blocks(path)
    assert len(set(block.documents)) == 1


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["*", "*)"], r"x:3: '\*\)' closes a bracket that is not open"),
        (["(ORG*", "*"], r"x:2: the bracket of ORG is not closed in its sentence"),
        (["(ORG*", "-"], r"x:3: '-' in a column whose other cells are brackets"),
    ],
)
def test_brackets_that_do_not_fit_are_named_by_their_line(cells, message):
    with pytest.raises(DataError, match=message):
        tags_of_brackets(cells, [2, 3], "x", [])


spans = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(["ORG", "GPE"])), max_size=5)


@given(spans)
def test_spans_that_are_written_in_brackets_are_read_back(drawn):
    expected: list[str] = []
    cells: list[str] = []
    for gap, length, label in drawn:
        cells += ["*"] * gap + ([f"({label})"] if length == 1 else [f"({label}*", *["*"] * (length - 2), "*)"])
        expected += ["O"] * gap + [f"B-{label}"] + [f"I-{label}"] * (length - 1)
    nested: list[int] = []
    assert tags_of_brackets(cells, range(len(cells)), "x", nested) == expected
    assert not nested
    if "*" in cells:
        assert bracketed_columns([("word", cell, "-") for cell in cells]) == {1}
