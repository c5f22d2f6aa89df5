"""Writers for the tests of answering in processes, which import them in these: one that waits, one that is killed."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqtag.cli.prediction.answer_writer import AnswerWriter
from seqtag.cli.prediction.requests import Request


class WaitingWriter(AnswerWriter):
    """Writes the texts as they are; the one called "wait" only once there is a file, the one called "die" never."""

    def __init__(self, gate: Path) -> None:
        self.gate, self.left_out = gate, {}

    def lines(self, requests: Sequence[Request]) -> Iterator[str]:
        for request in requests:
            while request.text == "wait" and not self.gate.exists():
                time.sleep(0.01)
            if request.text == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            yield f"{request.text}\n"

    def unheld(self, request: Request) -> tuple[str, ...]:
        return ()
