"""Documents that a source tells apart: each row knows its own, and corpora without any stay as they are."""

import gzip
import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest
import spacy
from datasets import ClassLabel, Dataset, Features, Sequence, Value, concatenate_datasets
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from seqtag.batching import TaggedRows, count_tokens, fingerprint
from seqtag.cli.commands.score import read_sentences
from seqtag.corpora import tagged_blocks
from seqtag.corpora.loading import load_corpus
from seqtag.corpora.tagged_drafts import documents_of, tagged_features
from seqtag.evaluation.statistics.counts import count_spans
from seqtag.models.tagging.inputs import tag_lists, training_splits
from seqtag.text.tag_tables import TagTable
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary

ADA, BO, YES = "Ada\tB-PER\nspoke\tO\n\n", "Bo\tB-PER\n\n", "Yes\tO\n\n"
START = "-DOCSTART-\tO\n\n"
CONLLU = "# newdoc id = {}\n# sent_id = 1\n1\tAda\t_\tPROPN\n2\tspoke\t_\tVERB\n\n# sent_id = 2\n1\tYes\t_\tINTJ\n\n"


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.conll").write_text(text, encoding="utf-8")
    return folder


def documents(source, split="train", **options):
    dataset = load_corpus(source, split=split, **options)
    return dataset["document"][:] if "document" in dataset.features else None


def tables(names, kind="string", *, column="doc_id", tags=("O", "B-PER")):
    features = Features(
        {
            "tokens": Sequence(Value("string")),
            "ner_tags": Sequence(ClassLabel(names=list(tags))),
            column: Value(kind),
        }
    )
    rows = {"tokens": [["w"]] * len(names), "ner_tags": [[0]] * len(names), column: names}
    return Dataset.from_dict(rows, features=features)


def test_lines_between_documents_number_them(tmp_path):
    corpus = load_corpus(write(tmp_path, train=START + ADA + BO + START + YES, dev=ADA + START + BO))
    assert corpus["train"]["document"][:] == [1, 1, 2]
    assert corpus["dev"]["document"][:] == [0, 1]  # what stands before the first line is a document too
    assert documents_of(corpus["train"]) == [1, 1, 2]
    # the line may stand right below a sentence, and bring an id along
    text = "Ada O\n-DOCSTART- -755276- O O\nBo O\n\nYes O\n"
    assert documents(write(tmp_path, test=text), "test") == [0, 1, 1]


def test_comments_that_open_a_document_number_them(tmp_path):
    path = tmp_path / "x.conllu"
    path.write_text(CONLLU.format("a") + CONLLU.format("b"), encoding="utf-8")
    assert documents(path) == [1, 1, 2, 2]
    assert [sentence.document for sentence in read_sentences(str(path))] == [1, 1, 2, 2]


def test_an_id_that_is_repeated_opens_no_document(tmp_path):
    path = tmp_path / "x.conllu"
    text = "".join(f"# newdoc{name}\n1\tYes\t_\tINTJ\n\n" for name in (" id = a", " id = a", " id = b", " id = a"))
    path.write_text(text + "# newdoc\n1\tYes\t_\tINTJ\n\n" * 2, encoding="utf-8")
    assert documents(path) == [1, 1, 2, 3, 4, 5]


def test_without_documents_rows_stay_as_they_are(tmp_path):
    for number, text in enumerate((ADA + BO, START + ADA + BO, START + START + ADA, "# O\nnewdoc O\n\n#newdoc O\n")):
        dataset = load_corpus(write(tmp_path, **{f"x{number}": text}) / f"x{number}.conll", split="train")
        assert dataset.features == tagged_features(dataset.features["tags"].feature.names)
        assert documents_of(dataset) is None
    assert documents(tables(["a", "a"])) is None
    assert documents(tables(["a", "b"], column="source")) is None


def test_all_splits_have_the_column_if_one_has_documents(tmp_path):
    corpus = load_corpus(write(tmp_path, train=START + ADA + START + BO, dev=START + ADA + BO))
    assert corpus["dev"]["document"][:] == [1, 1]
    assert documents_of(corpus["dev"]) is None
    assert len(concatenate_datasets([corpus["train"], corpus["dev"]])) == 4


@given(
    st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=1, max_size=8),
    st.sampled_from([None, "BIOES"]),
    st.integers(1, 12),
)
def test_each_sentence_keeps_its_document_through_blocks_conversion_and_repair(lengths, scheme, size):
    # an orphan in every second sentence makes the reader rewrite it
    sentences = [[["I-X", "I-X", "O", "B-Y"][:n] for n in lengths_of_document] for lengths_of_document in lengths]
    text = "".join(
        START + "".join("".join(f"w\t{tag}\n" for tag in tags) + "\n" for tags in document) for document in sentences
    )
    expected = [number for number, document in enumerate(sentences, 1) for _ in document]
    if not expected:
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tagged_blocks, "BLOCK_TOKENS", size)
        path = write(Path(folder), x=text + "w\tB-X\nw\tI-X\n") / "x.conll"
        expected.append(len(sentences))
        found = load_corpus(path, split="train", scheme=scheme)
        assert [len(tokens) for tokens in found["tokens"]] == [
            n for lengths_of_document in lengths for n in lengths_of_document
        ] + [2]
        assert (found["document"][:] if len(set(expected)) > 1 else None) == (
            expected if "document" in found.features else None
        )


def test_spacy_documents_that_have_sentences(tmp_path):
    vocabulary = spacy.blank("xx").vocab
    for name, sentence_starts, expected in (
        ("cut", [True, False, True], [1, 1, 2, 2]),
        ("whole", [True, False, False], None),  # each document is a row, so there is nothing to tell
        ("unmarked", None, None),
    ):
        store = DocBin(attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"])
        for _ in range(2):
            store.add(Doc(vocabulary, ["Ada", "spoke", "Yes"], ents=["B-PER", "O", "O"], sent_starts=sentence_starts))
        store.to_disk(tmp_path / f"{name}.spacy")
        assert documents(tmp_path / f"{name}.spacy") == expected


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("string", ["b", "a", "b"]),  # as they stand, in any order
        ("large_string", ["b", "", "b"]),
        ("int8", [5, -1, 5]),
        ("uint32", [2**32 - 1, 0, 0]),
    ],
)
@pytest.mark.parametrize("column", ["document", "Doc_ID", "docid", "doc"])
def test_a_column_of_a_table_tells_documents(kind, names, column):
    corpus = load_corpus(tables(names, kind, column=column))
    assert corpus["train"]["document"][:] == names
    assert corpus["train"].features["document"].dtype == ("string" if "string" in kind else "int64")
    assert load_corpus(corpus)["train"]["document"][:] == names


def test_numbers_that_64_bits_with_a_sign_can_not_hold_become_names():
    table = tables(["x", "y"]).remove_columns("doc_id")
    table = table.add_column("doc_id", np.array([2**64 - 1, 1], np.uint64))
    assert documents(table) == [str(2**64 - 1), "1"]


def test_splits_with_names_and_with_numbers_all_have_names(tmp_path):
    corpus = load_corpus({"train": tables(["a", "b"]), "dev": tables([3, 4], "int64"), "test": tables(["c", "c"])})
    assert {split: dataset["document"][:] for split, dataset in corpus.items()} == {
        **{"train": ["a", "b"], "dev": ["3", "4"], "test": ["c", "c"]}
    }


def test_the_most_telling_column_is_taken():
    table = tables(["1", "1", "2"]).add_column("document", ["long text", "long text", "other"])
    assert documents(table) == ["1", "1", "2"]
    lists = tables(["1", "2"]).remove_columns("doc_id").add_column("document", [["a"], ["b"]])
    assert documents(lists, token="tokens") is None


def test_missing_documents_are_said_and_left_out(caplog):
    with caplog.at_level(logging.WARNING, "seqtag"):
        assert documents(tables(["a", "b", None, "b"])) is None
    assert caplog.messages == ["split train, row 2: column 'doc_id' is empty, so documents are not told apart"]
    settled = load_corpus(tables(["a", "b"]), split="train")
    assert documents_of(concatenate_datasets([settled, settled.remove_columns("document")])) is None


def test_a_corpus_with_documents_is_not_written_twice(tmp_path):
    corpus = load_corpus(write(tmp_path, train=START + ADA + START + BO + YES))
    again = load_corpus(corpus)
    assert again["train"].cache_files == corpus["train"].cache_files
    part = corpus["train"].select([2, 0])
    assert documents(part) == [2, 1]
    mixed = load_corpus({"train": corpus["train"], "dev": corpus["train"].remove_columns("document")})
    assert (mixed["train"]["document"][:], mixed["dev"]["document"][:]) == ([1, 2, 2], [0, 0, 0])


def test_training_is_the_same_with_documents_and_without(tmp_path):
    text = (START + ADA + BO + YES) * 8
    with_them = load_corpus(write(tmp_path, train=text), split="train")
    without = load_corpus(write(tmp_path, train=text.replace(START, "")), split="train")
    parts = [(data.select(range(12)), data.select(range(12, 16))) for data in (with_them, without)]
    splits = [training_splits(train, None, dev, dev_share=0.25, seed=3) for train, dev in parts]
    for one, other in zip(*splits, strict=True):
        assert one["tokens"][:] == other["tokens"][:]
        assert fingerprint({"x": one}) == fingerprint({"x": other})
    train, _ = splits[0]
    assert sorted(set(train["document"][:])) == list(range(1, 5))
    tagset = TagSet.build(train.features["tags"].feature.names, "IOB2")
    rows = TaggedRows(train, Vocabulary.build(count_tokens(train)), tagset)
    assert rows.batch(np.array([1, 0])).lengths_B.tolist() == [len(train[number]["tokens"]) for number in (1, 0)]


def test_documents_are_what_counts_are_grouped_by(tmp_path):
    dataset = load_corpus(write(tmp_path, train=START + ADA + BO + START + YES), split="train")
    spans = TagTable.of(tag_lists(dataset)).spans("IOB2")
    grouped = count_spans(spans, spans).by_group(documents_of(dataset))
    assert grouped.gold_SL.tolist() == [[2], [0]]


PUBLIC = {
    **{"wikigold/wikigold.conll.txt": "-DOCSTART-", "sec_filings/FIN5.txt": "-DOCSTART-"},
    **{"mobie_de/dev.conll2003": "-DOCSTART-", "mobie_de/train.conll2003.gz": "-DOCSTART-"},
    **{
        "ud_de_pud": "# newdoc",
        "ud_ar_pud": "# newdoc",
        "uner_sv_talbanken": "# newdoc",
        "bc5cdr": None,
        "ncbi_disease": None,
        "wnut17": None,
    },
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_corpora_have_as_many_documents_as_lines_that_open_one(name, shared_data):
    corpus = load_corpus(shared_data / name)
    opening = PUBLIC[name]
    if opening is None:
        assert all("document" not in dataset.features for dataset in corpus.values())
        return
    path = shared_data / name
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if "ud-" in file.name)
    lines = [(gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") for file in files]
    # an id may be repeated, before each sentence of its document
    opened = [[line for line in handle if line.startswith(opening)] for handle in lines]
    if opening == "# newdoc":  # an id may be repeated, before each sentence of its document
        opened = [sorted(set(paths)) for paths in opened]
    expected = list(map(len, opened))
    for handle in lines:
        handle.close()
    assert sorted(len(set(dataset["document"][:])) for dataset in corpus.values()) == sorted(expected)
