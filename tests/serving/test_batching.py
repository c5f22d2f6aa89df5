"""Requests that wait go through a model together, each gets its own answers, and one at fault harms no other."""

import asyncio
import time

import pytest

from seqtag.serving.batching import Batcher, QueueFullError


async def answer_all(batcher: Batcher, requests: list[list[int]]) -> list:
    batcher.start()
    asked = [asyncio.ensure_future(batcher.submit(rows, len(rows))) for rows in requests]
    found = await asyncio.gather(*asked, return_exceptions=True)
    await batcher.stop()
    return found


def test_what_waits_goes_together_and_comes_back_apart():
    batches = []

    def double(rows):
        time.sleep(0.02)
        batches.append(list(rows))
        return [2 * row for row in rows]

    requests = [[1], [2, 3], [4], [5, 6, 7], []]
    found = asyncio.run(answer_all(Batcher(double, most=4, most_waiting=100), requests))
    assert found == [[2], [4, 6], [8], [10, 12, 14], []]
    assert batches == [[1, 2, 3, 4], [5, 6, 7]]


def test_a_request_larger_than_a_batch_goes_alone():
    batches = []
    batcher = Batcher(lambda rows: batches.append(list(rows)) or list(rows), most=2, most_waiting=100)
    assert asyncio.run(answer_all(batcher, [[1, 2, 3, 4], [5]])) == [[1, 2, 3, 4], [5]]
    assert batches == [[1, 2, 3, 4], [5]]


def test_only_the_request_at_fault_gets_the_error():
    def divide(rows):
        return [12 // row for row in rows]

    one, two, three = asyncio.run(answer_all(Batcher(divide, most=10, most_waiting=100), [[1], [0], [3]]))
    assert (one, three) == ([12], [4])
    assert isinstance(two, ZeroDivisionError)


def test_a_full_queue_refuses():
    async def ask():
        batcher = Batcher(lambda rows: time.sleep(0.05) or list(rows), most=1, most_waiting=2)
        batcher.start()
        asked = [asyncio.ensure_future(batcher.submit([row], 1)) for row in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await batcher.submit([2, 3], 2)
        assert await asyncio.gather(*asked) == [[0], [1]]
        await batcher.stop()

    asyncio.run(ask())


def test_who_has_gone_is_not_computed():
    seen = []

    async def ask():
        batcher = Batcher(lambda rows: time.sleep(0.05) or seen.extend(rows) or list(rows), most=1, most_waiting=9)
        batcher.start()
        first, second = (asyncio.ensure_future(batcher.submit([row], 1)) for row in (1, 2))
        await asyncio.sleep(0.01)
        second.cancel()
        assert await first == [1]
        await batcher.stop()

    asyncio.run(ask())
    assert seen == [1]


def test_stopping_answers_what_waits():
    async def ask():
        batcher = Batcher(lambda rows: time.sleep(0.02) or list(rows), most=1, most_waiting=9)
        batcher.start()
        asked = [asyncio.ensure_future(batcher.submit([row], 1)) for row in range(3)]
        await asyncio.sleep(0)
        await batcher.stop()
        return [await one for one in asked]

    assert asyncio.run(ask()) == [[0], [1], [2]]
