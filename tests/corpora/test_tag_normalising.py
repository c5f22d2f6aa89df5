"""A corpus is settled once: what load_corpus returns carries its scheme, and nobody decides it again or copies it."""

import pickle

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value, load_from_disk

from seqtag.corpora import loading
from seqtag.corpora.loading import corpus_scheme, load_corpus
from seqtag.corpora.tag_normalising import carried_scheme, carried_spelling, common_scheme
from seqtag.errors import UsageError
from seqtag.models.tagging.inputs import gold_sentences, tag_lists, training_splits
from seqtag.text.tag_spelling import TagSpelling
from seqtag.text.tagset import TagSet

TOKENS = [["Ada", "Lovelace", "spoke"], ["Bo", "left"], ["Turin", "and", "Rome"], ["It", "rained"]] * 3
IOB1 = [["I-PER", "I-PER", "O"], ["I-PER", "O"], ["I-LOC", "O", "I-LOC"], ["O", "O"]] * 3


@pytest.fixture
def corpus() -> DatasetDict:
    tags = [*IOB1[:-1], ["I-LOC", "B-LOC"]]  # one B- tag makes the corpus IOB1
    return load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": tags}))


@pytest.fixture
def no_copies(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("the corpus was settled a second time")

    monkeypatch.setattr(loading, "settle", refuse)


def derived(data: Dataset, folder) -> dict[str, Dataset]:
    data.save_to_disk(folder / "saved")
    split = data.train_test_split(0.5, seed=1)
    return {
        "as it is": data,
        "select": data.select([3, 0, 1]),
        "first rows": data.select(range(4)),
        "shuffle": data.shuffle(seed=1),
        "train_test_split": split["test"],
        "filter": data.filter(lambda row: len(row["tokens"]) > 2),
        "pickle": pickle.loads(pickle.dumps(data)),
        "save_to_disk": load_from_disk(str(folder / "saved")),
    }


def test_the_scheme_is_carried_wherever_rows_are_only_chosen(corpus, tmp_path, no_copies):
    for way, data in derived(corpus["train"], tmp_path).items():
        assert (way, carried_scheme(data)) == (way, "IOB1")
        again = load_corpus(data)["train"]  # no_copies: it is taken as it is
        assert again["tags"][:] == data["tags"][:]
        # most of these rows hold no B- tag, from which alone the scheme would be IO
        assert carried_scheme(again) == corpus_scheme(data) == "IOB1"


def test_training_takes_a_settled_corpus_as_it_is(corpus, no_copies):
    data = corpus["train"]
    train, dev = training_splits(data.select(range(8)), None, data.select(range(8, 12)), dev_share=0.1, seed=0)
    assert (carried_scheme(train), len(train), len(dev)) == ("IOB1", 8, 4)
    train, dev = training_splits(data.select(range(8)), None, None, dev_share=0.25, seed=0)
    assert (carried_scheme(train), len(train), len(dev)) == ("IOB1", 6, 2)
    tagset = TagSet.build(data.features["tags"].feature.names, "IOB1")
    gold = gold_sentences(data.select([0]), None, "evaluation", tagset=tagset)
    assert gold.tags == [["I-PER", "I-PER", "O"]]


def test_lists_are_settled_once_at_the_door(monkeypatch):
    calls = []
    settle = loading.settle
    monkeypatch.setattr(loading, "settle", lambda *args, **options: calls.append(1) or settle(*args, **options))
    train, _ = training_splits(TOKENS, IOB1, (TOKENS[:4], IOB1[:4]), dev_share=0.1, seed=0)
    assert (carried_scheme(train), calls) == ("IO", [1])


@pytest.mark.parametrize(
    ("old", "new", "scheme"),
    [
        (("I-PER", "I-LOC"), "B-LOC", "IOB2"),  # IOB1 has B- tags only after an entity of the same type
        (("I-PER",), "O", "IOB1"),  # what is left keeps to the scheme that is carried
    ],
)
def test_tags_that_a_map_changed_are_not_taken_on_trust(corpus, old, new, scheme):
    names = corpus["train"].features["tags"].feature.names
    numbers = [names.index(new if name in old else name) for name in names]
    mapped = corpus["train"].map(lambda row: {"tags": [numbers[tag] for tag in row["tags"]]})
    assert carried_scheme(mapped) == "IOB1"  # `map` copies the information, which may no longer hold
    assert carried_scheme(load_corpus(mapped)["train"]) == scheme


def test_plain_tags_stay_plain_where_they_were_asked_for(corpus):
    plain = load_corpus(corpus["train"], scheme="plain")["train"]
    assert carried_scheme(plain) == corpus_scheme(plain) == "plain"
    assert carried_scheme(corpus["train"]) == "IOB1"  # the dataset that was given is another one
    assert carried_scheme(training_splits(plain, None, None, dev_share=0.25, seed=0)[0]) == "plain"
    assert carried_scheme(load_corpus(plain, scheme="IOB2")["train"]) == "IOB2"
    words = load_corpus(Dataset.from_dict({"tokens": [["so"]], "tags": [["ADV"]]}))
    with pytest.raises(UsageError, match="'ADV', for one, is a plain label"):
        load_corpus(words, scheme="IOB2")


def test_splits_that_carry_two_schemes_are_settled_together(corpus):
    other = load_corpus(corpus["train"], scheme="IOB2")["train"]
    both = load_corpus({"train": corpus["train"], "dev": other})
    assert both["train"].features == both["dev"].features
    assert len({carried_scheme(table) for table in both.values()}) == 1
    assert common_scheme([]) is None


LOWER = [["per_b", "per_i", "_"], ["per_b", "_"], ["loc_b", "_", "loc_b"], ["_", "_"]] * 3
IOB2 = [["B-per", "I-per", "O"], ["B-per", "O"], ["B-loc", "O", "B-loc"], ["O", "O"]] * 3


def test_another_spelling_is_read_said_and_carried(tmp_path, caplog):
    corpus = load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": LOWER}))["train"]
    assert (tag_lists(corpus), corpus_scheme(corpus)) == (IOB2, "IOB2")
    assert "entity tags in another spelling and were taken as such: 'per_b' for B-per, 'per_i' for I-per" in caplog.text
    spelling = TagSpelling("_", "_", "label first", True)
    for way, data in derived(corpus, tmp_path).items():
        assert (way, carried_spelling(data)) == (way, spelling)
        assert carried_spelling(load_corpus(data)["train"]) == spelling
    assert carried_spelling(load_corpus(corpus, scheme="BIOES")["train"]) == TagSpelling()  # another scheme was wanted


@pytest.mark.parametrize(
    ("tags", "options", "read", "scheme"),
    [
        (["PER", "O", "PER"], {}, ["PER", "O", "PER"], "plain"),  # O is not the most frequent
        (["PER", "O", "PER"], {"scheme": "IO"}, ["I-PER", "O", "I-PER"], "IO"),
        (["PER", "O", "PER"], {"scheme": "IOB2"}, ["B-PER", "O", "B-PER"], "IOB2"),
        (["O", "O", "PER"], {}, ["O", "O", "I-PER"], "IO"),
        (["O", "O", "PER"], {"scheme": "plain"}, ["O", "O", "PER"], "plain"),
        (["B-PER", "X", "B-LOC"], {"outside": "X"}, ["B-PER", "O", "B-LOC"], "IOB2"),
    ],
)
def test_scheme_and_outside_decide_also_behind_a_path(tags, options, read, scheme, tmp_path):
    corpus = load_corpus(Dataset.from_dict({"tokens": [["a", "b", "c"]], "tags": [tags]}), **options)["train"]
    assert (tag_lists(corpus), carried_scheme(corpus)) == ([read], scheme)
    path = tmp_path / "a.conll"
    path.write_text("".join(f"{token}\t{tag}\n" for token, tag in zip("abc", tags)))
    named = ",".join(f"{key}={value}" for key, value in options.items())
    assert tag_lists(load_corpus(f"{path}:{named}" if named else path)["train"]) == [read]


def test_a_class_label_in_another_spelling_is_not_taken_as_settled():
    names = ["O", "LOC", "PER"]
    features = Features({"tokens": Sequence(Value("string")), "tags": Sequence(ClassLabel(names=names))})
    data = Dataset.from_dict({"tokens": [["a", "b", "c"]], "tags": [[0, 0, 2]]}, features=features)
    assert load_corpus(data)["train"].features["tags"].feature.names == ["O", "I-LOC", "I-PER"]


def test_a_model_is_held_against_gold_in_its_own_spelling():
    tagset = TagSet.build(["O", "B-PER", "I-PER"], "IOB2", TagSpelling("X"))
    gold = gold_sentences([["a", "b"]], [["B-PER", "X"]], "evaluation", tagset=tagset)
    assert gold.tags == [["B-PER", "O"]]


def test_wrong_options_are_named():
    with pytest.raises(UsageError, match="outside=''"):
        load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": IOB1}), outside="")
    with pytest.raises(UsageError, match="plain tags have no outside"):
        load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": IOB1}), outside="X", scheme="plain")
