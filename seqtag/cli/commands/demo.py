"""`seqtag demo`: a task from data to predictions for new text, on a corpus that comes with seqtag."""

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from seqtag.cli.model_folder import Place
from seqtag.cli.process import INTERRUPTED, command
from seqtag.cli.sources import read_corpus
from seqtag.cli.tasks import LABELLED_TASKS, find_task

logger = logging.getLogger("seqtag")

EXAMPLES = ("seqtag demo", "seqtag demo --task classify")


@dataclass(frozen=True, slots=True)
class Show:
    """What the demo of a task shows."""

    out: Path  # the model folder, if none is named
    epochs: int | None  # None: the default of the estimator
    rows: str  # what the rows of the corpus are called
    heading: str
    texts: tuple[str, ...]  # which no split of the corpus has; a test makes sure
    answers: Callable[[Any, Sequence[str]], Iterator[str]]  # the lines that are printed for the texts
    example: str  # a text for the command that goes on with the model
    predict: str  # the words of this command after the folder
    train: str  # the command that trains on other data


def _marked(tagger: Any, texts: Sequence[str]) -> Iterator[str]:
    from seqtag.cli.prediction.tag_writers import mark

    return map(mark, texts, tagger.predict_spans(texts))


def _classified(classifier: Any, texts: Sequence[str]) -> Iterator[str]:
    from seqtag.cli.prediction.class_writers import classify, top_words
    from seqtag.cli.prediction.requests import Request

    requests = [Request(text=text) for text in texts]
    width = max(map(len, classifier.classes_))
    for text, answer in zip(texts, classify(classifier, requests, attention=True)):
        yield f"{answer.labels[0]:{width}} {answer.probabilities[0]:.2f}  {text}"
        yield " " * (width + 7) + top_words(answer.weights)


SHOWS = {
    "tag": Show(
        out=Path("seqtag-demo-model"),
        epochs=20,
        rows="sentences",
        heading="New sentences, each span with its probability:",
        texts=(
            "Ada Lovelace met Charles Babbage at a party in London in 1833.",
            "Toyota opened a new battery plant in North Carolina last spring.",
            "Serena Williams beat Maria Sharapova at Wimbledon and flew home to Florida.",
            "Researchers at the University of Cambridge tracked whales off the coast of Iceland.",
            "My neighbour speaks Portuguese, and her son plays for a small club near Porto.",
            "Nothing much happened today.",
        ),
        answers=_marked,
        example="Grace Hopper taught at Vassar College in New York.",
        predict=" --text",
        train="seqtag train YOUR.conll --out my-model",
    ),
    "classify": Show(
        out=Path("seqtag-demo-classifier"),
        epochs=None,
        rows="texts",
        heading="New texts, each with its class, the probability, and the words that got most attention:",
        texts=(
            "We were given a room with a view of the whole bay, and a cake for her birthday. Perfect.",
            "Six weeks of waiting, and then the chair came with a broken leg.",
            "The library opens at nine and closes at six on weekdays.",
            "I expected little, and it turned out to be the best soup I've had in years.",
            "They lost my parcel twice and never once said sorry.",
            "The bus to the station leaves from platform four.",
        ),
        answers=_classified,
        example="The staff were lovely, and the pancakes even better.",
        predict=" --attention",
        train="seqtag train YOUR.csv --out my-model --task classify",
    ),
}


@command
def demo(
    task: Annotated[
        str, typer.Option(metavar="tag|classify", help="tag: names in sentences; classify: the mood of short texts.")
    ] = "tag",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The model folder to write; default: seqtag-demo-model or seqtag-demo-classifier."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How often the corpus is read through; default: 20 to tag, and what suits its size to classify.",
        ),
    ] = None,
) -> int:
    """Train on a corpus that comes with seqtag, print the scores and label new texts, in about a minute."""
    from seqtag.corpora.demo_corpora import demo_folder

    chosen = find_task(task, LABELLED_TASKS)
    show = SHOWS[task]
    # A model in the default place is from an earlier demo, so it may be replaced: the demo can be run twice.
    place = out or show.out
    Place.check(place, resume=False, overwrite=place == show.out)
    epochs = epochs or show.epochs
    corpus = read_corpus(str(demo_folder(task)), task=task)
    passes = "" if epochs is None else f" for {epochs} epochs"
    logger.info("training on %d %s%s; about a minute on two cores", len(corpus["train"]), show.rows, passes)
    estimator = chosen.estimator()(language="en", epochs=epochs).fit(corpus["train"], dev=corpus["dev"])
    estimator.save(place)
    report = estimator.evaluate(corpus["test"])
    report = replace(report, source="the test split, which training never saw", model=str(place))
    page = place / "report.html"
    report.save(page)
    print(report.summary())
    print(
        f"\nAll of the report, with each error in its text, is the page {shlex.quote(str(page))}; open it in a browser."
    )
    print(f"\n{show.heading}\n")
    for line in show.answers(estimator, show.texts):
        print("  " + line)
    verb = "tag" if task == "tag" else "classify"
    folder = shlex.quote(str(place))
    print(
        f"\nThe model is in the folder {folder}. To go on, {verb} other text, or train on your own file:\n"
        f"\n  echo {shlex.quote(show.example)} | seqtag predict {folder}{show.predict}"
        f"\n  {show.train}"
    )
    return INTERRUPTED if estimator.interrupted_ else 0
