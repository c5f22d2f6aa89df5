"""Take names out of texts, where it is worse to miss a name than to take out a word too many.

python recipes/anonymise.py [--data CORPUS] [--recall 0.9] [--epochs N] ["A text of your own." ...]

The recipe trains a tagger and prints three lines of figures on the test split: for the tagger as trained; with a
temperature fitted on dev (`calibrate`), so that its probabilities can be trusted; and with thresholds that find the
wanted share of the spans in dev, or come near it. P, R and F1 count a span if its borders and its label are right;
"touched" is the share of the names of which something was found, under any label; ECE is the calibration error. In the
end it prints the texts with labels in place of names.
"""

import argparse
from pathlib import Path

from seqtag import Report, Tagger, load_corpus

TEXTS = [
    "Ms Alvarez from Lisbon called Doctor Okafor about the results.",
    "Tell Henrik that the parcel for Marguerite Duval went to Leeds.",
]


def figures(name: str, report: Report) -> str:
    """Write one line of figures, in percent."""
    touched = 1 - report.errors.counts["missed"] / report.num_gold
    shares = (report.precision, report.recall, report.f1, touched, report.confidence.ece)
    return f"{name:24}" + "".join(f"{100 * share:9.1f}" for share in shares)


def anonymise(tagger: Tagger, text: str) -> str:
    """Write labels in place of names, the last name first so that the places of the others stay right."""
    [spans] = tagger.predict_spans([text])
    for span in reversed(spans):
        text = f"{text[: span.start]}[{span.label}]{text[span.end :]}"
    return text


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(Path(__file__).parent.parent / "data"), help="a corpus with entity tags")
    parser.add_argument(
        "--recall",
        type=float,
        default=0.9,
        help="share of the spans in dev that the last line shall find (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, help="passes over train (default: what suits its size)")
    parser.add_argument("texts", nargs="*", default=TEXTS, help="texts to take names out of (default: two examples)")
    given = parser.parse_args(arguments)

    corpus = load_corpus(given.data)
    tagger = Tagger(epochs=given.epochs).fit(corpus["train"], dev=corpus["dev"])
    print(f"{'on test, in percent':24}{'P':>9}{'R':>9}{'F1':>9}{'touched':>9}{'ECE':>9}")
    print(figures("as trained", tagger.evaluate(corpus["test"])))
    tagger.tune(corpus["dev"], calibrate=True)
    print(figures("calibrated", tagger.evaluate(corpus["test"])))
    tagger.tune(corpus["dev"], recall=given.recall)
    print(figures(f"wanted recall {100 * given.recall:g}", tagger.evaluate(corpus["test"])))
    print()
    for text in given.texts:
        print(anonymise(tagger, text))


if __name__ == "__main__":
    main()
