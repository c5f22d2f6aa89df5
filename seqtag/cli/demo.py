"""`seqtag demo`: the main job on seqtag's own corpus, from data to tags for new text, in about a minute."""

import logging
import shlex
from dataclasses import replace
from pathlib import Path

from seqtag.cli.answers import mark
from seqtag.cli.session import INTERRUPTED
from seqtag.cli.sources import read_corpus
from seqtag.cli.train import check_out, state_folder
from seqtag.demo import demo_folder

logger = logging.getLogger("seqtag")

DEFAULT_OUT = Path("seqtag-demo-model")

# In no split of the corpus; a test holds it.
TEXTS = (
    "Ada Lovelace met Charles Babbage at a party in London in 1833.",
    "Toyota opened a new battery plant in North Carolina last spring.",
    "Serena Williams beat Maria Sharapova at Wimbledon and flew home to Florida.",
    "Researchers at the University of Cambridge tracked whales off the coast of Iceland.",
    "My neighbour speaks Portuguese, and her son plays for a small club near Porto.",
    "Nothing much happened today.",
)
_EXAMPLE = "Grace Hopper taught at Vassar College in New York."


def demo(out: Path, *, epochs: int) -> int:
    """Train on the demo corpus, print the scores on its test split, tag sentences that are in none, save the model."""
    from seqtag.models.tagger import Tagger

    # The model in the default place is the demo's own, and a second run must go as the first did.
    check_out(out, state_folder(out), resume=False, overwrite=out == DEFAULT_OUT)
    corpus = read_corpus(str(demo_folder()))
    logger.info("training on %d sentences for %d epochs; about a minute on two cores", len(corpus["train"]), epochs)
    tagger = Tagger(language="en", epochs=epochs).fit(corpus["train"], dev=corpus["dev"])
    tagger.save(out)
    print(replace(tagger.evaluate(corpus["test"]), source="the test split, which training never saw"))
    print("\nNew sentences, each span with its probability:\n")
    for text, spans in zip(TEXTS, tagger.predict_spans(TEXTS)):
        print("  " + mark(text, spans))
    place = shlex.quote(str(out))
    print(
        f"\nThe model is in the folder {place}. To go on, tag other text, or train on your own file:\n"
        f"\n  echo {shlex.quote(_EXAMPLE)} | seqtag predict {place} --text"
        "\n  seqtag train YOUR.conll --out my-model"
    )
    return INTERRUPTED if tagger.interrupted_ else 0
