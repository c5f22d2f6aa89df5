"""Estimators and the runtime on the hub: pushed and loaded again, and what stands on the page of a model."""

from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import ModelCard
from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_tagger

from seqtag import Classifier, LanguageModel, Tagger, UsageError, load_corpus
from seqtag.corpora.source_names import note_origin
from seqtag.models.predictor import load_predictor
from seqtag.runtime import RuntimeTagger, load


@pytest.fixture(scope="module")
def tagger(exported_tagger: Path) -> Tagger:
    return Tagger.load(exported_tagger, device="cpu")


@pytest.fixture(scope="module")
def language_model() -> LanguageModel:
    model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu", language=None)
    return model.fit(["to be or not to be"] * 40, watchers=())


def card_of(hub, repository: str, revision: str = "main") -> ModelCard:
    return ModelCard(hub.files(repository, revision)["README.md"].decode())


def test_a_tagger_comes_back_with_its_exports_and_predicts_the_same(hub, tagger: Tagger):
    assert tagger.push_to_hub("me/ner").startswith(hub.url)
    again = Tagger.from_pretrained("me/ner", device="cpu")
    assert again.predict_spans(TEXTS[:9]) == tagger.predict_spans(TEXTS[:9])
    assert [array.tolist() for array in again.predict_proba(TOKENS)] == [
        array.tolist() for array in tagger.predict_proba(TOKENS)
    ]
    served = load("me/ner", threads=1)
    assert isinstance(served, RuntimeTagger)
    assert served.predict(TOKENS) == load("me/ner", int8=True).predict(TOKENS) == tagger.predict(TOKENS)
    assert isinstance(load_predictor("me/ner", device="cpu"), RuntimeTagger)
    assert isinstance(load_predictor("me/ner", engine="torch"), Tagger)


def test_a_classifier_and_a_language_model_come_back(hub, saved_classifier: Path, language_model: LanguageModel):
    classifier = Classifier.load(saved_classifier, device="cpu")
    classifier.push_to_hub("me/mood", private=True)
    again = Classifier.from_pretrained("me/mood", device="cpu")
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()
    language_model.push_to_hub("me/writer")
    assert LanguageModel.from_pretrained("me/writer").generate("to") == language_model.generate("to")
    with pytest.raises(UsageError, match=r"^me/writer: holds a language model"):
        load_predictor("me/writer")
    with pytest.raises(UsageError, match=r"^me/writer: holds a model for the task 'lm', Tagger needs 'tag'"):
        Tagger.from_pretrained("me/writer")
    with pytest.raises(UsageError, match=r"^me/writer: holds a model for the task 'lm', the runtime needs 'tag' or"):
        load("me/writer")
    with pytest.raises(UsageError, match=r"^me/mood: the repository has no model.onnx; .*seqtag export"):
        load("me/mood")


def test_a_revision_and_a_cache_of_ones_own(hub, tagger: Tagger, saved_tagger: Path, tmp_path: Path):
    Tagger.load(saved_tagger).push_to_hub("me/ner")
    tagger.push_to_hub("me/ner", revision="v2")
    assert Tagger.from_pretrained("me/ner@v2", cache_dir=tmp_path / "mine").predict(TOKENS) == tagger.predict(TOKENS)
    assert (tmp_path / "mine" / "models--me--ner").is_dir()
    assert load("me/ner", revision="v2", cache_dir=tmp_path / "mine", local_files_only=True).tags_ == tagger.tags_
    assert isinstance(load_predictor("me/ner", revision="v2", device="cpu"), RuntimeTagger)


def test_a_folder_is_loaded_as_it_always_was_and_touches_no_network(hub, exported_tagger: Path):
    for read in (Tagger.from_pretrained, load, load_predictor, Tagger.load):
        assert read(exported_tagger).tags_ == read(str(exported_tagger)).tags_
    for read in (Tagger.from_pretrained, Tagger.load, load, load_predictor):
        with pytest.raises(UsageError, match=r"nowhere: not a model folder, it does not exist"):
            read(str(exported_tagger / "nowhere"))
    assert hub.requests == []


def test_load_reads_folders_only_and_names_the_call_for_the_hub(hub):
    with pytest.raises(UsageError, match=r"Tagger.from_pretrained\('me/ner'\)"):
        Tagger.load("me/ner")
    with pytest.raises(UsageError, match=r"LanguageModel.from_pretrained\('me/ner'\)"):
        LanguageModel.load("me/ner")
    assert hub.requests == []


def test_the_page_of_a_model_says_how_to_use_it_and_gives_a_figure_only_from_a_report(hub, tagger: Tagger):
    tagger.push_to_hub("ner", license="cc-by-4.0", datasets="conll2003")
    card = card_of(hub, "me/ner")
    assert (card.data.license, card.data.datasets, card.data.library_name) == ("cc-by-4.0", ["conll2003"], "seqtag")
    assert card.data.pipeline_tag == "token-classification"
    assert card.data.eval_results is None
    assert 'tagger = Tagger.from_pretrained("me/ner")\ntagger.predict_spans(' in card.text
    assert 'from seqtag.runtime import load\n\nmodel = load("me/ner")' in card.text
    assert "## Results" not in card.text
    assert '.load("DIR")' not in card.text


def test_results_stand_in_the_model_index_with_their_intervals(hub, tagger: Tagger):
    report = tagger.evaluate(TOKENS, TAGS, resamples=200)
    tagger.push_to_hub("me/ner", report=report)
    card = card_of(hub, "me/ner")
    results = {result.metric_name.split(" (")[0]: result for result in card.data.eval_results}
    assert list(results) == ["strict F1", "strict precision", "strict recall"]
    found, drawn = results["strict F1"], report.intervals.micro.f1
    assert (found.task_type, found.metric_type) == ("token-classification", "f1")
    assert found.metric_value == pytest.approx(report.f1, abs=5e-5)
    low, high = (pytest.approx(value, abs=5e-5) for value in (drawn.low, drawn.high))
    assert found.metric_args == {"confidence": 0.95, "low": low, "high": high}
    assert f"95% interval {found.metric_args['low']} to {found.metric_args['high']}" in found.metric_name
    assert f"| strict F1 | {100 * report.f1:.2f}% |" in card.text
    assert card.data.metrics == ["f1", "precision", "recall"]
    assert ModelCard(str(card)).data.to_dict() == card.data.to_dict()


def test_each_kind_of_report_has_its_figures(hub, saved_classifier: Path, language_model: LanguageModel):
    classifier = Classifier.load(saved_classifier, device="cpu")
    classifier.push_to_hub("me/mood", report=classifier.evaluate(TEXTS, LABELS, resamples=0))
    results = card_of(hub, "me/mood").data.eval_results
    assert [(result.metric_type, result.metric_name) for result in results] == [
        ("accuracy", "accuracy"),
        ("f1", "macro F1"),
    ]
    language_model.push_to_hub("me/writer", report=language_model.evaluate(["to be"]))
    found = {result.metric_type: result.metric_value for result in card_of(hub, "me/writer").data.eval_results}
    assert found["perplexity"] == pytest.approx(language_model.perplexity(["to be"]), abs=5e-5)


def test_a_folder_of_ones_own_does_not_stand_on_the_page(hub, tagger: Tagger):
    from dataclasses import replace

    report = replace(tagger.evaluate(TOKENS, TAGS, resamples=0), source="/private/ann/news.conll, test")
    tagger.push_to_hub("me/ner", report=report)
    assert card_of(hub, "me/ner").data.eval_results[0].dataset_name == "news.conll, test"
    assert "ann" not in hub.files("me/ner")["README.md"].decode()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"report": 0.93}, "report=float: give what evaluate"),
        ({"license": 4}, "license=4: give its name"),
        ({"license": " "}, "license=' '"),
        ({"private": "yes"}, "private='yes': give True or False"),
        ({"repository": "a/b/c"}, "can't be the name of a repository"),
        ({"repository": None}, "None can't be the name of a repository"),
    ],
)
def test_a_wrong_value_is_told_before_the_hub_is_asked(hub, tagger: Tagger, wrong: dict, message: str):
    with pytest.raises(UsageError, match=message):
        tagger.push_to_hub(**{"repository": "me/ner", **wrong})
    assert hub.requests == []


@pytest.mark.parametrize("folder", [None, 3, b"models/ner"], ids=repr)
def test_what_names_no_folder_is_told(folder, tagger: Tagger):
    for write in (tagger.save, tagger.export):
        with pytest.raises(UsageError, match=r"names no folder; give its path, as a string or a pathlib\.Path"):
            write(folder)


def test_a_report_of_another_task_and_a_model_that_is_not_trained_are_refused(
    hub, tagger: Tagger, saved_classifier: Path
):
    report = Classifier.load(saved_classifier).evaluate(TEXTS, LABELS, resamples=0)
    with pytest.raises(UsageError, match=r"report=ClassReport: .* the task 'tag'"):
        tagger.push_to_hub("me/ner", report=report)
    with pytest.raises(UsageError, match="not trained yet"):
        Tagger().push_to_hub("me/ner")
    assert hub.requests == []


def test_the_card_names_the_data_set_on_the_hub_that_training_used(hub, tmp_path: Path):
    corpus = load_corpus(Dataset.from_dict({"tokens": TOKENS, "tags": TAGS}))
    note_origin("ada/news", corpus)
    tagger = tiny_tagger(epochs=1).fit(corpus["train"], dev=corpus["train"], watchers=())
    assert ModelCard.load(tagger.save(tmp_path / "m") / "README.md").data.datasets == ["ada/news"]
    Tagger.load(tmp_path / "m").push_to_hub("me/ner", datasets=["conll2003", "ada/news"])
    assert card_of(hub, "me/ner").data.datasets == ["ada/news", "conll2003"]
