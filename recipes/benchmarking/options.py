"""The options of `benchmark.py`.

python recipes/benchmark.py --help
"""

import argparse
from pathlib import Path

from benchmarking.cost import STREAMS

PEERS = ("crfsuite", "spacy", "flair")


def read_arguments(doc, given):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).parent.parent / "data"), help="a corpus with entity tags")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, help="which to look for")
    parser.add_argument("--peer-python", action="append", default=[], metavar="NAME=PATH", help="its interpreter")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="default: 2; with --until what suits each system")
    parser.add_argument("--hidden-size", type=int, default=256, help="of seqtag's model")
    parser.add_argument("--seconds", type=float, default=1.0, help="that each speed is measured for, at least")
    parser.add_argument("--flair-sentences", type=int, default=200, help="that Flair is trained on for the table")
    parser.add_argument("--until", type=float, metavar="F1", help="measure the time of training to this F1 on dev")
    parser.add_argument("--cost", action="store_true", help="measure cost against size, seqtag alone")
    parser.add_argument("--streams", nargs="+", type=int, default=STREAMS, help="sentences in the streams of --cost")
    parser.add_argument("--json", type=Path, help="write every run there")
    parser.add_argument("--html", type=Path, help="write the table there")
    args = parser.parse_args(given)
    pairs = [pair.partition("=") for pair in args.peer_python]
    if wrong := [name for name, _, path in pairs if name not in PEERS or not Path(path).is_file()]:
        parser.error(f"--peer-python {wrong[0]}: give NAME=PATH, a name of {', '.join(PEERS)} and its interpreter")
    args.pythons = {name: path for name, _, path in pairs}
    return args
