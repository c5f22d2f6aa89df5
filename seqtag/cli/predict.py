"""`seqtag predict`: requests in, answers out, in order, a handful at a time."""

import logging
import sys

from seqtag.cli.answers import WRITERS
from seqtag.cli.requests import Request, guess_kind, read_requests
from seqtag.cli.sources import open_output
from seqtag.errors import UsageError, near_miss

logger = logging.getLogger("seqtag")

# Requests that are answered together at most: enough for full batches, few enough that memory stays flat.
_MOST = 512


def predict(folder: str, source: str, *, kind: str | None, form: str | None, output: str, device: str) -> None:
    """Tag what `source` holds with the model in `folder`; `kind` and `form` are of input and output.

    Standard input is answered whenever no more of it is there yet, so that a program on the other end may wait for each
    answer.
    """
    kind = kind or guess_kind(source)
    form = form or kind
    if form not in WRITERS:
        raise UsageError(f"--format {form}: unknown; {near_miss(form, WRITERS)}")
    from seqtag.models.tagger import Tagger

    tagger = Tagger.load(folder, device=device)
    if source == "-" and sys.stdin.isatty():
        logger.info("reading from the keyboard; Ctrl-D ends it")
    waiting: list[Request] = []
    with open_output(output, sys.stdout) as target:

        def answer() -> None:
            if waiting:
                target.writelines(WRITERS[form](tagger, waiting))
                target.flush()
                waiting.clear()

        for request in read_requests(source, kind, sys.stdin.buffer, answer):
            waiting.append(request)
            if len(waiting) == _MOST:
                answer()
        answer()


def input_kind(*, text: bool, jsonl: bool) -> str | None:
    """Read the two flags for the kind of input; None where the name decides."""
    if text and jsonl:
        raise UsageError("--text and --jsonl: the input is one of the two; leave out the other")
    return "text" if text else "jsonl" if jsonl else None
