"""What several commands take: options with their help, the texts that the help repeats, examples."""

from typing import Annotated

import typer

TAGGED = (
    "a column file (CoNLL), CoNLL-U, JSONL with character offsets (Doccano, Label Studio, Prodigy), .spacy, Parquet; a "
    "folder with one of these a split; or the name of a data set on the hub. FILE:token=0,tag=3 names the columns of a "
    "file, by number or header; the first and the last are the default."
)
LABELLED = (
    "CSV, TSV, JSON lines or Parquet with a text and its label a row; a folder with one of these a split, or with a "
    "sub-folder or file for each class; a zip file of such a folder; or the name of a data set on the hub. "
    "FILE:text=review,label=stars names the columns, by number or header; by default they are found by name. Lists of "
    "labels make a model that gives a text any number of them."
)
TEXT = (
    "a text file in UTF-8, also .gz; a folder of them, where files named after splits are these; or CSV, TSV, JSON "
    "lines or Parquet, of which FILE:text names the column."
)
DATA_FORMS = f"{TAGGED} To classify: {LABELLED} For a language model: {TEXT}"
EXIT_CODES = "Exit codes: 0 done, 1 the data or the model falls short, 2 wrong use, 130 interrupted."

ModelFolder = Annotated[str, typer.Argument(metavar="DIR", help="A folder that `seqtag train` wrote.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="auto|torch|onnx|onnx-int8",
        help="What runs a tagger or classifier. onnx-int8 needs an export with --int8; auto takes an export that is "
        "not int8, else torch. Default: what was saved with the model, which is auto unless it was set.",
    ),
]
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write all figures here too; - prints them instead of the tables."),
]
HtmlFile = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a page to look at: plots, tables, each error in its sentence."),
]
MarkdownFile = Annotated[str | None, typer.Option("--markdown", metavar="FILE", help="Write the tables as Markdown.")]


def examples(*lines: str) -> str:
    """Lay examples out for the end of a help page."""
    return "Examples\n\n" + "\n".join(f"  [cyan]{line}[/cyan]" for line in lines)
