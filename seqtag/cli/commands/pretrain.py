"""`seqtag pretrain`: text without labels in, a folder out from which `seqtag train --from` starts."""

from pathlib import Path
from typing import Annotated

import typer

from seqtag.cli.arguments import (
    TEXT,
    TRAINING,
    WHERE,
    MaxBytes,
    Overwrite,
    Resume,
    Seed,
    Settings,
    TrainingDevice,
    TrainingLanguage,
)
from seqtag.cli.commands.train import make_estimator, parse_settings
from seqtag.cli.model_folder import Place
from seqtag.cli.process import command
from seqtag.cli.tasks import find_task
from seqtag.errors import UsageError

EXAMPLES = (
    "seqtag pretrain mails.txt --out models/mails --language en",
    "seqtag pretrain articles/ --out models/articles --epochs 5 --set hidden_size=256",
    "seqtag pretrain reviews.csv:text=review --out models/reviews --language de",
    "seqtag train my-corpus/ --from models/mails --out models/ner",
)


@command
def pretrain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help=f"What is read: {TEXT}")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.", rich_help_panel=WHERE)],
    language: TrainingLanguage = None,
    epochs: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="How often the text is read through.", rich_help_panel=TRAINING),
    ] = 3,
    seed: Seed = None,
    device: TrainingDevice = None,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_bytes: MaxBytes = None,
) -> int:
    """Let a tagger read text without labels, of the kind that it shall tag, before it learns from labelled data.

    The words get vectors, and the encoder learns to predict the words beside each token: about a quarter of an hour for
    ten million characters. Then `seqtag train DATA --from DIR --out MODEL` starts from there. Needs gensim, which
    the extra `vectors` of seqtag installs.
    """
    from functools import partial

    from seqtag.cli.text_sources import refuse_tags
    from seqtag.models.tagging.pretraining import check_pretraining

    short_forms = {"language": language, "seed": seed, "device": device}
    options = parse_settings(settings or [])
    if "epochs" in options:  # those of a training with labels
        raise UsageError(f"--set epochs={options['epochs']}: say how often the text is read by --epochs N")
    tagger = make_estimator(find_task("tag"), options, **short_forms)
    check_pretraining(tagger.get_params(deep=False))
    place = Place.check(out, resume=resume, overwrite=overwrite)
    refuse_tags(text, advice="give a text file; labelled data are for `seqtag train`")
    place.make_room()
    fit = partial(tagger.pretrain, text, epochs=epochs)
    return place.fill(tagger, fit, describe=lambda score: f"dev loss {-score:.3f}")
