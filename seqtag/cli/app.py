"""The command line as a whole: which commands there are, and what `seqtag --help` says. Knows no command's options."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from seqtag.cli.arguments import EXIT_CODES, LABELLED, TAGGED, TEXT, examples, help_text
from seqtag.cli.config_file import with_config
from seqtag.cli.process import MESSAGES, collect_garbage_rarely, open_missing_streams

app = typer.Typer(
    name="seqtag",
    help="Train, measure and use small, fast sequence labellers: taggers, which give each token of a sentence a tag, "
    "and classifiers, which give each text a class; and language models that write text.",
    epilog=f"DATA to tag is {TAGGED}\n\nDATA to classify is {LABELLED}\n\nDATA for a language model is {TEXT}\n\n"
    f"{EXIT_CODES} Results go to standard output, progress goes to standard error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# In the order of the help page. A command has the name of its file in commands/, and of the function there. Of all
# these files seqtag-runtime has `serve` alone.
_COMMANDS = (
    "train",
    "predict",
    "explain",
    "evaluate",
    "score",
    "compare",
    "tune",
    "check",
    "suspects",
    "select",
    "split",
    "convert",
    "agree",
    "curve",
    "pretrain",
    "options",
    "generate",
)
for _name in (*_COMMANDS, "export", "serve", "demo"):
    if find_spec(f"seqtag.cli.commands.{_name}") is None:
        continue
    _module = import_module(f"seqtag.cli.commands.{_name}")
    _function = getattr(_module, _name)
    app.command(help=help_text(_function), epilog=examples(*_module.EXAMPLES))(with_config(_function))


def _show_version(is_asked_for: bool) -> None:
    if is_asked_for:
        from seqtag.version import __version__

        print(f"seqtag {__version__}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say warnings and errors alone: no progress on standard error.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write messages on standard error as JSON, an object per line.")
    ] = False,
) -> None:
    MESSAGES.quiet, MESSAGES.as_json = quiet, log_json


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line, which ends the process with its exit code; `argv` replaces the arguments of the process."""
    open_missing_streams()
    collect_garbage_rarely()
    app(args=argv, prog_name="seqtag")
