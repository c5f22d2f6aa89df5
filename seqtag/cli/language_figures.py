"""What `seqtag train` and `seqtag evaluate` say of a language model: its figures on a text."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from seqtag.errors import UsageError
from seqtag.reporting.figures import write_json

if TYPE_CHECKING:
    from seqtag.models.language.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class LanguageFigures:
    """How well a language model predicts a text; `--json` writes these fields."""

    source: str
    level: str  # character or word
    direction: str
    num_characters: int
    num_tokens: int  # characters or words, as the model reads them
    num_unknown: int  # of the tokens
    perplexity: float
    bits_per_character: float

    @classmethod
    def measure(cls, model: "LanguageModel", source: str) -> "LanguageFigures":
        """Read a text once with a model."""
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
        )

    def __str__(self) -> str:
        """Lay the figures out for reading.

        >>> print(LanguageFigures("new.txt", "word", "forward", 6543, 1200, 12, 98.7654, 1.2345))
        new.txt
        6,543 characters, 1,200 words, 12 of them unknown
        <BLANKLINE>
        perplexity per word  98.77
        bits per character   1.2345
        """
        words = f", {self.num_tokens:,} words" if self.level == "word" else ""
        name = f"perplexity per {self.level}"
        return (
            f"{self.source}\n{self.num_characters:,} characters{words}, {self.num_unknown:,} of them unknown\n\n"
            f"{name}  {self.perplexity:.2f}\n{'bits per character'.ljust(len(name))}  {self.bits_per_character:.4f}"
        )

    summary = __str__

    def to_text(self, form: str) -> str:
        """Give the figures as JSON; UsageError for a page or Markdown, which show labels."""
        check_form(form)
        return write_json(asdict(self)) + "\n"


def check_form(form: str) -> None:
    """Raise UsageError for a form, named by its ending, that the figures of a language model do not have."""
    if form != ".json":
        option = {".html": "--html", ".md": "--markdown"}[form]
        raise UsageError(f"{option}: is for models that give labels; a language model's figures go to --json FILE")
