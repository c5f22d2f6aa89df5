"""Where and in which format a training computes."""

import os
import time

import pytest
import torch
from tiny import TAGS, TOKENS, fitted_tagger, tiny_tagger
from trainers import assert_same, copy_of

from seqtag import Tagger, UsageError
from seqtag.training.device import pick_device


def test_bf16_learns_and_does_not_linger():
    options = {"dropout": 0.0, "word_dropout": 0.0, "lexical_dropout": 0.0, "balance": False}
    half = fitted_tagger(precision="bf16", epochs=25, **options)
    assert half.history_[-1].loss < 0.1 * half.history_[0].loss
    assert half.score(TOKENS, TAGS) > 0.9
    assert {p.dtype for p in half.network_.parameters()} == {torch.float32}
    # the setting of one fit does not leak into the next
    whole, half, again = (
        fitted_tagger(epochs=1, precision=precision, **options) for precision in ("fp32", "bf16", "fp32")
    )
    assert whole.history_[0].loss != half.history_[0].loss
    assert whole.history_[0].loss == pytest.approx(half.history_[0].loss, rel=0.02)
    assert_same(copy_of(whole.network_), copy_of(again.network_))


@pytest.mark.parametrize(("device", "match"), [("cud", "unknown device 'cud'"), ("cuda:99", "torch sees")])
def test_a_device_that_is_none(device, match):
    with pytest.raises(UsageError, match=match):
        pick_device(device)
    with pytest.raises(UsageError, match=match):
        tiny_tagger(device=device).fit(TOKENS, TAGS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and newer warn of what this is about
def test_a_forked_child_predicts_after_a_prediction_on_two_threads(saved_tagger):
    tagger = Tagger.load(saved_tagger, device="cpu", engine="torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = tagger.predict(TOKENS)
        torch.ones(300, 300) @ torch.ones(300, 300)  # OpenMP starts its threads
        child = os.fork()
        if child == 0:
            torch.ones(300, 300) @ torch.ones(300, 300)
            os._exit(int(tagger.predict(TOKENS) != expected))
        deadline = time.monotonic() + 20
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.005)
        if ended[0] == 0:
            os.kill(child, 9)
            os.waitpid(child, 0)
        assert ended == (child, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
