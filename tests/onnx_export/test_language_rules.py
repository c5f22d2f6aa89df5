"""The rules of a language go with the export, and cut in the runtime as spaCy cuts, where there is no spaCy."""

import json
import logging
import shutil
import sys

import onnx
import pytest
from hostile_folders import reseal
from tiny import UNSEEN

from seqtag import Classifier, ModelError, Tagger
from seqtag.onnx_export.language_rules import with_rules
from seqtag.runtime import load
from seqtag.runtime.onnx_session import RULES_KEY
from seqtag.text import spacy_pipelines

TEXTS = ["Ada doesn't  live in Turin.\n\nGrace (e.g.) does!", "", " ".join(UNSEEN[0])]


@pytest.fixture
def no_spacy(monkeypatch):
    """As on a machine without spaCy."""
    spacy_pipelines.spacy_rules.cache_clear()
    monkeypatch.setitem(sys.modules, "spacy", None)
    monkeypatch.setattr(spacy_pipelines, "_IDLE", {})


@pytest.mark.parametrize("int8", [False, True])
def test_a_tagger_cuts_texts_by_what_its_export_holds(exported_tagger, int8, request):
    expected = Tagger.load(exported_tagger, device="cpu", engine="onnx-int8" if int8 else "onnx").predict_spans(TEXTS)
    request.getfixturevalue("no_spacy")
    served = load(exported_tagger, int8=int8, threads=1).predict_spans(TEXTS)
    assert [[(span.start, span.end, span.label, span.text) for span in spans] for spans in served] == [
        [(span.start, span.end, span.label, span.text) for span in spans] for spans in expected
    ]


def test_a_classifier_cuts_texts_by_what_its_export_holds(exported_classifier, request):
    model = Classifier.load(exported_classifier, device="cpu", engine="onnx")
    expected, weights = model.predict_proba(TEXTS).tolist(), model.predict_attention(TEXTS)
    request.getfixturevalue("no_spacy")
    served = load(exported_classifier, threads=1)
    assert served.predict_proba(TEXTS).tolist() == expected
    assert served.predict_attention(TEXTS) == weights


def changed(folder, tmp_path, rules):
    """Copy an exported model and put other rules into its export, with a hash that fits."""
    place = shutil.copytree(folder, tmp_path / "m")
    model = onnx.load(place / "model.onnx")
    (entry,) = (entry for entry in model.metadata_props if entry.key == RULES_KEY)
    entry.value = rules(json.loads(entry.value))
    onnx.save(model, place / "model.onnx")
    reseal(place)
    return place


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (lambda rules: "{", "it is not JSON"),
        (lambda rules: "[]", "rules of its language can't be read"),
        (lambda rules: json.dumps(rules | {"prefix": ["(", 0]}), "an expression can't be read"),
        (lambda rules: json.dumps(rules | {"exceptions": {"a": ["b"]}}), "the exception 'a' are not its characters"),
        (lambda rules: json.dumps({**rules, "exceptions": None}), "rules of its language can't be read"),
    ],
)
def test_rules_that_are_damaged_are_refused_in_words(exported_tagger, tmp_path, rules, message):
    with pytest.raises(ModelError, match=rf"model.onnx: damaged, .*{message}.*again"):
        load(changed(exported_tagger, tmp_path, rules))


def test_a_language_whose_tokeniser_is_a_program_stays_with_spacy(caplog):
    with caplog.at_level(logging.INFO, "seqtag"):
        assert with_rules(b"", "zh") == b""
    assert "the tokeniser of language 'zh' is a program, so the export needs spaCy" in caplog.text


def test_without_spacy_the_export_takes_token_lists_alone(no_spacy, caplog):
    assert with_rules(b"", "en") == b""
    assert "takes token lists alone: raw text needs spaCy" in caplog.text
