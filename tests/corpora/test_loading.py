"""Whole corpora through the one door: the counts of the public ones, and every kind of source."""

import json
import logging
import shutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.loading import corpus_scheme, load_corpus
from seqtag.corpora.source_names import hub_origin, note_origin
from seqtag.corpora.splits import split_name
from seqtag.errors import DataError, UsageError
from seqtag.text.schemes import illegal_positions, repair_tags, spans_from_tags

COLUMN_CORPORA = [
    *("wnut17", "bc5cdr", "ncbi_disease", "mobie_de", "wikigold", "sec_filings", "snips_slots"),
    *("crossner/politics", "crossner/science", "crossner/music", "crossner/literature", "crossner/ai"),
    *("uner_zh_gsdsimp", "uner_da_ddt", "uner_pt_bosque", "uner_sv_talbanken", "uner_en_ewt_devtest"),
]
POS_CORPORA = ["ud_en_ewt", "ud_fr_sequoia", "ud_vi_vtb", "ud_en_atis", "ud_de_pud", "ud_es_pud", "ud_ar_pud"]

TWO = "Ada\tB-PER\nspoke\tO\n\nTurin\tB-LOC\n"


def tag_lists(dataset: Dataset) -> list[list[str]]:
    names = dataset.features["tags"].feature.names
    return [[names[number] for number in tags] for tags in dataset["tags"]]


def counts_of(dataset: Dataset, scheme: str) -> dict[str, object]:
    tags = tag_lists(dataset)
    assert [len(row) for row in tags] == [len(row) for row in dataset["tokens"]]
    counts: dict[str, object] = {"sentences": len(dataset), "tokens": sum(map(len, tags))}
    if scheme == "plain":
        return counts | {"labels": len({tag for row in tags for tag in row})}
    labels = Counter(span.label for row in tags for span in spans_from_tags(row, scheme))
    return counts | {"entities": labels.total(), "labels": dict(labels)}


def count_slots(folder: Path) -> dict[str, object]:
    """Count a snips split by itself: a B- opens an entity, and these files have no orphans."""
    rows = [line.split() for line in (folder / "seq.out").read_text(encoding="utf-8").split("\n") if line.strip()]
    labels = Counter(tag[2:] for row in rows for tag in row if tag.startswith("B-"))
    counts = {"sentences": len(rows), "tokens": sum(map(len, rows))}
    return counts | {"entities": labels.total(), "labels": dict(labels)}


@pytest.mark.parametrize("name", [*COLUMN_CORPORA, *POS_CORPORA])
def test_public_corpora_read_with_the_published_counts(name, shared_data):
    expected = json.loads((shared_data / "counts.json").read_text(encoding="utf-8")).get(name)
    folder = shared_data / name
    if name == "snips_slots":
        expected = {s: count_slots(folder / d) for s, d in (("train", "train"), ("dev", "valid"), ("test", "test"))}
    if name == "wikigold":
        corpus = {"all": load_corpus(folder / "wikigold.conll.txt", split="train")}
    elif name == "sec_filings":
        corpus = {part: load_corpus(folder / f"{part}.txt", split="train") for part in expected}
    else:
        corpus = load_corpus(folder)
    scheme = corpus_scheme(corpus)
    assert (scheme == "plain") == (name in POS_CORPORA)
    assert {split: counts_of(dataset, scheme) for split, dataset in corpus.items()} == expected


def test_all_token_tag_corpora_of_the_table_are_tested(shared_data):
    counted = json.loads((shared_data / "counts.json").read_text(encoding="utf-8"))
    assert set(counted) <= {*COLUMN_CORPORA, *POS_CORPORA}


def test_strange_characters_stay_in_their_tokens(shared_data):
    train = load_corpus(shared_data / "wnut17", split="train")
    raw = (shared_data / "wnut17" / "wnut17train.conll").read_bytes().decode("utf-8")
    expected = [line.split("\t")[0] for line in raw.split("\n") if line.strip()]
    assert [token for row in train["tokens"] for token in row] == expected
    assert any(token.startswith("#") for token in expected)


def test_orphans_are_counted_listed_and_repaired(shared_data, caplog):
    caplog.set_level(logging.INFO, "seqtag")
    corpus = load_corpus(shared_data / "mobie_de")
    messages = [record.getMessage() for record in caplog.records]
    for split, count in (("train", 105), ("dev", 28), ("test", 132)):
        assert any(message.startswith(f"{split}: {count} orphan") for message in messages)
    assert any("scheme IOB2, 7077 sentences, 90971 tokens, 265 tags repaired" in message for message in messages)
    assert not any(illegal_positions(tags, "IOB2") for split in corpus.values() for tags in tag_lists(split))
    with pytest.raises(DataError, match=r"test: 132 orphan or illegal tags: .*test\.conll2003:160 'I-date'"):
        load_corpus(shared_data / "mobie_de", repair="strict")


def test_iobes_reading_of_bc5cdr_equals_conversion(shared_data):
    converted = load_corpus(shared_data / "bc5cdr" / "test.tsv.gz", split="train", scheme="BIOES")
    written = load_corpus(shared_data / "bc5cdr" / "iobes" / "test.tsv.gz", split="train")
    assert corpus_scheme(written) == "BIOES"
    assert written.features == converted.features
    assert written.data.column("tags").equals(converted.data.column("tags"))


def test_one_class_label_in_a_fixed_order_for_all_splits(tmp_path):
    (tmp_path / "train.conll").write_text("Ada\tB-PER\nspoke\tO\n", encoding="utf-8")
    (tmp_path / "mini.valid.conll").write_text("Turin\tB-LOC\n", encoding="utf-8")
    corpus = load_corpus(tmp_path)
    assert list(corpus) == ["train", "dev"]
    assert [split.features["tags"].feature.names for split in corpus.values()] == [["O", "B-LOC", "B-PER"]] * 2
    assert tag_lists(corpus["dev"]) == [["B-LOC"]]
    assert load_corpus(tmp_path, split="validation")["tokens"][:] == [["Turin"]]


tag_rows = st.lists(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=6), max_size=8)


@given(tag_rows.filter(lambda rows: any(row for row in rows)))
def test_repair_in_bulk_equals_repair_of_each_sentence(rows):
    dataset = Dataset.from_dict(
        {"tokens": [["x"] * len(row) for row in rows], "tags": rows},
        features=Features({"tokens": Sequence(Value("string")), "tags": Sequence(Value("string"))}),
    )
    scheme = corpus_scheme(dataset)
    repaired = load_corpus(dataset, split="train")
    assert tag_lists(repaired) == [repair_tags(row, scheme) for row in rows]


def test_conversion_keeps_every_span(tmp_path):
    path = tmp_path / "iob1.conll"
    path.write_text("a I-X\nb I-X\nb I-X\nc B-X\nd O\n\ne I-Y\nf I-X\n", encoding="utf-8")
    spans = [spans_from_tags(tags, "IOB1") for tags in tag_lists(load_corpus(path, split="train"))]
    for scheme in ("IOB2", "BIOES", "BILOU", "BMES"):
        converted = load_corpus(path, scheme=scheme)
        assert corpus_scheme(converted) == scheme
        assert [spans_from_tags(tags, scheme) for tags in tag_lists(converted["train"])] == spans


def test_plain_tags_are_never_touched(tmp_path, caplog):
    path = tmp_path / "pos.tsv"
    path.write_text("I\tI-PRON\nsee\tVERB\n", encoding="utf-8")
    assert tag_lists(load_corpus(path, split="train")) == [["I-PRON", "VERB"]]
    with pytest.raises(UsageError, match="'VERB', for one, is a plain label"):
        load_corpus(path, scheme="IOB2")
    path.write_text("a\tB-X\nb\tI-X\nc\tO\nd\tBX\n", encoding="utf-8")
    load_corpus(path)
    assert "read as plain labels, though most look like entity tags; not so: 'BX'" in caplog.text


def test_a_source_names_its_columns(tmp_path):
    path = tmp_path / "four.conll"
    path.write_text("Ada NNP B-NP B-PER\nspoke VBD B-VP O\n", encoding="utf-8")
    assert tag_lists(load_corpus(f"{path}:token=0,tag=1", split="train")) == [["NNP", "VBD"]]
    assert tag_lists(load_corpus(f"{path}:tag=-2", split="train")) == [["B-NP", "B-VP"]]
    odd = tmp_path / "a:tag=1"
    shutil.copy(path, odd)
    assert tag_lists(load_corpus(odd, split="train")) == [["B-PER", "O"]]
    with pytest.raises(UsageError, match="did you mean 'token'"):
        load_corpus(f"{path}:tokn=0")
    with pytest.raises(UsageError, match="tag= is given twice"):
        load_corpus(f"{path}:tag=1", tag=2)


def test_split_names():
    names = ["en_ewt-ud-train.conllu.gz", "wnut17train.conll", "emerging.test.annotated", "eng.testa", "devel.tsv"]
    assert [split_name(name) for name in names] == ["train", "train", "test", "dev", "dev"]
    assert [split_name(name) for name in ("latest.txt", "device.txt", "train_test.txt")] == [None] * 3


def test_a_folder_must_say_which_file_is_which_split(tmp_path):
    for name in ("first.txt", "second.txt", "README.md", "NOTICE.txt"):
        (tmp_path / name).write_text(TWO, encoding="utf-8")
    with pytest.raises(DataError, match=r"no file is named after a split .* are: first.txt, second.txt; "):
        load_corpus(tmp_path)
    for name in ("train.txt", "train.conll"):
        (tmp_path / name).write_text(TWO, encoding="utf-8")
    with pytest.raises(DataError, match=r"2 files claim the split 'train': train.conll, train.txt"):
        load_corpus(tmp_path)
    (tmp_path / "train.txt").unlink()
    assert list(load_corpus(tmp_path)) == ["train"]


def tables() -> DatasetDict:
    features = Features(
        {
            "id": Value("string"),
            "tokens": Sequence(Value("string")),
            "ner_tags": Sequence(ClassLabel(names=["O", "B-PER", "I-PER", "B-LOC"])),
        }
    )
    train = {"id": ["0", "1"], "tokens": [["Ada", "spoke"], ["Turin"]], "ner_tags": [[1, 0], [3]]}
    validation = {"id": ["2"], "tokens": [["Yes"]], "ner_tags": [[0]]}
    return DatasetDict(
        train=Dataset.from_dict(train, features=features), validation=Dataset.from_dict(validation, features=features)
    )


def check_tables(corpus: DatasetDict) -> None:
    assert list(corpus) == ["train", "dev"]
    assert corpus["train"].column_names == ["tokens", "tags"]
    # names that the data set declares are kept, I-PER among them, which does not occur
    assert corpus["train"].features["tags"].feature.names == ["O", "B-LOC", "B-PER", "I-PER"]
    assert corpus["train"]["tokens"][:] == [["Ada", "spoke"], ["Turin"]]
    assert tag_lists(corpus["train"]) == [["B-PER", "O"], ["B-LOC"]]
    assert tag_lists(corpus["dev"]) == [["O"]]


@pytest.fixture
def no_network(monkeypatch):
    """Fail at the first attempt to connect, with `datasets` thinking that it is online."""

    def refuse(*arguments, **options):
        raise AssertionError(f"a path touched the network: {arguments}")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def hub_layout(folder: Path) -> Path:
    """Write a repository as the hub holds it: Parquet files in data/, the configuration in the README's header."""
    (folder / "data").mkdir(parents=True)
    header = "configs:\n- config_name: default\n  data_files:\n"
    for split, dataset in tables().items():
        dataset.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
        header += f"  - split: {split}\n    path: data/{split}-*\n"
    (folder / "README.md").write_text(f"---\n{header}---\n# A corpus\n", encoding="utf-8")
    return folder


@pytest.mark.usefixtures("no_network")
def test_a_folder_in_hub_layout(tmp_path, monkeypatch):
    hub_layout(tmp_path / "owner" / "name")
    check_tables(load_corpus(tmp_path / "owner" / "name"))
    monkeypatch.chdir(tmp_path)
    check_tables(load_corpus("owner/name"))  # what could be a hub's name is a path where there is one
    check_tables(load_corpus("owner/name:config=default"))
    with pytest.raises(DataError, match=r"'other' not found.* with NAME:config="):
        load_corpus("owner/name:config=other")


@pytest.mark.usefixtures("no_network")
def test_a_folder_of_save_to_disk(tmp_path):
    tables().save_to_disk(tmp_path / "dict")
    check_tables(load_corpus(tmp_path / "dict"))
    tables()["train"].save_to_disk(tmp_path / "single")
    assert tag_lists(load_corpus(tmp_path / "single", split="train")) == [["B-PER", "O"], ["B-LOC"]]
    (tmp_path / "dict" / "train" / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="save it again with save_to_disk"):
        load_corpus(tmp_path / "dict")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json", "arrow", "jsonl.gz"])
def test_single_tables(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    train = tables()["train"]
    if ending == "parquet":
        train.to_parquet(path)
    elif ending == "arrow":
        train.save_to_disk(tmp_path / "saved")
        shutil.copy(tmp_path / "saved" / "data-00000-of-00001.arrow", path)
    else:
        rows = [{"tokens": row["tokens"], "tags": tags} for row, tags in zip(train, [["B-PER", "O"], ["B-LOC"]])]
        Dataset.from_list(rows).to_json(path, lines=ending != "json", compression="gzip" if "gz" in ending else None)
    corpus = load_corpus(path)
    assert corpus["train"]["tokens"][:] == [["Ada", "spoke"], ["Turin"]]
    assert tag_lists(corpus["train"]) == [["B-PER", "O"], ["B-LOC"]]


@pytest.mark.usefixtures("no_network")
def test_a_table_that_changed_is_read_anew(tmp_path):
    path = tmp_path / "rows.jsonl"
    for tag in ("B-PER", "B-ORG"):
        path.write_text(json.dumps({"tokens": ["Ada"], "tags": [tag]}) + "\n", encoding="utf-8")
        assert tag_lists(load_corpus(path, split="train")) == [[tag]]


def test_datasets_pass_through():
    check_tables(load_corpus(tables()))
    settled = load_corpus(tables())
    again = load_corpus(settled)
    # nothing to change: the same file behind it, no second copy
    assert again["train"].cache_files == settled["train"].cache_files != []
    assert corpus_scheme(load_corpus(settled, scheme="BILOU")) == "BILOU"
    shuffled = load_corpus(settled["train"].select([1, 0]), scheme="BIOES", split="train")
    assert tag_lists(shuffled) == [["S-LOC"], ["S-PER", "O"]]


def test_rows_that_fall_short():
    strings = Features({"tokens": Sequence(Value("string")), "tags": Sequence(Value("string"))})

    def reading(tokens, tags, features=strings):
        return load_corpus(Dataset.from_dict({"tokens": tokens, "tags": tags}, features=features))

    with pytest.raises(DataError, match=r"train, row 1: 2 tokens but 1 tags"):
        reading([["a"], ["b", "c"]], [["O"], ["O"]])
    with pytest.raises(DataError, match=r"train, row 2: a null in column 'tokens'"):
        reading([["a"], [], ["b", None]], [["O"], [], ["O", "O"]])
    with pytest.raises(DataError, match=r"train, row 1: column 'tokens' is empty"):
        reading([["a"], None], [["O"], ["O"]])
    with pytest.raises(DataError, match=r"train, row 1, token 2: the tag is empty"):
        reading([["a"], ["b", "c", "d"]], [["O"], ["O", "O", " "]])
    with pytest.raises(DataError, match="train: no sentence in it"):
        reading([], [])
    numbers = Features({"tokens": Sequence(Value("string")), "tags": Sequence(Value("int64"))})
    with pytest.raises(DataError, match="'tags' holds numbers without names; cast the column to a list of ClassLabel"):
        reading([["a"]], [[1]], numbers)


def test_empty_sentences_of_a_table_stay(tmp_path):
    rows = {"tokens": [[], ["a"], []], "tags": [[], ["B-X"], []]}
    assert load_corpus(Dataset.from_dict(rows), split="train", scheme="BIOES")["tokens"][:] == rows["tokens"]


def test_a_hub_name_while_offline(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError) as caught:
        load_corpus("nobody/no-such-corpus")
    message = str(caught.value)
    assert message.startswith("nobody/no-such-corpus: there is no such file or folder in ")
    assert "no data set of that name could be loaded" in message
    assert "offline, download the data set first and give its folder" in message
    assert caught.value.exit_code == 2


def test_a_missing_file_is_no_hub_name(monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: pytest.fail("asked the hub for a file"))
    for missing in ("train.conll", "./corpus", "/no/such/corpus", "a/b/c", "~/corpus"):
        with pytest.raises(UsageError, match="there is no such file or folder; check the path"):
            load_corpus(missing)


def test_the_folder_of_a_model_is_no_corpus(tmp_path):
    for name in ("config.json", "vocabulary.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    for task in ("tag", "classify"):
        with pytest.raises(UsageError, match="is the folder of a model, and data are wanted here; give a corpus"):
            load_corpus(tmp_path, task=task)


def test_unknown_options_name_the_near_miss(tmp_path):
    path = tmp_path / "two.tsv"
    path.write_text(TWO, encoding="utf-8")
    for options, message in (
        ({"repair": "conleval"}, "did you mean 'conlleval'"),
        ({"scheme": "plian"}, "did you mean 'plain'"),
        ({"task": "tags"}, "did you mean 'tag'"),
        ({"split": "trian"}, "there is no split 'trian'; choose from train; did you mean 'train'"),
        ({"max_misaligned": 5}, "a share of the spans, from 0 to 1"),
    ):
        with pytest.raises(UsageError, match=message):
            load_corpus(path, **options)
    with pytest.raises(UsageError, match="an empty string is no path"):
        load_corpus("")
    with pytest.raises(UsageError, match="can't be read from list"):
        load_corpus([["Ada"]])
    with pytest.raises(UsageError, match="split 'train' is list, not a datasets"):
        load_corpus({"train": [["Ada"]]})


def test_slot_files(tmp_path, caplog):
    (tmp_path / "seq.in").write_text("play  jazz\n\nstop\n", encoding="utf-8")
    (tmp_path / "seq.out").write_text("O B-genre\n\nO \n", encoding="utf-8")
    assert load_corpus(tmp_path, split="train")["tokens"][:] == [["play", "jazz"], ["stop"]]
    assert "seq.in: blank lines left out, as they hold no sentence: 1 (line 2)" in caplog.text
    (tmp_path / "seq.out").write_text("O B-genre\n\nO O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"seq\.out:3: 2 tags, but seq\.in has 1 words in this line"):
        load_corpus(tmp_path)
    (tmp_path / "seq.out").write_text("O B-genre\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"seq\.out:2: the file ends before its partner"):
        load_corpus(tmp_path)


def test_a_folder_of_tables_and_one_of_files_beside_a_table(tmp_path):
    for name, split in (("train", "train"), ("validation", "dev")):
        tables()[name].to_parquet(tmp_path / f"{split}.parquet")
    check_tables(load_corpus(tmp_path))
    (tmp_path / "train.conll").write_text(TWO, encoding="utf-8")
    assert load_corpus(tmp_path)["train"]["tokens"][:] == [["Ada", "spoke"], ["Turin"]]
    assert list(load_corpus(tmp_path)) == ["train"]


def test_rows_go_when_the_process_ends(tmp_path):
    path = tmp_path / "two.tsv"
    path.write_text(TWO, encoding="utf-8")
    code = (
        f"import seqtag.corpora.loading as r; print(r.load_corpus({str(path)!r})['train'].cache_files[0]['filename'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    rows = Path(done.stdout.strip())
    assert rows.name == "train.arrow"
    assert not rows.exists()
    assert not rows.parent.parent.exists()


def test_a_disk_without_room_is_named(tmp_path, monkeypatch):
    path = tmp_path / "two.tsv"
    path.write_text(TWO, encoding="utf-8")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqtag.corpora.tagged_drafts.pa.OSFile", full)
    with pytest.raises(Exception, match=r"can't write the rows of the corpus: .*No space left.*set TMPDIR"):
        load_corpus(path)


def test_options_of_annotated_texts_stand_behind_a_path(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "Ada Byron", "label": [[4, 9, "LAST"], [0, 9, "PER"]]}\n')
    assert load_corpus(f"{path}:overlaps=first")["train"].features["tags"].feature.names == ["O", "B-LAST"]
    assert load_corpus(path, overlaps="longest")["train"].features["tags"].feature.names == ["B-PER", "I-PER"]
    with pytest.raises(UsageError, match="unknown overlaps='last'; choose from error, first, longest"):
        load_corpus(f"{path}:overlaps=last")
    column_file = tmp_path / "x.conll"
    column_file.write_text("Ada\tB-PER\n")
    with pytest.raises(UsageError, match=r"x\.conll: annotator= is for exports in JSON"):
        load_corpus(column_file, annotator=1)


@pytest.mark.parametrize("name", ["a,b", "a:b", "a, b: c"])
def test_a_column_with_commas_and_colons_in_its_name_is_named_in_the_source(tmp_path, name):
    path = tmp_path / "odd.csv"
    path.write_text(f'"{name}",c\nGreat film,pos\nBad film,neg\n')
    for source in (f"{path}:text={name},label=c", f"{path}:label=c,text={name}"):
        assert load_corpus(source, task="classify")["train"]["text"][:] == ["Great film", "Bad film"]


def test_a_corpus_that_came_from_the_hub_by_name_keeps_the_name_for_the_card_of_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {"tokens": [["Ada", "met"], ["Bo"]] * 9, "tags": [["B-PER", "O"], ["B-PER"]] * 9}
    for source, name in (("ada/news", "ada/news"), ("conll2003:config=x", "conll2003"), ("no/such/name", None)):
        corpus = load_corpus(Dataset.from_dict(rows))
        note_origin(source, corpus)
        kept = corpus["train"].shuffle(seed=1).select(range(9)).train_test_split(0.5, seed=1)["train"]
        assert hub_origin(kept) == ({} if name is None else {"source": name})
    (tmp_path / "ada" / "news").mkdir(parents=True)
    corpus = load_corpus(Dataset.from_dict(rows))
    note_origin("ada/news", corpus)  # what exists is a path
    assert hub_origin(corpus["train"]) == hub_origin(rows) == {}
