"""`seqtag evaluate`: how good a model is on labelled data, or a language model on text."""

from dataclasses import replace
from typing import Annotated

import typer

from seqtag.cli.arguments import (
    DATA_FORMS,
    Device,
    Engine,
    HtmlFile,
    JsonFile,
    KnownFile,
    KnownIgnoreCase,
    KnownStrength,
    MarkdownFile,
    MaxBytes,
    ModelName,
    TestSplit,
)
from seqtag.cli.output import Report, check_files, show
from seqtag.cli.process import command
from seqtag.cli.sources import read_split
from seqtag.cli.tasks import stored_task
from seqtag.errors import UsageError, near_miss
from seqtag.hub import find_model

EXAMPLES = (
    "seqtag evaluate models/ner my-corpus/",
    "seqtag evaluate models/ner my-corpus/ --html report.html",
    "seqtag evaluate models/ner dev.conll:tag=3 --json dev.json",
    "seqtag evaluate models/ner my-corpus/ --engine onnx-int8",
    "seqtag evaluate models/ner my-corpus/ --known patterns.jsonl",
    "seqtag evaluate models/mood reviews.csv:text=review,label=stars",
    "seqtag evaluate models/novel new.txt --json figures.json",
)


@command
def evaluate(
    folder: ModelName,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=f"Labelled data or, for a language model, text. {DATA_FORMS}")
    ],
    split: TestSplit = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    markdown_file: MarkdownFile = None,
    known: KnownFile = None,
    known_strength: KnownStrength = None,
    known_ignore_case: KnownIgnoreCase = False,
    device: Device = "auto",
    engine: Engine = None,
    max_bytes: MaxBytes = None,
) -> None:
    """Measure a model on labelled data: scores with intervals, what goes wrong, and how far to trust its confidence.

    A language model is measured on text: its perplexity and bits per character, with its state carried across the
    whole text. With --known a tagger is measured together with its patterns.
    """
    from seqtag.cli.prediction.known import read_known

    files = check_files(json_file=json_file, html_file=html_file, markdown_file=markdown_file)
    name, folder = folder, str(find_model(folder))
    task = stored_task(folder)
    rules = read_known(known, known_strength, ignore_case=known_ignore_case, task=task.name)
    report: Report
    if task.has_labels:
        model = task.load(folder, device=device, engine=engine)
        rows = read_split(data, split, default="test", **task.reading(model))
        report = replace(
            model.evaluate(rows, **rules), source=data if split is None else f"{data}, {split}", model=name
        )
    else:
        from seqtag.cli.language_figures import LanguageFigures

        text = find_text(data, split)
        report = LanguageFigures.measure(task.load(folder, device=device, engine=engine), text, name=name)
    show(report, files)


def find_text(source: str, split: str | None) -> str:
    """Find the text of a split, test if none is named; UsageError for tokens with tags, and for an unknown split."""
    from seqtag.cli.text_sources import find_texts, refuse_tags

    refuse_tags(source, advice="give a text file to measure this one on")
    texts = dict(zip(("train", "dev", "test"), find_texts(source, None, None)))
    splits = {name: text for name, text in texts.items() if text is not None}
    is_one_text = splits == {"train": source}
    if split is None:
        return splits.get("test", splits["train"])
    if is_one_text or split not in splits:
        remedy = "it is one text; leave out --split" if is_one_text else near_miss(split, splits)
        raise UsageError(f"{source}: no split {split!r}; {remedy}")
    return splits[split]
