"""The metadata before a card: what the hub reads, and a card that stays Markdown behind them."""

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

from seqtag import LanguageModel
from seqtag.reporting.markdown import escape

PLAIN = [["X"] + ["Y"] * (len(tokens) - 1) for tokens in TOKENS]


def language_model(direction: str) -> LanguageModel:
    model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu", direction=direction)
    return model.fit(["to be or not to be"] * 40, watchers=())


CASES = {
    "spans": (
        lambda: tiny_tagger(epochs=1, language="en").fit(TOKENS, TAGS, dev=(TOKENS, TAGS)),
        ("token-classification", "en", ["f1"], ["lstm", "tagger"]),
    ),
    "plain": (
        lambda: tiny_tagger(epochs=1, encoder="gru").fit(TOKENS, PLAIN, dev=(TOKENS, PLAIN)),
        ("token-classification", None, ["accuracy"], ["gru", "tagger"]),
    ),
    "classes": (
        lambda: tiny_classifier(epochs=1).fit(TEXTS, LABELS, dev=(TEXTS, LABELS)),
        ("text-classification", None, ["accuracy"], ["lstm", "classifier"]),
    ),
    "text": (lambda: language_model("forward"), ("text-generation", None, None, ["lstm", "language-model"])),
    "backward": (lambda: language_model("backward"), (None, None, None, ["lstm", "language-model"])),
}


def test_labels_stand_in_the_card_as_text(tmp_path: Path):
    labels = {"good": "<img src=x onerror=alert(1)>|", "bad": "[a](javascript:b) *c* `d`"}
    y = [labels[label] for label in LABELS]
    path = tiny_classifier(epochs=1).fit(TEXTS, y, dev=(TEXTS, y)).save(tmp_path / "m") / "README.md"
    [row] = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("| classes |")]
    assert row == r"| classes | \<img src=x onerror=alert(1)>\|, \[a\](javascript:b) \*c\* \`d\` |"


@pytest.mark.parametrize("name", CASES)
def test_the_hub_finds_task_language_and_kind_of_figure(name: str, tmp_path: Path):
    make, (pipeline, language, metrics, tags) = CASES[name]
    path = make().save(tmp_path / "m") / "README.md"
    card = ModelCard.load(path)
    assert card.data.library_name == "seqtag"
    assert (card.data.pipeline_tag, card.data.language, card.data.metrics) == (pipeline, language, metrics)
    assert set(tags) <= set(card.data.tags)
    assert card.text.strip().startswith("# A seqtag ")
    # The dev score chose the epoch, so the hub is given no figure as a result.
    assert "model-index" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "label",
    ["<script>alert(1)</script>", "a|b", "`x`", "[PER](http://a.b)", "x\n---\n# y", "![i](j)", "*P*_E_", "\x1b[2J"],
)
@pytest.mark.parametrize("is_tagger", [True, False])
def test_a_card_shows_labels_as_they_are_and_never_as_markup(label: str, is_tagger: bool):
    if is_tagger:
        tags = [[tag.replace("PER", label) for tag in row] for row in TAGS]
        stored = tiny_tagger(epochs=1).fit(TOKENS, tags, dev=(TOKENS, tags), watchers=())
    else:
        labels = [label if name == LABELS[0] else name for name in LABELS]
        stored = tiny_classifier(epochs=1).fit(TEXTS, labels, dev=(TEXTS, labels), watchers=())
    row = next(line for line in stored._card().splitlines() if line.startswith(("| labels |", "| classes |")))
    assert escape(label) in row
    assert len(re.findall(r"(?<!\\)[|]", row)) == 3
    assert not re.search(r"(?<!\\)[<`*\[]", row)
