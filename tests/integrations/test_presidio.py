"""Presidio's own engines with our recogniser: what is found, under which names, and what the anonymiser leaves."""

import subprocess
import sys
from pathlib import Path

import pytest
from optional_tools import need
from tiny import TOKENS

from seqtag import Tagger, UsageError
from seqtag.integrations import presidio
from seqtag.integrations.presidio import SeqtagRecognizer

need("presidio_analyzer")
need("presidio_anonymizer")

TEXT = "😀 " + " ".join(TOKENS[0]) + "."


@pytest.fixture(scope="module")
def recognizer(exported_tagger: Path) -> SeqtagRecognizer:
    return SeqtagRecognizer(exported_tagger, supported_language="en")


def analyzer(*recognizers):
    """Presidio's engine with no recogniser but ours, and no pipeline of spaCy that would have to be downloaded."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    engine = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    return AnalyzerEngine(registry=RecognizerRegistry(recognizers=list(recognizers)), nlp_engine=engine)


def test_an_analyzer_finds_the_spans_of_the_tagger(recognizer: SeqtagRecognizer, exported_tagger: Path):
    spans = Tagger.load(exported_tagger).predict_spans([TEXT])[0]
    assert spans
    found = sorted(analyzer(recognizer).analyze(TEXT, language="en"), key=lambda result: result.start)
    assert [(each.start, each.end) for each in found] == [(span.start, span.end) for span in spans]
    assert [each.entity_type for each in found] == [recognizer.entities[span.label] for span in spans]
    assert [each.score for each in found] == pytest.approx([span.score for span in spans], abs=1e-4)
    explained = analyzer(recognizer).analyze(TEXT, language="en", return_decision_process=True)
    assert all(each.analysis_explanation.recognizer == "SeqtagRecognizer" for each in explained)


def test_an_anonymizer_replaces_them(recognizer: SeqtagRecognizer):
    from presidio_anonymizer import AnonymizerEngine

    found = sorted(analyzer(recognizer).analyze(TEXT, language="en"), key=lambda result: -result.start)
    expected = TEXT
    for each in found:
        expected = f"{expected[: each.start]}<{each.entity_type}>{expected[each.end :]}"
    assert AnonymizerEngine().anonymize(TEXT, found).text == expected != TEXT


def test_entities_have_the_names_that_are_asked_for(exported_tagger: Path):
    labels = Tagger.load(exported_tagger).labels_
    first, *others = labels
    recognizer = SeqtagRecognizer(exported_tagger, entity_mapping={first: "CODE_NAME"} | dict.fromkeys(others))
    assert recognizer.supported_entities == ["CODE_NAME"]
    assert {each.entity_type for each in recognizer.analyze(TEXT, [])} <= {"CODE_NAME"}
    assert recognizer.analyze(TEXT, ["PERSON"]) == []
    assert SeqtagRecognizer(exported_tagger, min_score=1.1).analyze(TEXT, []) == []


def test_it_works_where_torch_is_not_installed(exported_tagger: Path):
    script = (
        "import sys; sys.modules['torch'] = None\n"  # Presidio and spaCy import it themselves where they find it
        "from seqtag.integrations.presidio import SeqtagRecognizer\n"
        f"sys.exit(not SeqtagRecognizer({str(exported_tagger)!r}).analyze({TEXT!r}, []))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_mistakes(exported_tagger: Path, exported_classifier: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="entity_mapping: the model has no label 'NOBODY'; its labels are"):
        SeqtagRecognizer(exported_tagger, entity_mapping={"NOBODY": "PERSON"})
    with pytest.raises(UsageError, match="this model finds no spans; name a tagger"):
        SeqtagRecognizer(exported_classifier)
    monkeypatch.setattr(presidio, "EntityRecognizer", object)
    with pytest.raises(UsageError, match=r'not installed; run: pip install "seqtag\[presidio\]"'):
        SeqtagRecognizer(exported_tagger)
