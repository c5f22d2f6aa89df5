"""A tagger reads text without labels, and another one starts from it."""

import numpy as np
import pytest
import torch
from tiny import TAGS, TOKENS, tiny_tagger

from seqtag import Tagger, Watcher
from seqtag.errors import DataError, UsageError

TEXT = [" ".join(row) for row in TOKENS] * 8


class KilledError(Exception):
    pass


class Killer(Watcher):
    def epoch(self, record):
        raise KilledError


@pytest.fixture(scope="module")
def reader():
    return tiny_tagger(language="en").pretrain(TEXT, epochs=2, watchers=())


@pytest.fixture(scope="module")
def start(reader, tmp_path_factory):
    return reader.save(tmp_path_factory.mktemp("start") / "text")


def weights(tagger):
    return {name: values for name, values in tagger.network_.state_dict().items() if not name.startswith("head.")}


def test_it_learns(reader):
    losses = [-record.dev_score for record in reader.history_]
    assert losses[-1] < losses[0]
    assert reader.data_["pretrained"] > 0


def test_a_seed_gives_the_same_weights_and_a_killed_run_ends_in_them(reader, tmp_path):
    with pytest.raises(KilledError):
        tiny_tagger(language="en").pretrain(TEXT, epochs=2, watchers=[Killer()], checkpoint=tmp_path)
    again = tiny_tagger(language="en").pretrain(TEXT, epochs=2, watchers=(), checkpoint=tmp_path, resume=True)
    for name, values in weights(reader).items():
        assert torch.equal(values, weights(again)[name]), name


def test_it_knows_no_labels_and_says_so(reader, start):
    for tagger in (reader, Tagger.load(start, device="cpu")):
        for call in (tagger.predict, tagger.predict_token_spans, tagger.predict_proba, tagger.predict_nbest):
            with pytest.raises(UsageError, match="knows no labels"):
                call(TOKENS)
        with pytest.raises(UsageError, match="knows no labels"):
            tagger.evaluate(TOKENS, TAGS)
    assert "start_from" in (start / "README.md").read_text(encoding="utf-8")


def test_a_tagger_starts_with_what_was_learned(reader, start):
    """With no learning, all words and the encoder are as they were, and the labels are those of the data alone."""
    still = {"epochs": 1, "learning_rate": 1e-30, "lexical_learning_rate": 1e-30, "balance": False}
    tagger = tiny_tagger(**still, language="en", start_from=str(start)).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    assert tagger.labels_ == ["LOC", "ORG", "PER"]
    before, after = weights(reader), weights(tagger)
    for name in before:
        if name.startswith("encoder."):
            torch.testing.assert_close(after[name], before[name])
    for word, number in reader.vocabulary_.indices["word"].items():
        place = tagger.vocabulary_.indices["word"][word]
        torch.testing.assert_close(
            after["embedder.word.weight"][place], before["embedder.word.weight"][number], atol=1e-6, rtol=0
        )
    assert "Ada" in tagger.vocabulary_
    assert tagger.surfaces_ is not None


def test_plain_tags_and_another_scheme_stay_what_they_are(start):
    plain = [["X" if tag == "O" else "Y" for tag in row] for row in TAGS]
    tagger = tiny_tagger(epochs=1, language="en", start_from=str(start)).fit(TOKENS, plain, dev=(TOKENS, plain))
    assert tagger.tags_ == ["X", "Y"]
    bioes = [[tag.replace("B-", "S-") for tag in row] for row in TAGS if "I-" not in "".join(row)]
    tokens = [words for words, row in zip(TOKENS, TAGS) if "I-" not in "".join(row)]
    tagger = tiny_tagger(epochs=1, language="en", start_from=str(start)).fit(tokens, bioes, dev=(tokens, bioes))
    assert tagger.scheme_ == "BIOES"
    assert "S-PER" in tagger.tags_


def test_words_that_text_alone_had_are_not_seen_in_training(reader):
    assert "Ada" not in reader.vocabulary_
    assert not np.any(reader.vocabulary_.word_counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 2}, "num_layers=2: pretraining needs num_layers=1"),
        ({"bidirectional": False}, "bidirectional=False"),
        ({"merge": "sum"}, "merge='sum'"),
        ({"vectors": "glove.txt"}, "vectors='glove.txt': is for `fit`"),
        ({"seeds": 3}, "seeds=3: text is read with one seed; leave it out"),
    ],
)
def test_what_pretraining_can_not_use_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        tiny_tagger(**options).pretrain(TEXT)


def test_bad_calls_have_one_message(start):
    with pytest.raises(UsageError, match="only an encoder learns"):
        Tagger(encoder=None).pretrain(TEXT)
    with pytest.raises(UsageError, match="epochs=0"):
        tiny_tagger().pretrain(TEXT, epochs=0)
    with pytest.raises(DataError, match="too few to learn from"):
        tiny_tagger().pretrain(["Ada met Alan."])
    with pytest.raises(UsageError, match="is about labels"):
        tiny_tagger(start_from=str(start), keep=0.5).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
    for option in ("lowercase", "merge_digits"):
        with pytest.raises(UsageError, match=f"{option}=False: .* looks words up with {option}=True"):
            tiny_tagger(start_from=str(start), **{option: False}).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))
