"""`seqtag generate`: a prompt in, what a language model makes of it out, as it is written."""

import sys
from typing import Any

from seqtag.cli.tasks import LANGUAGE, TASKS, find_estimator, stored_name
from seqtag.corpora.lines import handle_blocks
from seqtag.errors import UsageError


def generate(folder: str, prompt: str, *, device: str, **options: Any) -> None:
    """Print a prompt and what comes after it, piece by piece; a prompt - is read from standard input."""
    name = stored_name(folder)
    if name != LANGUAGE:
        raise UsageError(
            f"{folder}: holds a {TASKS[name].noun}, and a language model writes; train one on running text: "
            "seqtag train TEXT --task lm --out DIR"
        )
    model = find_estimator(name).load(folder, device=device)
    if prompt == "-":
        # The line break that ends the input, and that `echo` adds, is none of the prompt's.
        prompt = "\n".join(line for _, lines in handle_blocks(sys.stdin, "<stdin>") for line in lines)
    last = prompt
    pieces = model.generate_stream(prompt, **options)
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        last = piece
    if not last.endswith("\n"):
        sys.stdout.write("\n")
