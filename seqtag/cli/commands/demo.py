"""`seqtag demo`: a task from data to answers for new text, on a corpus of seqtag's own, in about a minute."""

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqtag.cli.model_folder import Place
from seqtag.cli.prediction.class_writers import classify, top_words
from seqtag.cli.prediction.requests import Request
from seqtag.cli.prediction.tag_writers import mark
from seqtag.cli.process import INTERRUPTED
from seqtag.cli.sources import read_corpus
from seqtag.cli.tasks import find_task
from seqtag.corpora.demo_corpora import demo_folder

logger = logging.getLogger("seqtag")


@dataclass(frozen=True, slots=True)
class Show:
    """What the demo of a task shows."""

    out: Path  # the model folder, where none is named
    epochs: int | None  # None: as many as the estimator finds right
    rows: str
    heading: str
    texts: tuple[str, ...]  # in no split of the corpus; a test holds it
    answers: Callable[[Any, Sequence[str]], Iterator[str]]
    example: str  # a text to go on with
    predict: str  # and the words of the command after the folder
    train: str


def _marked(tagger: Any, texts: Sequence[str]) -> Iterator[str]:
    return map(mark, texts, tagger.predict_spans(texts))


def _classified(classifier: Any, texts: Sequence[str]) -> Iterator[str]:
    requests = [Request(text=text) for text in texts]
    width = max(map(len, classifier.classes_))
    for text, answer in zip(texts, classify(classifier, requests, attention=True)):
        yield f"{answer.labels[0]:{width}} {answer.shares[0]:.2f}  {text}"
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


def demo(task: str, *, out: Path | None, epochs: int | None) -> int:
    """Train on the demo corpus, print the scores on its test split, answer texts that are in none, save the model."""
    kind = find_task(task)
    show = SHOWS[task]
    # The model in the default place is the demo's own, and a second run must go as the first did.
    place = out or show.out
    Place.check(place, resume=False, overwrite=place == show.out)
    epochs = epochs or show.epochs
    corpus = read_corpus(str(demo_folder(task)), task=task)
    passes = "" if epochs is None else f" for {epochs} epochs"
    logger.info("training on %d %s%s; about a minute on two cores", len(corpus["train"]), show.rows, passes)
    estimator = kind.estimator()(language="en", epochs=epochs).fit(corpus["train"], dev=corpus["dev"])
    estimator.save(place)
    report = replace(estimator.evaluate(corpus["test"]), source="the test split, which training never saw")
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
