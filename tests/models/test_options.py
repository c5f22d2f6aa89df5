"""Options stand once: what declarations say is what constructors take, what `help` shows and what is checked."""

import inspect
import json
import pydoc
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from seqtag import Classifier, LanguageModel, Tagger, UsageError
from seqtag.models import options as check
from seqtag.models.options import check_options, checks_of, option_table

KINDS = (Tagger, Classifier, LanguageModel)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_has_every_option_once_with_the_default_of_the_constructor(kind):
    table = option_table(kind)
    signature = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    assert {option.name: option.default for option in table} == signature == kind().get_params()
    assert len(table) == len(signature)
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(kind).parameters.values())
    json.dumps([[option.name, option.default, option.allowed, option.doc, option.topic] for option in table])


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_whole_sentence_and_says_what_it_takes(kind):
    for option in option_table(kind):
        assert option.doc[0].isupper() or option.doc.startswith("spaCy"), option
        assert option.doc.endswith("."), option
        assert len(option.doc.split()) >= 5, option
        assert option.allowed, option
        assert option.check.problem(option.default) is None, option


@pytest.mark.parametrize("kind", KINDS)
def test_help_shows_every_option_with_its_default_and_its_sentence(kind):
    shown = " ".join(pydoc.plain(pydoc.render_doc(kind)).replace("|", " ").split())
    for option in option_table(kind):
        assert f"{option.name} : {option.allowed}; default {option.default!r} {option.doc}" in shown


def test_options_stand_by_topic_and_those_of_all_estimators_come_first_in_it():
    names = [option.name for option in option_table(Tagger)]
    assert names[:11] == [
        "head",
        "balance",
        "calibrate",
        "wanted_recall",
        "wanted_precision",
        "unlabelled",
        "entity_share",
        "encoder",
        "hidden_size",
        "num_layers",
        "dropout",
    ]
    assert names[11:15] == ["bias", "bidirectional", "merge", "proj_size"]
    assert names[-3:] == ["device", "precision", "engine"]


def test_a_subclass_may_change_a_default_alone():
    shared, of_language_model = (
        {o.name: o for o in option_table(kind)}["hidden_size"] for kind in (Tagger, LanguageModel)
    )
    assert (shared.default, of_language_model.default) == (128, 512)
    assert (shared.doc, shared.allowed) == (of_language_model.doc, of_language_model.allowed)


@pytest.mark.parametrize(
    ("checked", "allowed", "good", "bad"),
    [
        (check.one_of("b", "a", None), "a, b or None", ["a", None], ["c", 1, "None"]),
        (check.whole(0), "a whole number, at least 0", [0, 2**63 - 1], [2**63, 2**70]),
        (check.size(1), "a whole number, at least 1 and at most 65536", [1, 65_536], [0, 65_537, 10**9, 2**70]),
        (
            check.whole(1),
            "a whole number, at least 1",
            [1, 5, np.int16(1)],
            [0, 1.0, True, "1", None, np.int16(0), np.float64(1)],
        ),
        (
            check.number(0),
            "a number, at least 0",
            [0, 2.5, np.float32(2.5), np.int8(1)],
            [-1, True, float("nan"), "0", np.bool_(True)],
        ),
        (check.number(0.01, 0.5), "a number, at least 0.01 and at most 0.5", [0.5], [0.51, 0]),
        (check.fraction, "a number, at least 0 and less than 1", [0, 0.99], [1, -0.1]),
        (check.share, "a number above 0, at most 1", [1, 0.01], [0, 1.01]),
        (check.truth, "True or False", [True, False, np.bool_(True)], [1, 0, None, np.int64(1)]),
        (check.text, "a string", ["x"], ["", None, 1]),
        (
            check.weights,
            "a mapping of labels to positive numbers from 1e-30 to 1e30, or 'balanced'",
            [{"A": 2}, {}, "balanced", {"A": np.float32(0.5)}],
            [{"A": 0}, {"A": "1"}, [], "balance", {"A": True}, {"A": float("inf")}],
        ),
        (check.optional(check.whole(1)), "a whole number, at least 1, or None", [1, None], [0]),
    ],
)
def test_what_a_check_takes_is_what_it_says(checked, allowed, good, bad):
    assert checked.allowed == allowed
    assert [value for value in good if checked.problem(value)] == []
    assert [value for value in bad if not checked.problem(value)] == []


def test_every_bad_value_is_named_at_once():
    values = LanguageModel(level="wrod", bptt=0).get_params()
    with pytest.raises(UsageError) as caught:
        check_options("LanguageModel", values, checks_of(LanguageModel))
    assert str(caught.value) == (
        "LanguageModel: level='wrod': unknown; choose from character, word; did you mean 'word'?\n"
        "bptt=0: must be a whole number, at least 1"
    )


def test_a_clone_has_the_options_of_its_model():
    model = LanguageModel(hidden_size=9, level="word")
    assert clone(model).get_params() == model.get_params()


def test_declarations_import_no_torch():
    code = "import sys, seqtag.models.options; print('torch' in sys.modules or 'sklearn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
