"""`seqtag tune`: thresholds and a temperature for a trained tagger, chosen on labelled data and saved with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtag.cli.sources import pick_split, read_corpus
from seqtag.cli.tasks import stored_task
from seqtag.errors import UsageError, near_miss

if TYPE_CHECKING:
    from seqtag.models.tagging.tagger import Tagger
    from seqtag.reporting.sections import Section


def tune(
    folder: str,
    source: str,
    *,
    split: str | None,
    recall: float | None,
    precision: float | None,
    labels: Sequence[str],
    calibrate: bool,
    out: Path | None,
    device: str,
) -> None:
    """Tune the model in `folder` on a split, the one named, else dev, else the only one; save it and print a table."""
    from seqtag.reporting.terminal import render_text

    if recall is not None and precision is not None:
        raise UsageError("--recall and --precision: thresholds can be chosen for one of the two; leave out the other")
    by_label = parse_labels(labels)
    if by_label and recall is None and precision is None:
        raise UsageError("--label: say with --recall or --precision what it is a share of, and for all other labels")
    task = stored_task(folder)
    if task.name != "tag":
        raise UsageError(
            f"{folder}: holds a {task.noun}; dev data set its probabilities in training, and tune is for taggers"
        )
    place = Path(folder) if out is None else out
    check_out(place, folder)
    tagger = task.estimator().load(folder, device=device)
    corpus = read_corpus(source, task=task.name, **task.reading(tagger))
    if split is not None and split not in corpus:
        raise UsageError(f"{source}: no split {split!r}; {near_miss(split, corpus)}")
    data = pick_split(corpus, split or "dev", source=source, advice="choose one with --split")
    wanted: dict[str, Any] = {
        name: share for name, share in (("recall", recall), ("precision", precision)) if share is not None
    }
    if by_label:
        wanted = {name: dict.fromkeys(tagger.labels_, share) | by_label for name, share in wanted.items()}
    tagger.tune(data, **wanted, calibrate=calibrate)
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
    """Raise UsageError where the tuned model can't be saved: it replaces none but the one that it was."""
    from seqtag.store import check_place

    if check_place(place) and place.resolve() != Path(folder).resolve():
        raise UsageError(f"{place}: holds a model already; name another folder, or leave --out away to change {folder}")


def tuning_section(tagger: "Tagger", *, calibrated: bool) -> "Section":
    """Say what was chosen."""
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
        caption=f"Least probabilities of spans, and what they give on these {tuning.num_sentences:,} sentences",
    )
    return Section("Tuning", (Paragraph(tuple(lines)), table) if lines else (table,))
