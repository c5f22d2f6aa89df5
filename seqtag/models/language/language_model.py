"""The language model: what comes next in a text, by characters or words. Text in, probabilities out."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seqtag.batching import TextWindows
from seqtag.corpora.encoded_text import Draft, EncodedText, build_vocabulary, encode_draft, encode_text, write_draft
from seqtag.corpora.plain_text import TextSource
from seqtag.errors import DataError, UsageError
from seqtag.models import options as check
from seqtag.models.card import model_card
from seqtag.models.estimator import Estimator, keeps_generators
from seqtag.models.fitting import Run
from seqtag.models.language.generation import next_symbols, read_request, write
from seqtag.models.language.scores import LineLosses, TextFigures, best_cache, mean_loss, symbol_losses
from seqtag.models.options import documented, option
from seqtag.nn.language import LanguageNetwork
from seqtag.nn.language_cache import Cache
from seqtag.store import StoredModel
from seqtag.text.symbol_vocabulary import SymbolVocabulary
from seqtag.text.tokenizer import Tokenizer
from seqtag.training.device import guard_forked_children
from seqtag.training.launch import num_processes
from seqtag.training.watchers import DevFigures, Watcher, default_watcher, language_figure, language_wording

logger = logging.getLogger("seqtag")

# Dev text is read in as many streams as training has, but in none so short that their beginnings count.
_SHORTEST_DEV_STREAM = 1_000
_CARD_NOTE = """\
The dev figure chose the epoch, so it flatters; it was read in parallel streams, so it is a little worse than
`perplexity(text)` and `bits_per_character(text)`, which carry the state across the whole text. A language model can
repeat what it was trained on, word for word: share it with whom you would share its training text."""


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class LanguageModel(Estimator[LanguageNetwork, SymbolVocabulary]):
    """Predict the next character or word of a text, with a recurrent encoder.

    The constructor only stores, `fit` checks and trains, fitted state ends in `_`. Texts are paths, datasets or lists
    of strings, see `seqtag.corpora.plain_text.read_text`.

    >>> LanguageModel(level="word").get_params()["level"]
    'word'
    """

    task: ClassVar[str] = "lm"

    level: str = option(
        "character", check.one_of("character", "word"), "The model reads and predicts symbols of this kind.", "task"
    )
    direction: str = option(
        "forward", check.one_of("forward", "backward"), "The model reads the text in this direction.", "task"
    )
    encoder: str = option(
        "lstm",
        check.one_of("rnn_tanh", "rnn_relu", "lstm", "gru"),
        "A recurrent network of this kind, one of torch's, reads the text.",
        "encoder",
    )
    embedding_size: int = option(128, check.size(1), "Each symbol has a vector of this many numbers.", "tokens")
    hidden_size: int = 512
    dropout: float = option(
        0.2,
        check.fraction,
        "Training drops this share of the units before, between and after the encoder's layers.",
        "encoder",
    )
    embedding_dropout: float = option(
        0.0, check.fraction, "Training drops this share of the symbols, wherever they stand in a batch.", "tokens"
    )
    weight_drop: float = option(
        0.0, check.fraction, "Training drops this share of the recurrent weights of each window.", "encoder"
    )
    tied: bool = option(True, check.truth, "A symbol is scored with the same vector by which it is read.", "task")
    softmax_samples: int | None = option(
        None,
        check.optional(check.whole(1)),
        "A step of training scores about so many words, drawn by frequency, beside those of its window; None scores "
        "all words. Figures are always over all words.",
        "training",
    )
    bptt: int = option(
        100,
        check.whole(1),
        "A step of training reads this many symbols per stream; the state goes on to the next step.",
        "training",
    )
    min_freq: int | None = option(  # type: ignore[assignment]
        None,
        check.optional(check.whole(1)),
        "A symbol that occurs less often than this in the training text counts as unknown; None takes 1 for "
        "characters and 2 for words.",
        "tokens",
    )
    language: str | None = option(  # type: ignore[assignment]
        "xx",
        check.optional(check.text),
        "Words are spaCy's tokens by its rules for this language; 'xx' is for any, None cuts at white space.",
        "tokens",
    )
    epochs: int = option(10, check.whole(1), "Training passes over the text this many times.", "training")
    batch_size: int = option(
        32, check.whole(1), "The text is cut into this many streams, which each step reads side by side.", "training"
    )
    schedule: str = "cosine"
    clip: float = 1.0
    dev_share: float = 0.05

    # -- training -----------------------------------------------------------------------------

    @keeps_generators
    def fit(
        self,
        text: TextSource,
        y: None = None,
        *,
        dev: TextSource | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        watchers: Sequence[Watcher] | None = None,
        tensorboard: str | Path | None = None,
    ) -> "LanguageModel":
        """Train on a text of any length: it is read once and stays on disk as numbers.

        `dev`, another text, decides which epoch is kept; without it, the last `dev_share` of the text is held out, and
        a message says so. The text is cut into `batch_size` streams that are read side by side in windows of `bptt`
        symbols; the state of each is carried from window to window, the gradient is not. `checkpoint` and `resume` are
        as in `Tagger.fit`; there is no y. Raises UsageError for a wrong option or call, DataError for the text.
        """
        self._check_options()
        if y is not None:
            raise UsageError("a language model learns from text alone: leave y out; for dev text write dev=...")
        if num_processes() > 1:
            raise UsageError("a language model trains in one process, as each stream of text has a state of its own")
        self._forget_network()
        train, held_out, sha256 = self._read_texts(text, dev)
        self.data_ = {"fingerprint": sha256, "train": len(train), "dev": len(held_out)}
        reading_N = held_out.reading(self.direction)
        num_streams = max(1, min(self.batch_size, len(held_out) // _SHORTEST_DEV_STREAM))
        windows = TextWindows(train.reading(self.direction), num_streams=self.batch_size, window_size=self.bptt)
        shown = [default_watcher(language_wording(self.level))] if watchers is None else watchers

        def evaluate(network: LanguageNetwork) -> DevFigures:
            loss = mean_loss(network, reading_N, num_streams=num_streams)
            return DevFigures(-loss, loss)

        self._train(
            windows,
            evaluate,
            run=Run(checkpoint, resume, shown, tensorboard),
            batches=windows.batches,
        )
        train.discard()
        held_out.discard()
        return self

    def _check_fitted(self) -> None:
        super()._check_fitted()
        guard_forked_children()  # whatever comes next computes with torch

    def _read_texts(self, text: TextSource, dev: TextSource | None) -> tuple[EncodedText, EncodedText, str]:
        """Give the texts to train on and to choose the epoch by, as ids of a new vocabulary, and a hash of both."""
        language = self.language if self.level == "word" else None
        draft = write_draft(text, level=self.level, language=language)
        num_dev = 0 if dev is not None else max(1, round(self.dev_share * draft.num_symbols))
        num_train = draft.num_symbols - num_dev
        self._check_length(draft, num_train)
        least = (1 if self.level == "character" else 2) if self.min_freq is None else self.min_freq
        self.vocabulary_ = build_vocabulary(draft, stop=num_train, min_freq=least)
        if len(self.vocabulary_) < 3:
            draft.discard()
            raise DataError(f"no {self.level} of the text comes {least} times or more; lower min_freq")
        whole = encode_draft(draft, self.vocabulary_)
        if dev is None:
            held, of_all = f"{num_dev:,} of {draft.num_symbols:,}", f"dev_share={self.dev_share:g}"
            logger.info("no dev text given: the last %s %ss are held out (%s)", held, self.level, of_all)
            train, held_out = whole.part(0, num_train), whole.part(num_train, draft.num_symbols)
            whole.discard()
        else:
            train, held_out = whole, encode_text(dev, self.vocabulary_)
        unknown = [100 * part.num_unknown / len(part) for part in (train, held_out)]
        logger.info(
            "%s to train on, %s to choose the epoch by; %s known, unknown %.2f%% and %.2f%%",
            f"{len(train):,} {self.level}s",
            f"{len(held_out):,}",
            f"{len(self.vocabulary_):,}",
            *unknown,
        )
        digest = hashlib.sha256(draft.sha256.encode())
        for at in range(0, len(held_out), 1 << 20):
            digest.update(held_out.ids_N[1 + at : 1 + at + (1 << 20)].astype("<i8").tobytes())
        return train, held_out, digest.hexdigest()

    def _check_length(self, draft: Draft, num_train: int) -> None:
        window = self.batch_size * self.bptt
        if num_train < window:
            draft.discard()
            raise DataError(
                f"the training text has {num_train:,} {self.level}s"
                + (f" ({draft.num_symbols - num_train:,} are held out)" if num_train < draft.num_symbols else "")
                + f", less than one window of batch_size x bptt = {self.batch_size} x {self.bptt} = {window:,}: lower "
                "batch_size or bptt, or give more text"
            )

    def _check_options(self) -> None:
        super()._check_options()
        if self.level == "character" and self.softmax_samples is not None:
            raise UsageError("softmax_samples is for level='word'; characters are few enough to score them all")
        if self.level == "word" and self.language not in ("xx", None):
            Tokenizer(self.language)  # says now, and not after reading, that there is no such language

    @classmethod
    def _training_size(cls, *, num_sentences: int, num_tokens: int) -> tuple[int, int]:
        return cls.epochs, cls.batch_size

    def _build_network(self) -> LanguageNetwork:
        return new_network(self)

    # -- writing ------------------------------------------------------------------------------

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        *,
        num_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> str | list[str]:
        """Write what comes after a prompt; for a list of prompts, read as one batch, a list of texts.

        The text begins where the prompt ends, and does not repeat it. A prompt is read as the beginning of a line, and
        without one a new line is begun. At most `num_tokens` characters or words are written, fewer where `stop`, a
        string or one of several, comes: the text ends before it. `temperature=0` takes the most probable symbol each
        time; `top_k` and `top_p` leave only the most probable ones to choose from (see `seqtag.nn.sampling`). The same
        seed gives the same text, and the text of a prompt does not depend on the prompts beside it but for rounding in
        the last digits of probabilities. Characters and words that training lacked count as unknown, and a warning
        names them; nothing unknown is ever written. Raises UsageError that names every bad value.

        >>> from seqtag import LanguageModel
        >>> model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
        >>> _ = model.fit(["to be or not to be"] * 40, watchers=())
        >>> first, second = model.generate(["to", "be or"], num_tokens=12, seed=1)
        >>> len(first), first == model.generate("to", num_tokens=12, seed=1)
        (12, True)
        """
        self._check_fitted()
        values = prompt, num_tokens, temperature, top_k, top_p, stop, seed
        asked = read_request(self.vocabulary_, self.direction, *values)
        texts = ["" for _ in asked.prompts]
        for row, piece in write(self.network_, self.vocabulary_, asked):
            texts[row] += piece
        return texts[0] if isinstance(prompt, str) else texts

    def generate_stream(
        self,
        prompt: str = "",
        *,
        num_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> Iterator[str]:
        """Give the text of `generate` in pieces, each as soon as it is certain; joined they are that text.

        Characters that may be the beginning of a `stop` wait until that is known.
        """
        if not isinstance(prompt, str):
            raise UsageError(
                f"generate_stream: goes on with one prompt, a string, not with a {type(prompt).__name__}; for several "
                "prompts call generate(...)"
            )
        self._check_fitted()
        values = prompt, num_tokens, temperature, top_k, top_p, stop, seed
        asked = read_request(self.vocabulary_, self.direction, *values)
        return (piece for _, piece in write(self.network_, self.vocabulary_, asked))

    def predict_next(self, text: str = "", *, k: int = 10) -> list[tuple[str, float]]:
        """Give the `k` most probable symbols after a text with their probabilities, the most probable one first.

        These are the probabilities with which `generate` draws its first symbol at temperature 1: the text is read as
        the beginning of a line, and the unknown symbol is left out. Raises UsageError as `generate` does.

        >>> model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
        >>> [probability > 0 for symbol, probability in model.fit(["to be " * 40], watchers=()).predict_next("t", k=2)]
        [True, True]
        """
        self._check_fitted()
        return next_symbols(self.network_, self.vocabulary_, self.direction, text, k)

    # -- measuring ----------------------------------------------------------------------------

    def evaluate(self, text: TextSource, *, cache: Cache | None = None) -> TextFigures:
        """Read a whole text once, the state carried all the way, and give what it costs and how much there was of it.

        The text begins behind a line break, so its first symbol counts too. A symbol that training lacked counts as
        the unknown one, as in the published tables. `cache`, from `fit_cache`, reads along. Raises DataError for a text
        of which nothing is known.

        >>> model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
        >>> figures = model.fit(["to be " * 40], watchers=()).evaluate(["to do"])
        >>> figures.num_symbols, figures.num_unknown, figures.perplexity == model.perplexity(["to do"])
        (5, 1, True)
        """
        self._check_fitted()
        if cache is not None and not isinstance(cache, Cache):
            raise UsageError(
                f"cache takes what fit_cache gives, not {type(cache).__name__}: cache=model.fit_cache(dev)"
            )
        encoded = encode_text(text, self.vocabulary_)
        lines = LineLosses()
        loss = mean_loss(self.network_, encoded.reading(self.direction), cache=cache, lines=lines)
        counts = len(encoded), encoded.num_unknown, encoded.num_characters
        figures = TextFigures(loss, *counts, interval=lines.perplexities())
        encoded.discard()
        return figures

    def fit_cache(self, text: TextSource, *, size: int = 2000) -> Cache:
        """Choose on dev text how a cache reads along, which knows the latest `size` symbols of the text it is given.

        It makes what came after similar places more probable: a name, once met, comes again (Grave, Joulin and Usunier
        2017, https://arxiv.org/abs/1612.04426). The model does not change; `evaluate` takes the cache. A cache gains
        much for words and little for characters. Raises as `evaluate` does, and UsageError for a size below 1.

        >>> model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
        >>> model = model.fit(["to be or not " * 40], watchers=())
        >>> cache = model.fit_cache(["to be " * 40], size=50)
        >>> model.evaluate(["to be " * 40], cache=cache).perplexity < model.perplexity(["to be " * 40])
        True
        """
        self._check_fitted()
        Cache(size)  # says now, and not after reading, that there is no such size
        encoded = encode_text(text, self.vocabulary_)
        cache = best_cache(self.network_, encoded.reading(self.direction), size=size)
        encoded.discard()
        return cache

    def perplexity(self, text: TextSource) -> float:
        """Give the perplexity per symbol: e to the power of the mean loss over a whole text, as `evaluate` reads it."""
        return self.evaluate(text).perplexity

    def bits_per_character(self, text: TextSource) -> float:
        """Give the bits that a whole text costs, divided by its characters, line breaks too; of a word model as well.

        Of a word model the white space between words is in the number of characters but costs nothing, and an unknown
        word costs what the unknown symbol does.
        """
        return self.evaluate(text).bits_per_character

    def score(self, X: str, y: None = None) -> list[tuple[str, float]]:
        """Give each symbol of a sentence with its log probability, in nats; how fluent a sentence is.

        It is read as a line of its own, with nothing but a line break before it (behind it, for a backward model). A
        symbol that training lacked has the probability of the unknown one.

        >>> model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
        >>> [(symbol, value < 0) for symbol, value in model.fit(["to be " * 40], watchers=()).score("be")]
        [('b', True), ('e', True)]
        """
        self._check_fitted()
        if not isinstance(X, str):
            raise UsageError(f"score takes one sentence, a string, not {type(X).__name__}: score('It rained.')")
        symbols = self.vocabulary_.cut(X)
        step = 1 if self.direction == "forward" else -1
        losses_N = symbol_losses(self.network_, self.vocabulary_.encode(X)[::step])[::step]
        return list(zip(symbols, (-losses_N).tolist()))

    # -- saving -------------------------------------------------------------------------------

    def _to_store(self) -> StoredModel:
        return self._stored({"data": self.data_}, self.vocabulary_.to_dict(), self._card())

    def _card(self) -> str:
        is_forward, rates = self.direction == "forward", tuned_rates(self.data_)
        tuned = f"in a tagger or classifier, {rates}; the figures are from before"
        best = max(record.dev_score for record in self.history_)
        return model_card(
            self,
            {
                "predicts": f"the {'next' if is_forward else 'previous'} {self.level}",
                f"{self.level}s known": f"{len(self.vocabulary_):,}",
            },
            name="language model",
            unit=f"{self.level}s",
            dev=("on dev", language_figure(-best, self.level)),
            late_rows={"fine-tuned since": tuned} if rates else {},
            note=_CARD_NOTE,
            command="seqtag train TEXT --out DIR --task lm",
            changed=self._changed_params(),
            use='model.generate("It was")' if is_forward else 'model.score("It rained all day.")',
            language=self.language,
            pipeline="text-generation" if is_forward else None,
        )

    def _restore(self, stored: StoredModel) -> None:
        self.vocabulary_ = SymbolVocabulary.from_dict(stored.vocabulary)


def new_network(model: LanguageModel) -> LanguageNetwork:
    """Build the network that the options and the symbols of a model ask for, with its weights not yet learned."""
    return LanguageNetwork(
        len(model.vocabulary_),
        encoder=model.encoder,
        embedding_size=model.embedding_size,
        hidden_size=model.hidden_size,
        num_layers=model.num_layers,
        dropout=model.dropout,
        embedding_dropout=model.embedding_dropout,
        weight_drop=model.weight_drop,
        tied=model.tied,
        softmax_samples=model.softmax_samples,
    )


def tuned_rates(data: Mapping[str, Any]) -> str:
    """Say at which rate a language model was fine-tuned inside other models, each time; empty where it never was.

    `data` is the model's record of its training.

    >>> tuned_rates({"tuned_at": [0.01, 0.001]})
    'at a rate of 0.01 and then 0.001'
    """
    rates = data.get("tuned_at", ())
    return f"at a rate of {' and then '.join(f'{rate:g}' for rate in rates)}" if rates else ""
