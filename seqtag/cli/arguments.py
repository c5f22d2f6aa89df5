"""The options and arguments that several commands share, with their help, and how help pages are laid out."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

TAGGED = (
    "a column file (CoNLL), CoNLL-U, CSV with a word per row, texts with character offsets (JSON of Doccano, Label "
    "Studio, Prodigy or spaCy, brat's .ann, TSV of WebAnno), .spacy or Parquet; a folder with one such file per split; "
    "or the name of a data set on the hub. FILE:token=0,tag=3 names the columns of a file, by number from 0 or by "
    "header; by default they are the first and the last. Of annotated texts, FILE:overlaps=longest (or first) chooses "
    "among spans that overlap, FILE:annotator=NAME among people, and FILE:offsets=utf-16 (or characters) says how an "
    "emoji counts, where that is not found out."
)
LABELLED = (
    "CSV, TSV, JSON lines or Parquet with a text and its label in each row; a folder with one such file per split, or "
    "with one sub-folder or file per class; a zip file of such a folder; or the name of a data set on the hub. "
    "FILE:text=review,label=stars names the columns, by number from 0 or by header; by default they are found by their "
    "names. If the labels are lists, the model learns to give a text any number of labels."
)
TEXT = (
    "a text file in UTF-8, also as .gz; a folder of text files, in which the files named train, dev and test are the "
    "splits; or CSV, TSV, JSON lines or Parquet, where FILE:text=NAME names the column of the texts."
)
LABELLED_FORMS = f"To tag: {TAGGED} To classify: {LABELLED}"
DATA_FORMS = f"{LABELLED_FORMS} For a language model: {TEXT}"
EXIT_CODES = (
    "Exit codes: 0 done, 1 the data or the model falls short, 2 the command is used wrongly, 130 interrupted with "
    "Ctrl-C, 143 with SIGTERM."
)

# The panels of a help page that group the options of `seqtag train`.
TRAINING, WHERE, MORE_DATA = "How to train", "Where things go", "More data"
LABEL_STUDIO = "Label Studio"  # the panel of options for its tasks

# Options of the commands that train models.
TrainingLanguage = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="The language whose rules cut raw text into tokens: en, de, ...; xx, the default, fits most of them.",
        rich_help_panel=TRAINING,
    ),
]
Seed = Annotated[
    int | None, typer.Option(metavar="N", help="The same seed gives the same model.", rich_help_panel=TRAINING)
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was killed or interrupted.", rich_help_panel=WHERE)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the model in DIR.", rich_help_panel=WHERE)]
TrainingDevice = Annotated[
    str | None, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, ...", rich_help_panel=TRAINING)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set an option of the model, such as encoder=gru, hidden_size=256 or vectors=glove.txt; repeat --set "
        "for more. `seqtag options Tagger`, `Classifier` and `LanguageModel` list what can be set for --task tag, "
        "classify and lm, with defaults and a sentence for each option.",
        rich_help_panel=TRAINING,
    ),
]
LabelTask = Annotated[
    str, typer.Option(metavar="tag|classify", help="tag: tokens with tags; classify: texts with labels.")
]


def _limit_unpacking(max_bytes: int | None) -> int | None:
    from seqtag.corpora.lines import limit_unpacking

    limit_unpacking(max_bytes)
    return max_bytes


# A command takes this option for its help and its check; what it sets holds for the whole process.
MaxBytes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        callback=_limit_unpacking,
        help="To how many bytes a packed file (.gz, .zip, .spacy, .parquet, .arrow) may unpack. Default: 100 times its "
        "own size, or 256 MB if that is more.",
    ),
]
ModelFolder = Annotated[str, typer.Argument(metavar="DIR", help="A model folder that `seqtag train` wrote.")]
ModelName = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model folder that `seqtag train` wrote, or a model on the Hugging Face hub: OWNER/NAME, or "
        "OWNER/NAME@REVISION.",
    ),
]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1, ...")]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="auto|torch|onnx|onnx-int8",
        help="What computes the predictions of a tagger or classifier. onnx and onnx-int8 need an export (`seqtag "
        "export`, with --int8 for the second); auto takes the export onnx if there is one, and else torch. Default: "
        "the engine that was saved with the model, which is auto unless it was set.",
    ),
]
RawText = Annotated[bool, typer.Option("--text", help="INPUT is raw text, one text per line.")]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--jsonl",
        help='INPUT has one JSON object per line, with "text" or "tokens"; the name *.jsonl says so without a flag. '
        "All keys of the objects are kept.",
    ),
]
LabelConfig = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LABEL_STUDIO,
        metavar="FILE",
        help="Write the labelling interface, XML, for the labels of the model here.",
    ),
]
ModelVersion = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LABEL_STUDIO,
        metavar="NAME",
        help="What the predictions are called. Default: the name of the model's folder.",
    ),
]
FromName = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LABEL_STUDIO,
        metavar="NAME",
        help="The name of the labels in the interface. Default: label.",
    ),
]
ToName = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=LABEL_STUDIO, metavar="NAME", help="The name of the text in the interface. Default: text."
    ),
]
TestSplit = Annotated[
    str | None, typer.Option(metavar="NAME", help="The split: train, dev or test; default: test, or the only one.")
]
DevSplit = Annotated[
    str | None, typer.Option(metavar="NAME", help="The split: train, dev or test; default: dev, or the only one.")
]
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the results as JSON; - prints them instead of the tables."),
]
HtmlFile = Annotated[
    str | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page for a browser: the answer first, pictures, tables to sort, and each error in its text.",
    ),
]
MarkdownFile = Annotated[
    str | None,
    typer.Option("--markdown", metavar="FILE", help="Write the tables as Markdown, for a README or a pull request."),
]


_KNOWN = "What is known"  # the panel of these options
KnownFile = Annotated[
    str | None,
    typer.Option(
        "--known",
        rich_help_panel=_KNOWN,
        metavar="FILE",
        help="Patterns that find spans of a tagger, as spaCy's EntityRuler has them: JSON lines such as "
        '{"label": "LOC", "pattern": "New York"}, or with a list of tokens, [{"LOWER": "new"}, ...]. Of matches '
        "that overlap the longest counts. Each answer has the spans that are found so, and is the most probable "
        "one beside them; probabilities are those given them.",
    ),
]
KnownStrength = Annotated[
    float | None,
    typer.Option(
        "--known-strength",
        rich_help_panel=_KNOWN,
        metavar="X",
        help="These spans are likely and not certain: X is added to the log odds of each. 5 makes 0.6 of 0.01, and "
        "0.99 of 0.5.",
    ),
]
KnownIgnoreCase = Annotated[
    bool, typer.Option("--known-ignore-case", rich_help_panel=_KNOWN, help="Phrases are found in any case.")
]


def examples(*lines: str) -> str:
    """Lay examples out for the end of a help page."""
    return "Examples\n\n" + "\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def help_text(function: Callable[..., Any]) -> str:
    """Give a docstring as a help page needs it: one line per paragraph, for the page breaks lines where it ends.

    >>> help_text(help_text).split(": ")[0]
    'Give a docstring as a help page needs it'
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (inspect.getdoc(function) or "").split("\n\n"))
