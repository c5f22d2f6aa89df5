"""Which column is which, for tables as they come."""

import pytest
from datasets import ClassLabel, LargeList, Sequence, Value

from seqtag.corpora.column_roles import tagging_columns
from seqtag.errors import DataError, UsageError

STRINGS = Sequence(Value("string"))
CLASSES = Sequence(ClassLabel(names=["O", "B-X"]))
NUMBERS = Sequence(Value("int64"))
TEXT = Value("string")


def chosen(**features):
    columns = tagging_columns(features)
    return columns.token, columns.tag


def test_the_feature_type_comes_first():
    assert chosen(id=TEXT, tokens=STRINGS, ner_tags=CLASSES) == ("tokens", "ner_tags")
    assert chosen(a=STRINGS, b=CLASSES) == ("a", "b")
    assert chosen(tokens=STRINGS, lemmas=STRINGS, upos=CLASSES, xpos=STRINGS) == ("tokens", "upos")
    assert chosen(tokens=LargeList(Value("large_string")), tags=LargeList(ClassLabel(names=["O"]))) == (
        "tokens",
        "tags",
    )
    assert chosen(tokens=[Value("string")], tags=[ClassLabel(names=["O"])]) == ("tokens", "tags")
    assert tagging_columns({"tokens": STRINGS, "tags": CLASSES}).tag_names == ["O", "B-X"]
    assert tagging_columns({"tokens": STRINGS, "tags": STRINGS}).tag_names is None


def test_then_the_name():
    assert chosen(tokens=STRINGS, spans=CLASSES, ner_tags=CLASSES) == ("tokens", "ner_tags")
    assert chosen(words=STRINGS, lemmas=STRINGS, upos=STRINGS) == ("words", "upos")
    assert chosen(words=STRINGS, marks=STRINGS) == ("words", "marks")
    assert chosen(texts=STRINGS, tags=STRINGS) == ("texts", "tags")


def test_what_is_asked_for():
    features = {"tokens": STRINGS, "pos_tags": CLASSES, "ner_tags": CLASSES, "alt": STRINGS}
    columns = tagging_columns(features, token="alt", tag="pos_tags")
    assert (columns.token, columns.tag) == ("alt", "pos_tags")
    with pytest.raises(UsageError, match=r"no column 'pos_tag' for tag=.*did you mean 'pos_tags'"):
        tagging_columns(features, tag="pos_tag")
    with pytest.raises(UsageError, match="asked for both tokens and tags"):
        tagging_columns(features, token="alt", tag="alt")
    with pytest.raises(DataError, match="column 'ner_tags' holds no lists of strings for tokens"):
        tagging_columns(features, token="ner_tags", tag="pos_tags")


@pytest.mark.parametrize("kind", [CLASSES, STRINGS])
def test_two_that_fit_are_listed(kind):
    with pytest.raises(UsageError) as caught:
        chosen(tokens=STRINGS, pos_tags=kind, chunk_tags=kind, ner_tags=kind)
    assert str(caught.value) == ("the data: ambiguous tag column (pos_tags, chunk_tags, ner_tags): pass tag='ner_tags'")
    with pytest.raises(UsageError, match=r"ambiguous token column \(tokens, words\): pass token='words'"):
        chosen(tokens=STRINGS, words=STRINGS, tags=CLASSES)


def test_none_that_fits():
    with pytest.raises(DataError, match="no column holds lists of tags; the columns are: text, label"):
        chosen(text=TEXT, label=TEXT)
    with pytest.raises(DataError, match="no column holds lists of tags; the columns are: tokens"):
        chosen(tokens=STRINGS)
    with pytest.raises(DataError, match="'tags' holds numbers without names"):
        chosen(tokens=STRINGS, tags=NUMBERS)
    with pytest.raises(DataError, match="column 'label' holds no lists of labels; name another with tag="):
        tagging_columns({"tokens": STRINGS, "label": TEXT}, tag="label")
