"""The lists that predict_spans gives: lists like any other, which a notebook shows as text with its spans."""

import copy
import pickle

from seqtag.text.schemes import Span
from seqtag.text.text_spans import SpansOfTexts, TextSpans

SPANS = [Span(0, 3, "PER", "Ada", 0.9)]


def test_it_is_a_list_that_can_be_copied_and_pickled_with_its_text():
    spans = SpansOfTexts([TextSpans(SPANS, "Ada met <b>"), TextSpans([], "")])
    assert spans == [SPANS, []]
    assert repr(spans) == repr([SPANS, []])
    for again in (pickle.loads(pickle.dumps(spans)), copy.deepcopy(spans)):
        assert again == spans
        assert again[0].text == "Ada met <b>"
    assert type(spans[0] + []) is list


def test_a_notebook_shows_the_text_of_each():
    html = SpansOfTexts([TextSpans(SPANS, "Ada met <b>"), TextSpans([], "It rained.")])._repr_html_()
    assert html.count("<div") == 2
    assert "met &lt;b&gt;" in html
    assert "It rained." in html
    assert "PER" in html
