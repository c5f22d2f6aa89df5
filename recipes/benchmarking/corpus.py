"""The corpus of the benchmark as its workers read it, and the score that all of them get.

python recipes/benchmark.py --help
"""

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from seqtag import UsageError, load_corpus

SPLITS = ("train", "dev", "test")


def write_corpus(source, folder):
    """Write the splits as workers read them, token lists with IOB2 tags; gives the numbers of both."""
    corpus = load_corpus(source, scheme="IOB2")
    if missing := {"train", "dev"} - set(corpus):
        raise UsageError(
            f"{source}: no split {' and '.join(sorted(missing))}; the benchmark trains on train, scores dev"
        )
    sizes = {}
    for split in SPLITS:
        rows = corpus.get(split, corpus["train"].select([]))
        names = corpus["train"].features["tags"].feature.names
        tokens, tags = rows["tokens"][:], [[names[tag] for tag in sentence] for sentence in rows["tags"]]
        (folder / f"{split}.json").write_text(json.dumps({"tokens": tokens, "tags": tags}), encoding="utf-8")
        sizes[split] = len(tokens), sum(map(len, tokens))
    return sizes


@functools.cache
def strict_f1(gold, predicted):
    """Strict F1 in percent of tags given as JSON, by `seqtag score`: the same reading for every system."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, "gold.tsv"), Path(folder, "predicted.tsv")]
        for path, tags in zip(paths, map(json.loads, (gold, predicted))):
            path.write_text(
                "\n\n".join("\n".join(f"token\t{tag}" for tag in row) for row in tags) + "\n", encoding="utf-8"
            )
        command = [sys.executable, "-m", "seqtag.cli", "score", *map(str, paths), "--json", "-"]
        return 100 * json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["f1"]
