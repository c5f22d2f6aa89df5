"""Put the requests of many clients together into one batch: the network of a model runs once for all that wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

RowT = TypeVar("RowT")
AnswerT = TypeVar("AnswerT")
ResultT = TypeVar("ResultT")


class QueueFullError(Exception):
    """More is waiting than the service promises to hold; come again later."""


@dataclass(slots=True)
class _Job(Generic[RowT, AnswerT]):
    rows: Sequence[RowT]
    cost: int
    done: "asyncio.Future[list[AnswerT]]"


class Batcher(Generic[RowT, AnswerT]):
    """Answers rows in a thread of its own, as many requests at a time as wait and fit into `most` of cost.

    While one batch is computed, requests gather for the next; an idle model answers at once, or after `wait` seconds.
    An answer does not depend on the company, which is what models promise. If a batch fails, each of its requests is
    computed alone, so that only the one at fault gets the error.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[RowT]], list[AnswerT]],
        *,
        most: int,
        most_waiting: int,
        wait: float = 0.0,
        on_batch: Callable[[int], None] = lambda requests: None,
    ) -> None:
        self.answer, self.most, self.most_waiting, self.wait, self.on_batch = answer, most, most_waiting, wait, on_batch
        self.waiting = 0  # the cost of what waits
        self._is_busy = False
        self._jobs: deque[_Job[RowT, AnswerT]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seqtag-model")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer; needs a running event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Answer what waits, and end."""
        while self._jobs or self._is_busy:
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)

    async def submit(self, rows: Sequence[RowT], cost: int) -> list[AnswerT]:
        """Give the answers to rows; QueueFullError where too much is waiting already."""
        if self._jobs and self.waiting + cost > self.most_waiting:
            raise QueueFullError
        job: _Job[RowT, AnswerT] = _Job(rows, cost, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self.waiting += cost
        self._arrived.set()
        return await job.done

    async def run(self, work: Callable[[], ResultT], cost: int = 0) -> ResultT:
        """Do other work in the thread that answers, between two batches; QueueFullError as in `submit`."""
        if self.waiting and self.waiting + cost > self.most_waiting:
            raise QueueFullError
        self.waiting += cost
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self.waiting -= cost

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if self.wait and self.waiting < self.most:
                await asyncio.sleep(self.wait)
            if batch := self._take():
                self.on_batch(len(batch))
                self._is_busy = True
                await self._answer(batch)
                self._is_busy = False

    async def _answer(self, batch: Sequence[_Job[RowT, AnswerT]]) -> None:
        rows = [row for job in batch for row in job.rows]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self.answer, rows)
        except Exception as error:
            if len(batch) > 1:
                for job in batch:
                    await self._answer([job])
            elif not batch[0].done.done():
                batch[0].done.set_exception(error)
            return
        place = 0
        for job in batch:
            if not job.done.done():
                job.done.set_result(answers[place : place + len(job.rows)])
            place += len(job.rows)

    def _take(self) -> list[_Job[RowT, AnswerT]]:
        """Take from the queue what fits into one batch, and at least one request; who went away is left out."""
        batch: list[_Job[RowT, AnswerT]] = []
        cost = 0
        while self._jobs and (not batch or cost + self._jobs[0].cost <= self.most):
            job = self._jobs.popleft()
            self.waiting -= job.cost
            if not job.done.done():
                batch.append(job)
                cost += job.cost
        if not self._jobs:
            self._arrived.clear()
        return batch
