"""The command that writes text: what it takes and says of itself; `generate.py` does it."""

from typing import Annotated

import typer

from seqtag.cli.arguments import Device, ModelFolder, examples
from seqtag.cli.process import command


@command
def generate(
    folder: ModelFolder,
    prompt: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="What the text begins with, printed too; - reads it from standard input, where the line break at the "
            "end does not count. Without one a new line is begun.",
        ),
    ] = "",
    num_tokens: Annotated[
        int, typer.Option(metavar="N", help="The most characters, or words, that are written after the prompt.")
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            metavar="T", help="Below 1 the text is tamer, above 1 wilder; 0 takes the most probable symbol each time."
        ),
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(metavar="K", help="Choose among the K most probable symbols.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Choose among the fewest symbols that have this probability together."),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="End before this text, should it come; may come often."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same text.")] = 0,
    device: Device = "auto",
) -> None:
    """Let a language model go on with a text; what it writes appears as it is written."""
    from seqtag.cli.commands import generate as writing

    writing.generate(
        folder,
        prompt,
        device=device,
        num_tokens=num_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        stop=stop or None,
        seed=seed,
    )


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog=examples(
            'seqtag generate models/novel --prompt "It was a dark night"',
            'seqtag generate models/novel --prompt "It was" --temperature 0.7 --num-tokens 500 --seed 3',
            "seqtag generate models/novel --prompt - --top-p 0.9 < beginning.txt",
            "seqtag generate models/novel --prompt 'Chapter 1' --stop $'\\n\\n' --stop 'THE END'",
        )
    )(generate)
