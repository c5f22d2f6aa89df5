"""What `seqtag train` and `seqtag evaluate` say of a language model: its figures on a text, and the page of these."""

from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from seqtag.evaluation.next_steps import longer_training
from seqtag.evaluation.training_curve import Epoch, curve_plots, epochs_of
from seqtag.evaluation.wording import out_of
from seqtag.reporting.document import Document
from seqtag.reporting.sections import Block, Paragraph, Points, Section, Verdict
from seqtag.version import __version__

if TYPE_CHECKING:
    from seqtag.models.language.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class LanguageFigures(Document):
    """How well a language model predicts a text; `--json` writes these fields."""

    page_title = "Evaluation"

    source: str
    level: str  # character or word
    direction: str
    num_characters: int
    num_tokens: int  # characters or words, as the model reads them
    num_unknown: int  # of the tokens
    perplexity: float
    bits_per_character: float
    model: str = ""  # its name
    date: str = field(default_factory=lambda: date.today().isoformat())
    seqtag_version: str = __version__
    history: tuple[Epoch, ...] = ()  # of its training; the score on dev is minus the loss
    interval: tuple[float, float] | None = None  # of the perplexity, 95%, by resampling lines; None for a single line

    @classmethod
    def measure(cls, model: "LanguageModel", source: str, *, name: str = "") -> "LanguageFigures":
        """Read a text once with a model; `name` is what a page calls the model."""
        found = model.evaluate(source)
        return cls(
            source=source,
            level=model.level,
            direction=model.direction,
            num_characters=found.num_characters,
            num_tokens=found.num_symbols,
            num_unknown=found.num_unknown,
            perplexity=found.perplexity,
            bits_per_character=found.bits_per_character,
            model=name,
            interval=found.interval,
            history=epochs_of(model.history_),
        )

    @property
    def heading(self) -> str:
        """The text that was read."""
        return self.source

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON values; keys stay as they are from release to release."""
        return asdict(self)

    def sections(self) -> tuple[Section, ...]:
        """Give the answer, the curve of the training, and the counts."""
        model = [f"model {self.model}"] if self.model else []
        about = (*model, f"{self.date}, seqtag {self.seqtag_version}")
        unknown = out_of(self.num_unknown, self.num_tokens) if self.num_tokens else "none"
        sentences = (
            f"The model is as unsure of each {self.level} as of a choice among {self.perplexity:.2f} equal ones.",
            f"It needs {self.bits_per_character:.4f} bits per character of the text.",
            f"Of the {self.level}s of the text, {unknown} are unknown to the model.",
        )
        blocks: list[Block] = [
            Verdict(f"perplexity per {self.level}", f"{self.perplexity:.2f}", self._between(), about),
            Points(sentences),
        ]
        if steps := tuple(longer_training(self.history)):
            blocks.append(Points(steps, "next steps"))
        # Records of older releases have the loss on dev as the score alone, which is its negative.
        losses = [replace(epoch, dev_loss=-epoch.dev_score) for epoch in self.history]
        parts = (
            Section("In short", tuple(blocks)),
            Section("Pictures", tuple(curve_plots(losses, has_score=False))),
            Section("Counts", (Paragraph((self._counts(),)),)),
        )
        return tuple(part for part in parts if part.blocks)

    def _between(self) -> str:
        return "" if self.interval is None else "95% interval {:.2f} to {:.2f}".format(*self.interval)

    def _counts(self) -> str:
        words = f", {self.num_tokens:,} words" if self.level == "word" else ""
        return f"{self.num_characters:,} characters{words}, {self.num_unknown:,} of them unknown"

    def summary(self) -> str:
        """Show the answer and the counts.

        >>> figures = LanguageFigures("new.txt", "word", "forward", 6543, 1200, 12, 98.7654, 1.2345, date="2026-11-28")
        >>> print(figures.summary().replace(__version__, "1.0"))
        new.txt
        <BLANKLINE>
        In short
        perplexity per word 98.77
        2026-11-28, seqtag 1.0
        <BLANKLINE>
        - The model is as unsure of each word as of a choice among 98.77 equal ones.
        - It needs 1.2345 bits per character of the text.
        - Of the words of the text, 1 of 100 (12 of 1,200) are unknown to the model.
        <BLANKLINE>
        Counts
        6,543 characters, 1,200 words, 12 of them unknown
        """
        return str(self)
