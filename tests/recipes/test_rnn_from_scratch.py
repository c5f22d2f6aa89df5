"""The walk from the gate equations runs as its docstring says, and its printed differences are those it promises."""

import math
import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PICTURE = REPOSITORY / "docs" / "howto" / "gradients-over-time.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tables_of(monkeypatch, capsys):
    """Run the recipe; give its first line, and its tables as lists of rows split into a name and figures."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rnn_from_scratch.py", *arguments])
        runpy.run_path(str(REPOSITORY / "recipes" / "rnn_from_scratch.py"), run_name="__main__")
        return parsed(capsys.readouterr().out)

    return run


def parsed(printed):
    first, *blocks = printed.split("\n\n")
    tables = []
    for block in blocks:
        rows = {}
        for line in block.splitlines():
            name, *figures = re.split(r" {2,}", line)
            if figures and figures[0] in ("forward", "backward"):
                name = f"{name} {figures.pop(0)}"
            if len(figures) >= 3 and all(re.fullmatch(r"[0-9.]+(e[+-][0-9]+)?|inf|nan", figure) for figure in figures):
                rows[name] = [float(figure) for figure in figures]
        tables.append(rows)
    return first, tables


@pytest.mark.parametrize("sentences", [[], ["Ada lives in Turin .", "Rain", "The river rose again on Monday night ."]])
def test_cells_equal_torch_when_packed_and_only_then(tables_of, sentences):
    first, (cells, grus, *_) = tables_of(*sentences)
    if sentences:
        assert first == "sentence lengths: 5 1 8"

    names = [f"{cell} {way}" for cell in ("RNN tanh", "RNN ReLU", "LSTM", "GRU") for way in ("forward", "backward")]
    assert list(cells) == names
    for name, (packed, not_packed, final_packed, final_not_packed) in cells.items():
        assert max(packed, final_packed) < 1e-5
        assert (not_packed < 1e-5) == name.endswith("forward")
        assert final_not_packed > 1e-5

    right, paper, wrong = grus.values()
    assert right[0] < 1e-5
    assert right[2] == 1.0
    assert paper[0] > 0.01
    assert paper[2] == 1.0
    assert wrong[0] > paper[0]
    assert wrong[1] > 20
    assert wrong[2] < 1e-3


def curves_of(path):
    """Read the curves of the two panels off the picture, and all that is written in it."""
    root = ElementTree.parse(path).getroot()
    curves = [
        [tuple(float(number) for number in point.split(",")) for point in curve.get("points").split()]
        for curve in root.iter(f"{SVG}polyline")
    ]
    return curves, [text.text for text in root.iter(f"{SVG}text")]


def test_gradients_vanish_and_explode_and_clipping_bounds_them_as_the_picture_shows(tables_of, tmp_path):
    _, (*_, shares, training) = tables_of("Rain", "It rained", "--picture", str(tmp_path / "picture.svg"))
    vanishing, exploding, clipped = shares.values()
    assert vanishing[0] > 0.1 > 1e-3 > vanishing[1] > 1e-6 > vanishing[2]
    assert exploding[0] < 1 < 10 < exploding[1] < 1000 < exploding[2]
    for share, whole in zip(clipped, exploding):  # clipping makes all of them smaller alike
        assert share / whole == pytest.approx(clipped[0] / exploding[0], rel=0.1)
    assert clipped[2] < 1
    wild, tame = training.values()
    assert wild[1] > 1e9
    assert not wild[2] < 1
    assert not math.isnan(tame[2])
    assert tame[1] < 100
    assert tame[2] < 1

    curves, words = curves_of(tmp_path / "picture.svg")
    committed, committed_words = curves_of(PICTURE)
    assert words == committed_words
    assert [len(curve) for curve in curves[:3]] == [39, 39, 39]
    assert len(curves[3]) < 100 == len(curves[4])
    for curve, kept in zip(curves[:3], committed[:3]):  # rounding differs from processor to processor, and grows
        assert max(abs(y - kept_y) for (_, y), (_, kept_y) in zip(curve, kept)) < 15
