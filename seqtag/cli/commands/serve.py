"""`seqtag serve`: trained models behind an HTTP service, with a page to try and correct them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from seqtag.cli.arguments import Engine
from seqtag.cli.process import MESSAGES, command
from seqtag.errors import UsageError

EXAMPLES = (
    "seqtag serve models/ner",
    "seqtag serve models/ner mood=models/2024/final --port 8080 --workers 2",
    "seqtag serve models/ner --collect corrected.jsonl",
    "seqtag serve OWNER/NAME",
    "SEQTAG_TOKEN=... seqtag serve models/ner --host 0.0.0.0",
)
_LIMITS = "Limits"


@command
def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Model folders, or names on the Hugging Face hub (OWNER/NAME), each served under the last part of "
            "its name, or under another one: NAME=MODEL. Taggers, classifiers and language models.",
        ),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on. Default: this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes one that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes, each with the models in memory.")] = 1,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Cores that one prediction may use. Default: all, or 1 with several workers."),
    ] = None,
    engine: Engine = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SEQTAG_TOKEN",
            help="What each request must bring: Authorization: Bearer TOKEN. Better given as the variable "
            "SEQTAG_TOKEN, which other users of the machine can't see.",
        ),
    ] = None,
    collect: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where texts that people correct on the page, or finish in Label Studio, are kept: JSON lines that "
            "`seqtag train` reads.",
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Whether there is a page at the address.")] = True,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="A site whose pages may ask from a browser (CORS). Default: none."),
    ] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write the log as JSON lines.")] = False,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of a request.", rich_help_panel=_LIMITS)] = 8_000_000,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts of a request.", rich_help_panel=_LIMITS)] = 1_000,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Characters of a request.", rich_help_panel=_LIMITS)
    ] = 1_000_000,
    max_queue: Annotated[
        int,
        typer.Option(min=1, help="Characters that may wait for a model; beyond: 429.", rich_help_panel=_LIMITS),
    ] = 4_000_000,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds for a request to arrive, and to be answered.", rich_help_panel=_LIMITS),
    ] = 60.0,
    batch_characters: Annotated[
        int,
        typer.Option(min=1, help="Characters of several requests that go together.", rich_help_panel=_LIMITS),
    ] = 20_000,
    batch_wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Seconds that a request waits for company while the model is idle.",
            rich_help_panel=_LIMITS,
        ),
    ] = 0.0,
) -> None:
    """Serve models over HTTP, with a page at / to try and correct them, until Ctrl-C or SIGTERM.

    POST /models/NAME/predict takes texts or tokens, and POST /models/NAME/next a text that a language model goes on
    with. GET /openapi.json describes all endpoints, among them those that clients of Hugging Face, Label Studio and
    Presidio speak to.
    """
    from seqtag.serving.served_models import model_names
    from seqtag.serving.settings import Limits, Settings

    if collect is not None and workers > 1:
        raise UsageError("--collect: one process writes the file; leave out --workers")
    if collect is not None and not Path(collect).absolute().parent.is_dir():
        raise UsageError(f"--collect {collect}: there is no folder for it")
    if token is not None and not token.strip():
        raise UsageError("--token: is empty, so it would keep nobody out; give one, or leave it out")
    settings = Settings(
        models=model_names(models),
        host=host,
        token=token and token.strip(),
        origins=tuple(allow_origin or ()),
        engine=engine,
        threads=threads or (1 if workers > 1 else None),
        collect=collect,
        has_page=page,
        logs_json=log_json or MESSAGES.as_json,
        limits=Limits(
            body_bytes=max_body,
            texts=max_texts,
            characters=max_characters,
            queue_characters=max_queue,
            seconds=timeout,
            batch_characters=batch_characters,
            batch_wait=batch_wait,
        ),
    )
    if os.name != "posix" and workers > 1:
        raise UsageError("--workers: several processes share a port on POSIX systems only; leave it out")
    try:
        from seqtag.serving.server import serve as run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("seqtag"):
            raise
        raise UsageError(
            f"{error.name} is not installed, which the service needs: pip install 'seqtag[serve]'"
        ) from None
    run(settings, port=port, workers=workers)
