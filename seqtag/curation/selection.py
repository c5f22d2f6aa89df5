"""Choose which texts to label next: those from which a minute of annotation should teach a model most.

How unsure the model is of a text comes from its exact probabilities; a simple sum says how long the text takes to
annotate; near copies are left out, and clusters of the encoder's states keep the chosen texts apart. Knows no file:
texts come in, and a `Selection` says which of them to take. selected.py shows it.
"""

# N texts, L classes, H hidden, M the texts that are looked at more closely

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from seqtag.curation.selected import Chosen, Selection, Size
from seqtag.errors import UsageError, near_miss
from seqtag.inference.uncertainty import Uncertainty
from seqtag.linter.duplicates import near_rows
from seqtag.reporting.progress import watched
from seqtag.reporting.sections import Mark
from seqtag.text.joining import join_tokens
from seqtag.text.tokenizer import Tokenizer

Row: TypeAlias = str | list[str]  # a text, or tokens
Words: TypeAlias = list[list[str]]  # the sentences of a text as tokens; a classifier reads all of it as one

MEASURES = ("errors", "entropy", "margin")
_TOGETHER = 1024  # texts that are scored at once, between two steps of the progress bar
_TIMES_AS_MANY = 10  # clusters are made of so many times the texts that are wanted: those with the most to gain
_FEATURES = 1 << 12  # of hashed words, where there is no encoder


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long an annotator takes for a text whose labels the model has filled in.

    The sum has the form that Haertel et al. (2008, https://aclanthology.org/P08-2017/) fitted to the times of people
    who corrected parts of speech. The numbers here are guesses for spans in a labelling tool; measure your own.
    """

    text: float = 3.0  # for each text
    token: float = 0.3  # for each token, to read it
    correction: float = 5.0  # for each label that the model has wrong

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"seconds per {each.name}: {value!r} is no time; give 0 or more seconds")
        if not self.text and not self.token:
            raise UsageError("a text and a token take 0 seconds both, so a text costs nothing; give one of them a time")


def select(
    model: Any,
    rows: Sequence[Row],
    *,
    n: int = 100,
    by: str = "errors",
    seconds: Seconds | None = None,
    labelled: Sequence[Row] = (),
    spread: bool = True,
    seed: int = 0,
) -> Selection:
    """Choose the n texts to label next for a trained `Tagger` or `Classifier`, those with the most to gain first.

    A row is a text, or a list of tokens. What a text has to give is, by `by`, the number of errors that the model
    expects in its own answer ("errors"), the entropy of all its answers ("entropy"), or for a classifier how near the
    second class comes to the first ("margin"); the gain is that per minute of annotation, which `seconds` estimates.
    Of texts that are nearly the same one is chosen, and none that is nearly the same as one of `labelled`, which are
    annotated already. Where `spread` is true, the texts with the most to gain, ten times n of them, are put into n
    clusters by the states of the encoder, or by their words where there is no encoder, and each cluster gives its best
    one (Zhdanov 2019, https://arxiv.org/abs/1901.05954). Raises UsageError for a wrong call.
    """
    seconds = Seconds() if seconds is None else seconds
    if not isinstance(seconds, Seconds):
        raise UsageError(f"seconds={seconds!r}: give Seconds(text=3, token=0.3, correction=5)")
    _check(model, n, by)
    rows, labelled = _checked(rows, "rows"), _checked(labelled, "labelled")
    words = _words(model, rows)
    doubts = list(watched(_doubts(model, words, by), "scoring", total=len(words)))
    tokens_N = np.array([sum(map(len, sentences)) for sentences in words], np.int64)
    worth_N = np.array([worth for _, worth in doubts], np.float64)
    errors_N = np.array([doubt.errors for doubt, _ in doubts], np.float64)
    entropy_N = np.array([doubt.entropy for doubt, _ in doubts], np.float64)
    seconds_N = seconds.text + seconds.token * tokens_N + seconds.correction * errors_N
    gain_N = np.where(tokens_N > 0, 60 * worth_N / seconds_N.clip(1e-9), 0.0)
    ranked = np.argsort(-gain_N, kind="stable")
    ranked = ranked[tokens_N[ranked] > 0]
    own = _not_copies([words[i] for i in ranked], _words(model, labelled))
    num_copies, ranked = len(ranked) - int(own.sum()), ranked[own]
    chosen = ranked[:n]
    if spread and len(ranked) > n:
        most = ranked[: _TIMES_AS_MANY * n]
        chosen = most[_apart(_vectors(model, [words[i] for i in most]), gain_N[most], n, seed)]
    sizes = [
        Size(len(part), int(tokens_N[part].sum()), float(errors_N[part].sum()), float(seconds_N[part].sum() / 60))
        for part in (np.arange(len(rows)), chosen)
    ]
    return Selection(
        by=by,
        seconds={each.name: getattr(seconds, each.name) for each in fields(seconds)},
        pool=sizes[0],
        taken=sizes[1],
        num_copies=num_copies,
        chosen=tuple(
            Chosen(
                row=int(i),
                place=f"row {i + 1}",
                text=text,
                labels=labels,
                marks=marks,
                num_tokens=int(tokens_N[i]),
                errors=float(errors_N[i]),
                entropy=float(entropy_N[i]),
                seconds=float(seconds_N[i]),
                gain=float(gain_N[i]),
            )
            for i, (text, labels, marks) in zip(chosen, _answers(model, [rows[i] for i in chosen]))
        ),
    )


def _check(model: Any, n: int, by: str) -> None:
    if type(n) is not int or n < 1:
        raise UsageError(f"n={n!r}: ask for a whole number of texts, at least 1")
    if by not in MEASURES:
        raise UsageError(f"by={by!r}: unknown; {near_miss(by, MEASURES)}")
    if by == "margin" and _is_tagger(model):
        raise UsageError("by='margin': is between two classes, and a tagger has none; choose errors or entropy")
    if not _is_tagger(model) and not hasattr(model, "class_set_"):
        raise UsageError(f"select chooses texts for a trained Tagger or Classifier, not for {type(model).__name__}")


def _is_tagger(model: Any) -> bool:
    return hasattr(model, "tagset_")


def _checked(rows: Any, name: str) -> list[Row]:
    """Give rows as a list; UsageError for what is no text and no list of tokens, of which a string is one text."""
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise UsageError(f"select: {name} are a list of texts, not {type(rows).__name__}: [text]")
    given = list(rows)
    for number, row in enumerate(given, 1):
        is_tokens = isinstance(row, Iterable) and not isinstance(row, (bytes, Mapping))
        if not is_tokens or not all(isinstance(token, str) for token in row):
            raise UsageError(f"select: {name} are texts or lists of tokens, and number {number} is {row!r}")
    return given


def _words(model: Any, rows: Sequence[Row]) -> list[Words]:
    """Cut texts as the model does; what comes as tokens stays as it is."""
    texts = [row for row in rows if isinstance(row, str)]
    tokenizer = Tokenizer(model.language) if texts else None  # making one may import spaCy
    cut: Iterator[Words] = iter(())
    if tokenizer is not None and _is_tagger(model):
        cut = ([sentence.words for sentence in text] for text in tokenizer.stream(texts))
    elif tokenizer is not None:
        cut = ([tokens.words] if len(tokens) else [] for tokens in tokenizer.token_stream(texts))
    return [next(cut) if isinstance(row, str) else [list(row)] * bool(row) for row in rows]


# -- how unsure the model is -----------------------------------------------------------------------


def _doubts(model: Any, words: Sequence[Words], by: str) -> Iterator[tuple[Uncertainty, float]]:
    """Say of each text how unsure the model is of it, and what it has to give by a measure."""
    score: Callable[[Any, Sequence[Words], str], Iterator[tuple[Uncertainty, float]]]
    score = _of_tagger if _is_tagger(model) else _of_classifier
    for first in range(0, len(words), _TOGETHER):
        yield from score(model, words[first : first + _TOGETHER], by)


def _of_tagger(tagger: Any, words: Sequence[Words], by: str) -> Iterator[tuple[Uncertainty, float]]:
    """Add up over the sentences of a text, which the model tags one by one, so that entropies add up too."""
    each = iter(tagger.predict_uncertainty([sentence for sentences in words for sentence in sentences]))
    for sentences in words:
        found: list[Uncertainty] = [next(each) for _ in sentences]
        doubt = Uncertainty(sum(one.entropy for one in found), sum(one.errors for one in found))
        yield doubt, doubt.errors if by == "errors" else doubt.entropy


def _of_classifier(classifier: Any, words: Sequence[Words], by: str) -> Iterator[tuple[Uncertainty, float]]:
    classes = classifier.class_set_
    full = [number for number, sentences in enumerate(words) if sentences]  # a blank text has nothing to give
    probability_NL = np.zeros((len(words), len(classes)))
    if full:
        probability_NL[full] = classifier.predict_proba([words[number][0] for number in full])
    labels = classifier.choose(probability_NL)
    chosen_NL = classes.indicators(
        [[classes.index[one] for one in label] if classes.is_multi else classes.index[label] for label in labels]
    )
    both_2NL = np.stack([probability_NL, 1 - probability_NL if classes.is_multi else np.zeros_like(probability_NL)])
    entropy_N = -(both_2NL * np.log(np.where(both_2NL > 0, both_2NL, 1.0))).sum((0, 2))
    # With one class per text, a wrong one is one error, though one class too many and another one too few.
    errors_N = np.abs(chosen_NL - probability_NL).sum(1) / (1 if classes.is_multi else 2)
    if classes.is_multi:
        margin_N = np.abs(2 * probability_NL - 1).min(1)
    else:
        margin_N = np.diff(np.sort(probability_NL, 1)[:, -2:], axis=1)[:, 0]
    worth_N = {"errors": errors_N, "entropy": entropy_N, "margin": 1 - margin_N}[by]
    for entropy, errors, worth in zip(entropy_N.tolist(), errors_N.tolist(), worth_N.tolist()):
        yield Uncertainty(entropy, errors), worth


# -- which of them to take -------------------------------------------------------------------------


def _not_copies(ranked: Sequence[Words], labelled: Sequence[Words]) -> np.ndarray:
    """Say which texts have no near copy before them, or among those that are labelled: see `linter.duplicates`."""
    numbers: dict[str, int] = {}

    def word_set(sentences: Words) -> np.ndarray:
        words = {word.casefold() for sentence in sentences for word in sentence}
        return np.array(sorted(numbers.setdefault(word, len(numbers)) for word in words), np.int64)

    known, asked = ([word_set(sentences) for sentences in part] for part in (labelled, ranked))
    found = near_rows(asked, [*known, *asked])  # the first one that is near, if not the text itself
    return np.array([found.get(i, len(known) + i) == len(known) + i for i in range(len(asked))], bool)


def _vectors(model: Any, words: Sequence[Words]) -> Any:
    """Give a vector for each text: the mean state of the encoder at its tokens, or its hashed words without one."""
    means_NH = np.zeros((len(words), 0), np.float32)
    if hasattr(model, "embed"):
        sentences = [sentence for each in words for sentence in each]
        owners = np.repeat(np.arange(len(words)), list(map(len, words)))
        lengths = np.array(list(map(len, sentences)), np.float32)
        states_SH = model.embed(sentences) * lengths[:, None]
        means_NH = np.zeros((len(words), states_SH.shape[1]), np.float32)
        np.add.at(means_NH, owners, states_SH)
        means_NH /= np.bincount(owners, lengths, len(words)).clip(1)[:, None].astype(np.float32)
    if means_NH.shape[1]:
        return means_NH
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=_FEATURES, analyzer=lambda each: each)
    return hashing.transform([[word.casefold() for sentence in each for word in sentence] for each in words])


def _apart(vectors_MH: Any, gain_M: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Choose n of the ranked texts: the best of each of n clusters, in which each text weighs what it has to gain.

    The places of clusters that stayed empty, where many vectors are the same, go to the best of the others.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    weights_M = gain_M if gain_M.any() else np.ones_like(gain_M)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer different vectors than clusters
        clusters = KMeans(n, n_init=1, random_state=seed).fit_predict(vectors_MH, sample_weight=weights_M)
    _, best = np.unique(clusters, return_index=True)  # the first one of each has the most to gain
    rest = np.setdiff1d(np.arange(len(gain_M)), best)[: n - len(best)]
    return np.sort(np.concatenate([best, rest]))


def _answers(model: Any, rows: Sequence[Row]) -> Iterator[tuple[str, tuple[str, ...], tuple[Mark, ...]]]:
    """Give each row as a text to read, the labels that the model gives, and where they are spans, these."""
    joined = [(row, ()) if isinstance(row, str) else join_tokens(row) for row in rows]
    if not _is_tagger(model):
        labels = model.choose(model.predict_proba(list(rows))) if rows else []
        for (text, _), label in zip(joined, labels):
            yield text, tuple(map(str, label if model.class_set_.is_multi else [label])), ()
        return
    of_texts = iter(model.predict_spans([row for row in rows if isinstance(row, str)]))
    of_lists = iter(model.predict_token_spans([row for row in rows if not isinstance(row, str)]))
    for row, (text, places) in zip(rows, joined):
        if isinstance(row, str):
            marks = tuple(Mark(span.start, span.end, span.label, score=span.score) for span in next(of_texts))
        else:
            marks = tuple(
                Mark(places[span.start][0], places[span.end - 1][1], span.label, score=span.score)
                for span in next(of_lists)
            )
        yield text, tuple(mark.label for mark in marks), marks
