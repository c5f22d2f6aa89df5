"""Learn from a column of texts which word comes next, then write new texts.

    python recipes/text_generation.py                                    # the texts of data/sentiment
    python recipes/text_generation.py reviews.csv:review --epochs 20 --prompt "The waiter"

Tokens are spaCy's, and words that come only once count as unknown. Adam (AdamW without decay) brings down the
cross-entropy of the next word, which is printed after each epoch. A tenth of the text is held out, and the epoch that
predicts it best is the one that writes.
"""

import argparse
from pathlib import Path

from seqtag import LanguageModel

TEXTS = Path(__file__).parent.parent / "data" / "sentiment" / "train.csv"
PROMPTS = ["The soup", "My phone", "I", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="?", default=f"{TEXTS}:text", help="FILE.csv:COLUMN, or any file of plain text")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the texts (default: %(default)s)")
    parser.add_argument("--prompt", action="append", help="beginning of a text to write; can be given several times")
    args = parser.parse_args()

    model = LanguageModel(level="word", language="en", min_freq=2, embedding_size=64, hidden_size=128, bptt=20)
    model.set_params(epochs=args.epochs, batch_size=8, dropout=0.4, weight_decay=0.0, dev_share=0.1, seed=0)
    model.fit(args.texts)
    for record in model.history_:
        print(f"epoch {record.epoch}: cross-entropy {record.loss:.3f}, held out {-record.dev_score:.3f}")
    for prompt in args.prompt or PROMPTS:
        print(f"\n{prompt}{model.generate(prompt, num_tokens=40, temperature=0.8, stop=chr(10))}")


if __name__ == "__main__":
    main()
