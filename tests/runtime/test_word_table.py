"""The table of words in processes that fork; what it looks up is compared with the vocabulary in test_tagger.py."""

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqtag.runtime.word_table import Pieces, WordTable
from seqtag.text.vocabulary import Vocabulary


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and newer warn of what this is about
def test_a_process_that_forks_while_another_thread_looks_up_has_a_child_that_can():
    vocabulary = Vocabulary.build({"Ada": 2, "met": 1})
    tables = [WordTable(vocabulary, most_words=500) for _ in range(2)]
    expected = WordTable(vocabulary).look_up(["Ada", "new", "met"])
    is_over = threading.Event()

    def look_up() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            for table in tables:
                table.look_up([f"word-{number}-{i}" for i in range(400)])

    threads = [threading.Thread(target=look_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            time.sleep(0.003)
            child = os.fork()
            if child == 0:
                found = tables[turn % 2].look_up(["Ada", "new", "met"])
                os._exit(int((found.features_UF[found.slots_N] != expected.features_UF[expected.slots_N]).any()))
            deadline = time.monotonic() + 20
            while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
            if ended[0] == 0:
                os.kill(child, 9)
                os.waitpid(child, 0)
                pytest.fail(f"the child of fork {turn} waits for ever")
            assert ended[1] == 0
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def spell(characters_UC: np.ndarray) -> Pieces:
    """Give the characters of words as their pieces."""
    return Pieces((characters_UC > 0).sum(1), characters_UC[characters_UC > 0])


@settings(max_examples=30)
@given(
    batches=st.lists(st.lists(st.text("abcd", max_size=6), min_size=1, max_size=9), min_size=1, max_size=9),
    most_words=st.sampled_from([1, 4, 1000]),
)
@example([[f"{number:b}" for number in range(size)] for size in (900, 1500)], 10_000)
def test_each_word_keeps_its_own_pieces(batches, most_words):
    """Also when the table starts anew, or has to grow."""
    vocabulary = Vocabulary.build({"abcd": 1})
    table = WordTable(vocabulary, pieces=spell, most_words=most_words)
    for words in [*batches, *batches]:
        looked = table.look_up(words)
        num_U, numbers_M = looked.pieces
        ends_U = num_U.cumsum()
        for word, slot in zip(words, looked.slots_N):
            assert numbers_M[ends_U[slot] - num_U[slot] : ends_U[slot]].tolist() == vocabulary.describe(word)[1]
