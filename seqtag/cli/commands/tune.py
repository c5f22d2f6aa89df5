"""`seqtag tune`: choose thresholds and a temperature for a trained tagger on labelled data, and save them with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import TAGGED, Device, DevSplit, MaxBytes, ModelFolder
from seqtag.cli.process import command
from seqtag.cli.sources import read_split
from seqtag.cli.tasks import stored_labelled_task
from seqtag.errors import UsageError

if TYPE_CHECKING:
    from seqtag.models.tagging.tagger import Tagger
    from seqtag.reporting.sections import Section

EXAMPLES = (
    "seqtag tune models/ner my-corpus/ --recall 0.95 --out models/ner-careful",
    "seqtag tune models/ner dev.conll --precision 0.9 --label PER=0.99",
    "seqtag tune models/ner my-corpus/ --calibrate",
)


@command
def tune(
    folder: ModelFolder,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=f"Labelled data that the model was not trained on: {TAGGED}")
    ],
    recall: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="The share of the spans in the data that must be found, such as 0.95."),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="The share of the spans found that must be right, such as 0.9; instead of --recall."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="LABEL=SHARE", help="Want another share for one label; repeat --label for several."
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Before that, fit the temperature, so that of the spans with probability 0.8, 80% are right.",
        ),
    ] = False,
    split: DevSplit = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save the tuned model in this folder; default: in its own."),
    ] = None,
    device: Device = "auto",
    max_bytes: MaxBytes = None,
) -> None:
    """Choose, for each label, the least probability of the spans that a tagger finds, for a wanted recall or precision.

    Without --recall and --precision, the thresholds are removed. The weights of the model do not change.
    """
    from seqtag.reporting.terminal import render_text

    if recall is not None and precision is not None:
        raise UsageError("--recall and --precision: thresholds can be chosen for one of the two; leave out the other")
    by_label = parse_labels(labels or ())
    if by_label and recall is None and precision is None:
        raise UsageError("--label: say with --recall or --precision what it is a share of, and for all other labels")
    task = stored_labelled_task(folder)
    if task.name != "tag":
        raise UsageError(
            f"{folder}: holds a {task.noun}; its thresholds were chosen in training, and only a tagger can be tuned "
            "after it"
        )
    place = Path(folder) if out is None else out
    check_out(place, folder)
    tagger = task.load(folder, device=device)
    rows = read_split(data, split, default="dev", **task.reading(tagger))
    wanted: dict[str, Any] = {
        name: share for name, share in (("recall", recall), ("precision", precision)) if share is not None
    }
    if by_label:
        wanted = {name: dict.fromkeys(tagger.labels_, share) | by_label for name, share in wanted.items()}
    tagger.tune(rows, **wanted, calibrate=calibrate)
    tagger.save(place)
    print(render_text([tuning_section(tagger, calibrated=calibrate)], heading=str(place)))


def parse_labels(pairs: Sequence[str]) -> dict[str, float]:
    """Read LABEL=SHARE pairs; a label may hold an equals sign.

    >>> parse_labels(["PER=0.99", "LOC=.9"])
    {'PER': 0.99, 'LOC': 0.9}
    """
    shares: dict[str, float] = {}
    for pair in pairs:
        label, _, share = pair.rpartition("=")
        try:
            value = float(share)
        except ValueError:
            label, value = "", 0.0
        if not label:
            raise UsageError(f"--label {pair}: write --label LABEL=SHARE, such as --label PER=0.99")
        if label in shares:
            raise UsageError(f"--label {pair}: {label} comes twice; leave out one")
        shares[label] = value
    return shares


def check_out(place: Path, folder: str) -> None:
    """Raise UsageError if the tuned model can't be saved: it may replace no model but itself."""
    from seqtag.store import check_place

    if check_place(place) and place.resolve() != Path(folder).resolve():
        raise UsageError(f"{place}: holds a model already; name another folder, or leave out --out to change {folder}")


def tuning_section(tagger: "Tagger", *, calibrated: bool) -> "Section":
    """Show what was chosen."""
    from seqtag.reporting.figures import percent
    from seqtag.reporting.sections import Paragraph, Section, Table

    lines = [f"temperature {tagger.data_['temperature']:.3f}"] if calibrated else []
    tuning = tagger.tuning_
    if tuning is None:
        lines.append("no thresholds: the best tags are predicted")
        return Section("Tuning", (Paragraph(tuple(lines)),))
    rows = tuple(
        (
            label,
            f"{found.value:.4f}",
            percent(found.precision),
            percent(found.recall),
            percent(tuning.wanted.get(label)),
        )
        for label, found in tuning.labels.items()
    )
    table = Table(
        header=("label", "threshold", "precision", "recall", f"wanted {tuning.figure}"),
        rows=rows,
        caption=f"The least probabilities of spans, and what they give on these {tuning.num_sentences:,} sentences",
    )
    return Section("Tuning", (Paragraph(tuple(lines)), table) if lines else (table,))
