"""Explanations of a tagger with lists of phrases: what each list adds to a score, and words that lists do not find."""

from pathlib import Path

import pytest
from tiny import TAGS, TOKENS, tiny_tagger

from seqtag import Span, Tagger
from seqtag.runtime import load

SPAN, SENTENCE = Span(2, 4, "LOC"), ["He", "left", "New", "York", "."]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    path = tmp_path_factory.mktemp("lists") / "cities.txt"
    path.write_text("London\nManchester\nNew Bridge\nKigali\nQuito\nNew York\n", encoding="utf-8")
    return tiny_tagger(gazetteers={"CITY": str(path)}).fit(TOKENS, TAGS, dev=(TOKENS, TAGS))


def test_words_are_hidden_from_lists_alone(tagger: Tagger, tmp_path: Path):
    folder = tagger.save(tmp_path / "ner")
    tagger.export(folder)
    blind = ["He", "left", "\u0b83", "York", "."]  # a letter that training never saw
    for model in (tagger, load(folder)):
        [one] = model.explain(SENTENCE, SPAN)
        assert sum(part.score for part in one.parts) == pytest.approx(one.log_odds)
        found = {(each.token, each.hidden): each.log_odds for each in one.occlusions}
        assert {hidden for _, hidden in found} == {"word", "spelling", "lists"}
        assert found[2, "word"] == pytest.approx(model.explain(blind, SPAN)[0].log_odds, abs=1e-5)
        assert found[2, "lists"] != pytest.approx(one.log_odds, abs=1e-6)
        assert found[1, "lists"] == pytest.approx(one.log_odds, abs=1e-5)  # it stands in no phrase
        assert "without its lists: 'New'" in str(one) or "without its lists: 'York'" in str(one)
        [other] = model.explain(["He", "left", "."], Span(0, 1, "PER"))
        assert "without its lists" not in str(other)


def test_the_scores_of_lists_are_named(tagger: Tagger):
    [one] = tagger.explain(SENTENCE, SPAN)
    emissions = [part for part in one.parts if part.kind == "emission"]
    assert all(sum(share.score for share in part.shares) == pytest.approx(part.score, abs=1e-5) for part in emissions)
    named = {(share.name, share.token, share.value) for part in emissions for share in part.shares}
    assert named >= {("list CITY", 2, "begin"), ("list CITY", 3, "end")}
