"""A tagger goes on from an older one: nothing that both know changes, and what only the older one knows stays."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from tiny import TAGS, TOKENS, fitted_tagger, tiny_tagger

from seqtag import LanguageModel, Tagger, load_corpus
from seqtag.errors import UsageError
from seqtag.models.tagging.going_on import OldModel, going_on, taught_tags
from seqtag.text.schemes import Span, illegal_positions, spans_from_tags

PLACES = [[tag if tag.endswith("LOC") else "O" for tag in row] for row in TAGS]
PEOPLE = [[tag if tag.endswith("PER") else "O" for tag in row] for row in TAGS]
NEW_TOKENS = [["Zoë", "Ångström", "met", "Ada", "in", "Łódź", "."], ["Łódź", "was", "quiet", "."]] * 4
NEW_TAGS = [["O", "O", "O", "O", "O", "B-CITY", "O"], ["B-CITY", "O", "O", "O"]] * 4


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return fitted_tagger(epochs=8).save(tmp_path_factory.mktemp("old") / "ner")


def still(**options):
    """A tagger that starts from another one and learns nothing."""
    return tiny_tagger(epochs=1, learning_rate=1e-30, lexical_learning_rate=1e-30, balance=False, **options)


def test_with_no_learning_the_old_model_is_still_there(old):
    """All of its words and tags keep their scores, though the new one knows more of both."""
    before = Tagger.load(old, device="cpu")
    tagger = still(start_from=str(old)).fit(NEW_TOKENS, NEW_TAGS, dev=(NEW_TOKENS, NEW_TAGS))
    assert set(before.tags_) < set(tagger.tags_)
    assert "łódź" in tagger.vocabulary_.indices["word"]
    assert "Ł" in tagger.vocabulary_.characters
    assert tagger.vocabulary_.word_counts[tagger.vocabulary_.indices["word"]["ada"]] > 1
    places = [tagger.tagset_.names.index(name) for name in before.tagset_.names]
    engines = before._torch_engine(), tagger._torch_engine()
    (_, expected, _), (_, found, _) = (next(engine.emissions(TOKENS[:1])) for engine in engines)
    shifts = [each.network_.head.shift_L for each in (before, tagger)]
    torch.testing.assert_close(found[..., places] - shifts[1][places], expected - shifts[0], atol=1e-5, rtol=0)
    moves = [each.network_.head.transitions_LL for each in (before, tagger)]
    torch.testing.assert_close(moves[1][places][:, places], moves[0])


def test_labels_that_the_new_data_lack_are_not_forgotten(old):
    options = {"epochs": 6, "start_from": str(old)}
    everything = load_corpus(
        Dataset.from_dict({"tokens": TOKENS, "tags": PLACES, "annotated_labels": [["LOC", "ORG", "PER"]] * 20})
    )["train"]
    kept = tiny_tagger(**options).fit(TOKENS, PLACES, dev=(TOKENS, PLACES))
    forgetful = tiny_tagger(**options).fit(everything, dev=everything)
    counts = [
        sum(span.label == "PER" for spans in tagger.predict_token_spans(TOKENS) for span in spans)
        for tagger in (kept, forgetful)
    ]
    assert counts[0] > counts[1]


def test_the_old_model_teaches_and_sentences_are_replayed(old, tmp_path):
    again = Dataset.from_dict({"tokens": TOKENS, "tags": PEOPLE})
    tagger = tiny_tagger(epochs=3, start_from=str(old), keep=0.5)
    tagger.fit(NEW_TOKENS, NEW_TAGS, dev=(NEW_TOKENS, NEW_TAGS), replay=again)
    assert tagger.data_["train"] == 8 + 18
    assert set(tagger.labels_) == {"CITY", "LOC", "ORG", "PER"}
    loaded = Tagger.load(tagger.save(tmp_path / "new"), device="cpu")
    assert loaded.start_from == "ner"
    assert "| started from | ner, with 20 of its sentences again |" in (tmp_path / "new" / "README.md").read_text()
    # keep= left it unknown what stands in places of which the old model is not sure
    assert f"| unknown tags | {loaded.data_['unknown_tags']:,} tokens" in loaded._card()
    assert loaded.predict(TOKENS) == tagger.predict(TOKENS)


def test_reports_know_what_the_old_model_learned(old, tmp_path, caplog):
    before = Tagger.load(old, device="cpu")
    tagger = still(start_from=str(old)).fit(NEW_TOKENS, NEW_TAGS, dev=(NEW_TOKENS, NEW_TAGS))
    loaded = Tagger.load(tagger.save(tmp_path / "new"), device="cpu")
    for one in (tagger, loaded):
        assert one.surfaces_.labels_of("Łódź") == ("CITY",)
        old_surfaces = [" ".join(TOKENS[0][span.start : span.end]) for span in spans_from_tags(TAGS[0], "IOB2")]
        assert old_surfaces
        assert all(one.surfaces_.labels_of(each) == before.surfaces_.labels_of(each) for each in old_surfaces)
        caplog.clear()
        report = one.evaluate(TOKENS, TAGS, resamples=0)
        assert [cut.name for cut in report.slices if cut.group == "surface in training" and cut.num_gold] == ["seen"]
        assert "the dev data that chose the epoch of the older model" in caplog.text
    newest = still(start_from=str(tmp_path / "new")).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert newest.data_["seen_before"] == [tagger.data_["seen"], before.data_["seen"]]
    before.surfaces_ = None
    unknown = before.save(tmp_path / "earlier")  # as an earlier release left it
    assert still(start_from=str(unknown)).fit(NEW_TOKENS, NEW_TAGS, dev=(NEW_TOKENS, NEW_TAGS)).surfaces_ is None


def test_a_killed_run_goes_on_to_the_same_weights_and_another_start_is_another_run(old, tmp_path):
    data = {"X": NEW_TOKENS, "y": NEW_TAGS, "dev": (NEW_TOKENS, NEW_TAGS)}
    whole = tiny_tagger(epochs=3, start_from=str(old)).fit(**data, checkpoint=tmp_path / "run")
    again = tiny_tagger(epochs=3, start_from=str(old)).fit(**data, checkpoint=tmp_path / "run", resume=True)
    for name, value in whole.network_.state_dict().items():
        assert torch.equal(value, again.network_.state_dict()[name]), name
    other = fitted_tagger(epochs=2).save(tmp_path / "other")
    with pytest.raises(UsageError, match="from other data, other options"):
        tiny_tagger(epochs=3, start_from=str(other)).fit(**data, checkpoint=tmp_path / "run", resume=True)


def test_what_only_a_model_that_goes_on_can_use_is_refused(old):
    with pytest.raises(UsageError, match="keep= is about an older model"):
        tiny_tagger(keep=0.5).fit(TOKENS, TAGS)
    with pytest.raises(UsageError, match=r"another network \(.*give the options"):
        tiny_tagger(start_from=str(old), hidden_size=7).fit(TOKENS, TAGS)


@given(seed=st.integers(0, 10**6))
def test_taught_tags_hold_all_that_was_given_and_are_legal(seed):
    random = np.random.default_rng(seed)
    length = int(random.integers(1, 7))
    tags = ["O"] * length
    start, end = sorted(random.integers(0, length + 1, 2).tolist())
    tags[start:end] = ["B-NEW", *["I-NEW"] * (end - start - 1)][: end - start]
    candidates = []
    for _ in range(random.integers(0, 4)):
        left, right = sorted(random.integers(0, length + 1, 2).tolist())
        if left < right:
            candidates.append(Span(left, right, "OLD", score=random.random()))
    is_outside = random.random(length) < 0.5
    taught = taught_tags(tags, candidates, is_outside, scheme="IOB2")
    assert set(spans_from_tags(tags, "IOB2")) <= set(spans_from_tags(taught, "IOB2"))
    assert not illegal_positions(taught, "IOB2")
    for position, tag in enumerate(taught):
        assert (tag == "?") <= (not is_outside[position])
        assert (tag == "O") <= bool(is_outside[position])


def test_rows_that_are_annotated_for_some_labels_stay_so(old):
    """Rows of the new data that say nothing of it were annotated for the new labels alone; keep= forgets none of it."""
    rows = {
        "tokens": [["Łódź", "met"], ["Zoë", "met"], ["and"]],
        "tags": [["B-CITY", "O"], ["B-NAME", "O"], ["O", "O"][:1]],
        "annotated_labels": [["CITY"], None, ["CITY", "PER"]],
    }
    data = load_corpus(Dataset.from_dict(rows))["train"]
    tagger = Tagger.load(old, device="cpu")
    before = OldModel.of(tagger, "ner", tagger._torch_engine())
    options = {"replay": None, "dev_share": 0.1, "seed": 0}
    train, _ = going_on(data, data, before, keep=None, **options)
    assert train["annotated_labels"][:] == [["CITY"], ["CITY", "NAME"], ["CITY", "PER"]]
    train, _ = going_on(data, data, before, keep=1e-6, **options)
    # PER was looked for in the last row, LOC and ORG were said by the old model, and nobody looked for NAME.
    everything = {"CITY", "LOC", "ORG", "PER"}
    assert [said and set(said) for said in train["annotated_labels"][:]] == [everything, None, everything]


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES"])
def test_new_data_and_old_sentences_may_be_in_different_schemes(old, scheme, caplog):
    rows = load_corpus(Dataset.from_dict({"tokens": NEW_TOKENS, "tags": NEW_TAGS}), scheme=scheme)["train"]
    tagger = still(start_from=str(old)).fit(
        rows, dev=rows, replay=Dataset.from_dict({"tokens": TOKENS, "tags": PEOPLE})
    )
    assert tagger.scheme_ == "IOB2"
    assert "illegal" not in caplog.text


def test_plain_tags_do_not_become_entity_tags(old):
    plain = [["X" for _ in row] for row in NEW_TOKENS]
    with pytest.raises(UsageError, match=r"has entity tags, such as 'I-PER', and the new data has plain tags"):
        still(start_from=str(old)).fit(NEW_TOKENS, plain)


def test_lists_vectors_and_language_models_come_with_the_old_model(tmp_path):
    (tmp_path / "cities.txt").write_text("Oslo\nŁódź\n", encoding="utf-8")
    (tmp_path / "vectors.txt").write_text("the 1 2 3\noslo 2 3 4\n", encoding="utf-8")
    options = {
        "gazetteers": {"city": str(tmp_path / "cities.txt")},
        "vectors": str(tmp_path / "vectors.txt"),
        "vectors_precision": "int8",
        "context": [
            LanguageModel(hidden_size=4, embedding_size=3, epochs=1, batch_size=2).fit(["Ada left Oslo. " * 40])
        ],
    }
    folder = fitted_tagger(epochs=1, **options).save(tmp_path / "rich")
    before = Tagger.load(folder, device="cpu")
    for number in range(2):  # the second one has no new word
        tagger = still(start_from=str(folder)).fit(NEW_TOKENS, NEW_TAGS, dev=(NEW_TOKENS, NEW_TAGS))
        assert set(tagger.tags_) == {*before.tags_, "B-CITY"}
        places = [tagger.tagset_.names.index(name) for name in before.tagset_.names]
        (_, expected, _), (_, found, _) = (
            next(each._torch_engine().emissions(TOKENS[:1])) for each in (before, tagger)
        )
        shifts = [each.network_.head.shift_L for each in (before, tagger)]
        torch.testing.assert_close(found[..., places] - shifts[1][places], expected - shifts[0], atol=1e-5, rtol=0)
        folder = tagger.save(tmp_path / str(number))
        loaded = before = Tagger.load(folder, device="cpu")
        assert loaded.gazetteers_.names == ("city",)
        assert loaded.predict(TOKENS) == tagger.predict(TOKENS)
    with pytest.raises(UsageError, match="has the lists town, and the model of start_from="):
        still(start_from=str(folder), gazetteers={"town": str(tmp_path / "cities.txt")}).fit(NEW_TOKENS, NEW_TAGS)


def test_lists_may_be_added(old, tmp_path):
    (tmp_path / "cities.txt").write_text("Oslo\nŁódź\n", encoding="utf-8")
    tagger = still(start_from=str(old), gazetteers={"city": str(tmp_path / "cities.txt")})
    tagger.fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    before = Tagger.load(old, device="cpu").network_.state_dict()
    for name, values in tagger.network_.state_dict().items():
        if ".gazetteers." in name or name == "head.shift_L":
            continue
        given = before[name]
        torch.testing.assert_close(values[:, : given.shape[1]] if values.dim() > 1 else values, given)
