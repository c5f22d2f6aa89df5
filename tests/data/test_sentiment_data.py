"""The sentiment corpus keeps what its README promises. Reads the files by hand, to be an oracle for the readers too."""

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest

from seqtag.corpora.demo_corpora import demo_folder
from seqtag.errors import DataError, UsageError

DATA = Path(__file__).resolve().parents[2] / "data" / "sentiment"
README = (DATA / "README.md").read_text(encoding="utf-8")
SPLITS = ("train", "dev", "test")
LABELS = ("positive", "neutral", "negative")

Row = tuple[str, str]


def read_split(split: str) -> list[Row]:
    header, *rows = csv.reader(io.StringIO((DATA / f"{split}.csv").read_bytes().decode("utf-8"), newline=""))
    assert header == ["text", "label"]
    return [(text, label) for text, label in rows]


CORPUS = {split: read_split(split) for split in SPLITS}
EVERYTHING = [row for split in SPLITS for row in CORPUS[split]]
TEXTS = [text for text, _ in EVERYTHING]


def key(text: str) -> str:
    """The text without case and spaces, to find copies by."""
    return re.sub(r"\s+", "", text.casefold())


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def signs(text: str) -> list[str]:
    """Words, and each punctuation mark and emoji for itself."""
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


def near_copies(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of texts whose sets of words overlap by more than 0.6 (Jaccard's index)."""
    sets = [(text, frozenset(words(text))) for text in texts]
    return [(a, b) for (a, one), (b, two) in combinations(sets, 2) if len(one & two) > 0.6 * len(one | two)]


def best_rule(rows: list[Row]) -> tuple[float, str]:
    """The best rule of the kind "has this sign: this label, otherwise that one": its share of right texts, its sign."""
    of_all = Counter(label for _, label in rows)
    with_sign: dict[str, Counter[str]] = {}
    for text, label in rows:
        for sign in set(signs(text)):
            with_sign.setdefault(sign, Counter())[label] += 1
    right = {sign: max(counts.values()) + max((of_all - counts).values()) for sign, counts in with_sign.items()}
    best = max(right, key=right.__getitem__)
    return right[best] / len(rows), best


def test_there_are_a_thousand_texts_and_each_split_has_the_same_mix_of_labels():
    assert len(EVERYTHING) >= 1000
    of_all = Counter(label for _, label in EVERYTHING)
    assert set(of_all) == set(LABELS)
    for split in SPLITS:
        share = Counter(label for _, label in CORPUS[split])
        for label in LABELS:
            assert share[label] / len(CORPUS[split]) == pytest.approx(of_all[label] / len(EVERYTHING), abs=0.01)


def test_readme_table_equals_the_files():
    rows = dict(re.findall(r"^\| (train|dev|test) \| (.*) \|$", README, flags=re.MULTILINE))
    for split in SPLITS:
        labels = Counter(label for _, label in CORPUS[split])
        counts = [len(CORPUS[split]), *(labels[label] for label in LABELS)]
        counts.append(sum(len(text.split()) for text, _ in CORPUS[split]))
        assert rows[split] == " | ".join(f"{count:,}" for count in counts), f"| {split} | should be {counts}"
    for page in (README, (DATA.parent / "README.md").read_text(encoding="utf-8")):
        assert f"{len(EVERYTHING):,} short" in page


def test_readme_shows_lines_that_are_in_the_files():
    shown = re.findall(r"^    (.+)$", README.split("## The format")[1].split("```")[0], flags=re.MULTILINE)
    (header, *rows) = csv.reader(shown)
    assert header == ["text", "label"]
    assert rows
    assert all(tuple(row) in EVERYTHING for row in rows)


def test_files_are_what_the_csv_module_writes_in_the_order_of_the_texts_hashes():
    for split in SPLITS:
        rows = sorted(CORPUS[split], key=lambda row: hashlib.sha256(row[0].encode()).hexdigest())
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows([("text", "label"), *rows])
        assert (DATA / f"{split}.csv").read_bytes() == out.getvalue().encode()


def test_no_text_is_blank_long_or_holds_anything_invisible():
    for text in TEXTS:
        assert 1 <= len(text.split()) <= 60, text
        assert words(text), text
        assert text == " ".join(text.split(" ")).strip(), text
        # An older Python does not know the newest emoji, which it calls unassigned.
        assert all(letter.isprintable() or unicodedata.category(letter) == "Cn" for letter in text), text


def test_no_two_texts_are_alike():
    assert [text for text, count in Counter(map(key, TEXTS)).items() if count > 1] == []
    assert near_copies(TEXTS) == []


def test_copies_and_near_copies_would_be_found():
    assert key("So  good!") == key("so good !")
    assert near_copies(["cold tea, slow staff", "Cold tea, slow bus!", "Fine."]) == []  # 3 of 5 words: just allowed
    pair = ("cold tea and slow staff", "Slow bus and cold tea.")
    assert near_copies([*pair, "Fine."]) == [pair]  # 4 of 6


@pytest.mark.parametrize("split", ["dev", "test"])
def test_held_out_texts_are_not_in_train(split):
    assert {key(text) for text, _ in CORPUS["train"]}.isdisjoint(key(text) for text, _ in CORPUS[split])


def test_dev_and_test_share_no_text():
    assert {key(text) for text, _ in CORPUS["dev"]}.isdisjoint(key(text) for text, _ in CORPUS["test"])


def test_no_two_words_open_more_than_five_texts():
    openings = Counter(" ".join(words(text)[:2]) for text in TEXTS)
    assert [opening for opening, count in openings.items() if count > 5] == []


def test_no_word_or_mark_gives_the_label_away():
    share, sign = best_rule(EVERYTHING)
    assert share < 0.4, f"README says fewer than two texts in five; {sign!r} gives {share:.0%}"


def test_a_telling_mark_would_be_found():
    asked = [(f"{text} ?" if label == "neutral" else text.replace("?", "."), label) for text, label in EVERYTHING]
    share, sign = best_rule(asked)
    assert (share > 0.6, sign) == (True, "?")


def test_the_tagging_corpus_is_read_without_this_one():
    from seqtag import load_corpus

    corpus = load_corpus(str(DATA.parent))
    blocks = {split: (DATA.parent / f"{split}.conll").read_text(encoding="utf-8").count("\n\n") + 1 for split in SPLITS}
    assert {split: len(corpus[split]) for split in corpus} == blocks


def test_load_corpus_reads_every_text_and_label_in_order():
    from seqtag import load_corpus

    corpus = load_corpus(str(DATA), task="classify")
    assert list(corpus) == list(SPLITS)
    for split in SPLITS:
        names = corpus[split].features["label"].names
        assert [(row["text"], names[row["label"]]) for row in corpus[split]] == CORPUS[split]


def test_readmes_examples_run_and_give_the_figure_that_it_states(monkeypatch):
    monkeypatch.chdir(DATA.parent.parent)
    names: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "data/sentiment/README.md", "exec"), names)
    (stated,) = re.findall(r'lines under "The format": ([\d.]+);', README.replace("\n", " "))
    corpus = names["corpus"]["test"]
    score = names["baseline"].score(corpus["text"], corpus["label"])
    # A release of scikit-learn may move a text or two of the 196.
    assert 100 * score == pytest.approx(float(stated), abs=1.1)


def test_demo_folder_is_the_clones_data():
    assert demo_folder("classify") == DATA


def test_demo_folder_without_a_corpus_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "seqtag.corpora.demo_corpora.__file__", str(tmp_path / "seqtag" / "corpora" / "demo_corpora.py")
    )
    folder = tmp_path / "data" / "sentiment"
    folder.mkdir(parents=True)
    for name in ("train.csv", "dev.csv"):  # two of three files are not a corpus
        (folder / name).touch()
    with pytest.raises(
        DataError, match=r"seqtag.data.sentiment nor .*holds train\.csv.*DATA --out DIR --task classify"
    ):
        demo_folder("classify")
    (folder / "test.csv").touch()
    assert demo_folder("classify") == folder.resolve()
    with pytest.raises(DataError):  # the one corpus says nothing about the other
        demo_folder()


def test_demo_folder_of_another_task_names_the_near_miss():
    with pytest.raises(UsageError, match=r"'clasify'; choose from classify, tag; did you mean 'classify'\?"):
        demo_folder("clasify")
