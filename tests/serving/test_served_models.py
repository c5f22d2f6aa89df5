"""Models get their names, and are warm when they are there."""

from pathlib import Path

import pytest

from seqtag import LanguageModel, UsageError
from seqtag.serving.served_models import ServedModel, load_models, model_names


def test_names_come_from_folders_or_from_what_stands_before_an_equals_sign(tmp_path: Path):
    (tmp_path / "a=b").mkdir()
    assert model_names([f"{tmp_path}/ner/", "x=models/2024/final", "me/mood"]) == {
        "ner": f"{tmp_path}/ner/",
        "x": "models/2024/final",
        "mood": "me/mood",
    }
    with pytest.raises(UsageError, match="can't stand in an address; name the model: my-name="):
        model_names([f"{tmp_path}/a=b"])
    with pytest.raises(UsageError, match="two models are called 'final'"):
        model_names(["models/1/final", "models/2/final"])


def test_a_model_describes_itself(served: dict[str, ServedModel]):
    ner, mood = served["ner"].described(), served["mood"].described()
    assert (ner["kind"], mood["kind"], mood["several_labels"]) == ("tagger of spans", "classifier", False)


def test_a_model_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="nothing-here"):
        load_models({"a": str(tmp_path / "nothing-here")})


def test_a_threshold_is_for_what_may_be_left_out(served: dict[str, ServedModel], monkeypatch: pytest.MonkeyPatch):
    assert served["ner"].why_no_threshold is None
    assert "one class" in served["mood"].why_no_threshold
    monkeypatch.setattr(ServedModel, "kind", "tagger of tokens")
    assert "each token" in served["ner"].why_no_threshold


def test_a_model_that_cannot_be_served_is_named(tmp_path: Path):
    model = LanguageModel(direction="backward", hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
    folder = model.fit(["to be or not to be"] * 40, watchers=()).save(tmp_path / "backward")
    with pytest.raises(UsageError, match="backward: predict_next: this model reads backward"):
        ServedModel("a", str(folder))
