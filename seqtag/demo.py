"""Where the demo corpus lies: in a clone's data/, or inside the installed package. Reads nothing and trains nothing."""

from pathlib import Path

from seqtag.errors import DataError

_FILES = ("train.conll", "dev.conll", "test.conll")


def demo_folder() -> Path:
    """Give the folder of the demo corpus, which holds train.conll, dev.conll and test.conll.

    A wheel carries the clone's top folder data/ as seqtag/data, so both places hold the same files.
    Raises DataError where neither has all three.

    >>> demo_folder().name
    'data'
    """
    package = Path(__file__).resolve().parent
    places = (package / "data", package.parent / "data")
    for folder in places:
        if all((folder / name).is_file() for name in _FILES):
            return folder
    raise DataError(
        f"the demo corpus is not there: neither {places[0]} nor {places[1]} holds {', '.join(_FILES)}; "
        "install seqtag again, or clone its repository, or train on data of your own: seqtag train DATA --out DIR"
    )
