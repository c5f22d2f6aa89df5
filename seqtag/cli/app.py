"""The commands and their options: what a user may write, and the help that teaches it. The work is done next door."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from seqtag.cli import reports, writing
from seqtag.cli.arguments import (
    DATA_FORMS,
    EXIT_CODES,
    LABELLED,
    TAGGED,
    TEXT,
    Device,
    Engine,
    ModelFolder,
    examples,
)
from seqtag.cli.process import command

app = typer.Typer(
    name="seqtag",
    help="Train, measure and use small, fast sequence labellers: taggers of tokens and classifiers of texts; and "
    "language models that write.",
    epilog=f"DATA, to tag, is {TAGGED}\n\nDATA, to classify, is {LABELLED}\n\nDATA, for a language model, is {TEXT}\n\n"
    f"{EXIT_CODES} Results go to standard output, progress to standard error.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_TRAINING, _WHERE = "How to train", "Where things go"


def _show_version(asked: bool) -> None:
    if asked:
        from seqtag.version import __version__

        print(f"seqtag {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog=examples(
        "seqtag train my-corpus/ --out models/ner",
        "seqtag train news.conll:token=0,tag=3 --out models/ner --language en --epochs 40",
        "seqtag train train.conll --dev dev.conll --out m --set head=linear --set hidden_size=128",
        "seqtag train reviews.csv --out models/mood --task classify",
        "seqtag train reviews.csv:text=review,label=stars --out m --task classify --set pooling=max",
        "seqtag train novel.txt --out models/novel --task lm",
        "seqtag train novels/ --dev new.txt --out m --task lm --set level=word --set hidden_size=256",
    )
)
@command
def train(
    data: Annotated[str, typer.Argument(metavar="DATA", help=f"The corpus: {DATA_FORMS} Its split train is used.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The model folder to write.", rich_help_panel=_WHERE)],
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="What chooses the best epoch; default: the split dev, else a tenth of train is held out.",
            rich_help_panel="More data",
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="What is measured and printed at the end; default: the split test, if there is one.",
            rich_help_panel="More data",
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            metavar="tag|classify|lm",
            help="What to learn; tag: a tag for each token; classify: a class for each text; lm: what comes next in "
            "running text, by character or, with --set level=word, by word.",
            rich_help_panel=_TRAINING,
        ),
    ] = "tag",
    language: Annotated[
        str | None,
        typer.Option(
            help="Whose rules cut raw text into tokens: en, de, ...; xx, the default, fits most languages.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over train.", rich_help_panel=_TRAINING)] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same model.", rich_help_panel=_TRAINING)
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...", rich_help_panel=_TRAINING)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any option of Tagger, Classifier or LanguageModel: encoder=gru, seeds=5, vectors=glove.txt, ...; may "
            "come often.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a run that was killed or interrupted.", rich_help_panel=_WHERE),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model in DIR.", rich_help_panel=_WHERE)
    ] = False,
    tensorboard: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write curves for TensorBoard here.", rich_help_panel=_WHERE),
    ] = None,
) -> int:
    """Train a tagger or a classifier on labelled data, or a language model on text, and save it in a folder.

    A run that was killed goes on with --resume and ends in the same model. Ctrl-C saves the best model so far.
    """
    from seqtag.cli import language as texts
    from seqtag.cli import settings as reading
    from seqtag.cli.commands import train as training

    estimator = reading.make_estimator(
        task, reading.parse_settings(settings or []), language=language, epochs=epochs, seed=seed, device=device
    )
    learn = texts.train if task == "lm" else training.train
    return learn(
        data, estimator, out=out, dev=dev, test=test, resume=resume, overwrite=overwrite, tensorboard=tensorboard
    )


@app.command(
    epilog=examples(
        'echo "Ada lives in Turin." | seqtag predict models/ner --text',
        "seqtag predict models/ner new.conll --output tagged.conll",
        "seqtag predict models/ner texts.jsonl --format jsonl > spans.jsonl",
        'echo "What a day!" | seqtag predict models/mood --attention',
        "seqtag predict models/mood reviews.csv:text=review --output classified.csv",
    )
)
@command
def predict(
    folder: ModelFolder,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A file, or - for standard input. For a tagger, a column file: a token a line, in its first column or "
            "that of FILE:token=1 (of standard input: -- -:token=1), and a blank line after each sentence; other "
            "columns are kept, comments are not. For a classifier, one text a line, or a table that ends in .csv or "
            ".tsv, where FILE:text=review names the column of the texts; all columns are kept.",
        ),
    ] = "-",
    text: Annotated[bool, typer.Option("--text", help="INPUT is raw text, one text a line.")] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help='INPUT has a JSON object a line, with "text" or "tokens"; the ending .jsonl says so too. Its keys are '
            "kept.",
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="conll|jsonl|text|csv",
            help="Of a tagger, conll: a token and its tag a line; jsonl: spans with offsets and probabilities; text: "
            "the same to be read by people. Of a classifier, text: class, probability and text between tabs; jsonl: "
            "with the probabilities of all classes; csv: the table with columns label and score (predicted_label, "
            "where it has a label). Default: the form of INPUT.",
        ),
    ] = None,
    attention: Annotated[
        bool,
        typer.Option(
            "--attention",
            help="Of a classifier with pooling=attention: show the words that the encoder looked at most; in jsonl "
            "the weight of each.",
        ),
    ] = False,
    output: Annotated[str, typer.Option(metavar="FILE", help="Where to write; - is standard output.")] = "-",
    device: Device = "auto",
    engine: Engine = None,
) -> None:
    """Tag or classify new text, in order, as it comes: files of any size, or a pipe that waits for each answer."""
    from seqtag.cli.commands import predict as predicting

    kind = predicting.input_kind(text=text, jsonl=jsonl)
    predicting.predict(
        folder,
        source,
        kind=kind,
        form=form,
        output=output,
        attention=attention,
        device=device,
        engine=engine,
    )


reports.register(app)


writing.register(app)


@app.command(
    epilog=examples(
        "seqtag export models/ner",
        "seqtag export models/ner --dev my-corpus/",
        "seqtag export models/ner --int8 --dev dev.conll",
        "seqtag export models/mood --dev reviews.csv",
    )
)
@command
def export(
    folder: ModelFolder,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Store whole numbers: a quarter of the size and quicker, but some answers change."),
    ] = False,
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Labelled data to try the export on; --int8 needs it. Default: texts made of the model's words. "
            f"{DATA_FORMS}",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, dev or test; default: dev, or the only one there is.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write an --int8 export that loses more than 0.5 points, or without --dev."),
    ] = False,
) -> None:
    """Write a model as ONNX into its folder, to predict without torch, once it gives what torch gives."""
    from seqtag.cli.commands import export as exporting

    exporting.export(folder, int8=int8, dev=dev, split=split, force=force)


@app.command(epilog=examples("seqtag demo", "seqtag demo --task classify"))
@command
def demo(
    task: Annotated[
        str, typer.Option(metavar="tag|classify", help="tag: names in sentences; classify: the mood of short texts.")
    ] = "tag",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The model folder to write; default: seqtag-demo-model, or seqtag-demo-classifier.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the corpus; default: 20 to tag, what suits its size to classify."),
    ] = None,
) -> int:
    """Train on the corpus that comes with seqtag, print the scores and answer new texts, in about a minute."""
    from seqtag.cli.commands import demo as showing

    return showing.demo(task, out=out, epochs=epochs)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line, which ends the process with its exit code; `argv` stands for the process's own words."""
    app(args=argv, prog_name="seqtag")
