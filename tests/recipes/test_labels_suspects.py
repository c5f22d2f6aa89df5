"""The recipe that spoils labels and looks for them: what it spoils, how it counts, and that it runs."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import RememberingTagger

from seqtag.text.schemes import spans_from_tags, tags_from_spans

RECIPE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "recipes" / "labels_suspects.py"))
spoil, measure, apart = RECIPE["spoil"], RECIPE["measure"], RECIPE["apart"]

sentences = st.lists(
    st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "B-ORG"]), min_size=1, max_size=8).map(
        lambda tags: tags_from_spans(spans_from_tags(tags, "IOB2"), len(tags), "IOB2")
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25)
@given(sentences, st.sampled_from([0.1, 0.5, 1.0]), st.integers(0, 5))
def test_spoilt_spans_are_as_many_as_wanted_and_all_that_changes(tags, share, seed):
    num_spans = sum(len(spans_from_tags(row, "IOB2")) for row in tags)
    changed, done = spoil(tags, share, seed)
    assert (changed, done) == spoil(tags, share, seed)
    assert len(done) == round(share * num_spans)
    for number, (row, after) in enumerate(zip(tags, changed)):
        spans = spans_from_tags(row, "IOB2")
        for _, kind, old, new in (each for each in done if each[0] == number):
            spans.remove(old)
            spans += [new] if new else []
            assert (kind == "dropped") == (new is None)
            assert kind != "type" or ((old.start, old.end) == (new.start, new.end) and old.label != new.label)
            assert kind != "border" or abs(old.start - new.start) + abs(old.end - new.end) == 1
        assert tags_from_spans(spans, len(row), "IOB2") == after


def test_precision_counts_each_spoilt_span_once_and_passes_over_those_found():
    spoilt = {(0, 1): 0, (0, 2): 0, (5, 0): 1}
    ranking = [(0, 1, 2), (0, 2, 3), (3, 0, 1), (5, 0, 2)]
    assert measure(ranking, spoilt, 2) == (2 / 3, 2 / 3, (1 + 2 / 3) / 2)
    assert measure([], spoilt, 2) == (0.0, 0.0, 0.0)


def test_the_recipe_prints_a_row_for_each_method_and_keeps_what_it_spoilt(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "wnut17"
    folder.mkdir()
    rows = "".join(f"{name}\t{tag}\nspoke\tO\n\n" for name, tag in (("Ada", "B-PER"), ("Oslo", "B-LOC"))) * 20
    (folder / "train.conll").write_text(rows, encoding="utf-8")
    frame = [f"{word}\tO\n" for word in "abcdefghijklmnopqrstuvwxyz"]
    (folder / "train.conll").write_text(
        "".join(f"{block}\n{''.join(frame[n % 26])}\n\n".replace("\n\n\n", "\n\n") for n, block in
                enumerate(each for each in rows.split("\n\n") if each)), encoding="utf-8")  # fmt: skip
    namespace = RECIPE["main"].__globals__
    monkeypatch.setitem(namespace, "Tagger", lambda epochs, seed: RememberingTagger(seed=seed))
    RECIPE["main"](
        ["--data", str(tmp_path), "wnut17", "--folds", "2", "--share", "0.1", "--keep", f"{tmp_path}/k.json"]
    )
    printed = capsys.readouterr().out
    assert "| wnut17 | find_suspects |" in printed
    assert "4 spans spoilt" in printed
    assert [each["kind"] for each in json.loads((tmp_path / "k.json").read_text(encoding="utf-8"))["wnut17"]]
    assert list(apart([(0, 3), (0, 4), (0, 5), (1, 4)])) == [(0, 3), (0, 5), (1, 4)]


def test_an_unknown_corpus_is_told(capsys):
    with pytest.raises(SystemExit):
        RECIPE["main"](["--data", ".", "wnut"])
    assert "unknown corpus wnut" in capsys.readouterr().err
