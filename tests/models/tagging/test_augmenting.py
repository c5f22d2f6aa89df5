"""Training with other mentions: what a batch then holds, what stays as it is, and that a killed run resumes."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny import TAGS, TOKENS, tiny_tagger
from trainers import Watch

from seqtag import Tagger, UsageError, load_corpus
from seqtag.batching import TaggedRows, count_tokens
from seqtag.text.schemes import convert_tags, spans_from_tags
from seqtag.text.tagset import TagSet
from seqtag.text.vocabulary import Vocabulary


def rows_of(data, scheme, *, augment):
    dataset = load_corpus(Dataset.from_dict(data), scheme=scheme)["train"]
    tagset = TagSet.build(dataset.features["tags"].feature.names, scheme)
    return TaggedRows(dataset, Vocabulary.build(count_tokens(dataset)), tagset, augment=augment)


def fields(batch):
    names = ("slots_BT", "features_UF", "lengths_B", "tags_BT", "allowed_BTL")
    return {name: value for name in names if (value := getattr(batch, name)) is not None}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("scheme", ["plain", "IO", "IOB1", "IOB2", "BIOES"])
def test_a_batch_holds_other_mentions_with_their_tags_and_a_generator_decides_which(scheme):
    tags = [[tag[-3:] for tag in row] if scheme == "plain" else convert_tags(row, "IOB2", scheme) for row in TAGS]
    data = {"tokens": TOKENS, "tags": tags}
    rows, indices = rows_of(data, scheme, augment=1.0), np.arange(20)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first, second = fields(rows.batch(indices)), fields(rows.batch(indices))
        torch.manual_seed(1)
        again = fields(rows.batch(indices))
    assert same(first, again)
    assert not same(first, second)
    tags = rows.tagset.decode_rows(first["tags_BT"].numpy(), first["lengths_B"].numpy())
    for found, given in zip(tags, data["tags"], strict=True):
        labels = [[span.label for span in spans_from_tags(row, scheme)] for row in (found, given)]
        assert labels[0] == labels[1]
        assert found.count("O") == given.count("O")


def test_what_is_unknown_stays_so():
    tags = [["?" if tag == "O" else tag for tag in row] for row in TAGS]
    rows = rows_of({"tokens": TOKENS, "tags": tags}, "IOB2", augment=1.0)
    before = rows_of({"tokens": TOKENS, "tags": tags}, "IOB2", augment=0.0).batch(np.arange(20))
    after = rows.batch(np.arange(20))
    counts = [batch.allowed_BTL.all(2).sum(1) - (batch.tags_BT.shape[1] - batch.lengths_B) for batch in (before, after)]
    assert torch.equal(*counts)


def test_it_is_off_by_default_and_resumes_to_the_same_weights_with_several_seeds(tmp_path):
    class StoppedError(Exception):
        pass

    def stop(epoch, step):
        if (epoch, step) == (2, 3):
            raise StoppedError

    def weights(augment, **call):
        tagger = tiny_tagger(epochs=3, augment=augment, seeds=2).fit(TOKENS, TAGS, dev=(TOKENS, TAGS), **call)
        return tagger, tagger.network_.state_dict()

    _, whole = weights(0.7)
    with pytest.raises(StoppedError):
        weights(0.7, checkpoint=tmp_path, watchers=[Watch(step=stop)])
    tagger, resumed = weights(0.7, checkpoint=tmp_path, resume=True)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    _, plain = weights(0.0)
    assert any(not torch.equal(plain[name], value) for name, value in whole.items())
    folder = tagger.save(tmp_path / "m")
    assert "augment=0.7" in (folder / "README.md").read_text(encoding="utf-8")
    assert Tagger.load(folder, device="cpu").augment == 0.7


@pytest.mark.parametrize("share", [-0.1, 1.5, "mention", None, True])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(UsageError, match=r"augment=.*must be a number, at least 0 and at most 1"):
        tiny_tagger(augment=share).fit(TOKENS, TAGS)
