"""`seqtag generate`: a prompt in, and out comes what a language model makes of it, as it is written."""

import sys
from typing import Annotated

import typer

from seqtag.cli.arguments import Device, ModelName
from seqtag.cli.process import command
from seqtag.cli.tasks import stored_task
from seqtag.errors import UsageError
from seqtag.hub import find_model

EXAMPLES = (
    'seqtag generate models/novel --prompt "It was a dark night"',
    'seqtag generate models/novel --prompt "It was" --temperature 0.7 --num-tokens 500 --seed 3',
    "seqtag generate models/novel --prompt - --top-p 0.9 < beginning.txt",
    "seqtag generate models/novel --prompt 'Chapter 1' --stop $'\\n\\n' --stop 'THE END'",
)


@command
def generate(
    folder: ModelName,
    prompt: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="The beginning of the text, which is printed too. - reads it from standard input, without the line "
            "break at its end. Without a prompt the model begins a new line.",
        ),
    ] = "",
    num_tokens: Annotated[
        int,
        typer.Option(
            metavar="N", help="How many characters (or words, for a word model) are written at most after the prompt."
        ),
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            metavar="T",
            help="How bold the choices are: below 1 probable symbols are preferred even more, above 1 less; 0 always "
            "takes the most probable one.",
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(metavar="K", help="Choose among the K most probable symbols only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Choose only among the fewest symbols whose probabilities add up to P, such as 0.9."
        ),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="End before this text if it comes; repeat --stop for several."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same text.")] = 0,
    device: Device = "auto",
) -> None:
    """Let a language model continue a text; each piece is printed as soon as it is written."""
    from seqtag.corpora.lines import handle_blocks

    folder = str(find_model(folder))
    task = stored_task(folder)
    if task.has_labels:
        raise UsageError(
            f"{folder}: holds a {task.noun}, and a language model writes; train one on running text: "
            "seqtag train TEXT --task lm --out DIR"
        )
    model = task.load(folder, device=device)
    if prompt == "-":
        # The line break that ends the input, which `echo` adds too, is not part of the prompt.
        prompt = "\n".join(line for _, lines in handle_blocks(sys.stdin, "<stdin>") for line in lines)
    # Refuses bad options before the prompt is printed.
    pieces = model.generate_stream(
        prompt,
        num_tokens=num_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        stop=stop or None,
        seed=seed,
    )
    sys.stdout.write(prompt)
    last = prompt
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        last = piece
    if not last.endswith("\n"):
        sys.stdout.write("\n")
