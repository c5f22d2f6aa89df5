"""`seqtag evaluate`: the figures that it prints, of each kind of model, and data that do not fit the model."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from small_corpus import GOLD, LABELLED, SENTENCES, Run, table, write_tags

from seqtag import Classifier, LanguageModel, Patterns, Tagger, load_corpus
from seqtag.evaluation.classifying.evaluation import evaluate_labels
from seqtag.text.schemes import convert_tags
from seqtag.training.watchers import EpochRecord
from seqtag.version import __version__


def test_evaluate_prints_the_report_of_the_test_split(run: Run, model: Path, corpus: Path, tmp_path: Path):
    report = replace(Tagger.load(model).evaluate(load_corpus(str(corpus), split="test")), model=str(model))
    result = run("evaluate", model, corpus, "--json", tmp_path / "figures.txt")
    assert (result.exit_code, result.stdout) == (0, f"{replace(report, source=str(corpus))}\n")
    figures = json.loads((tmp_path / "figures.txt").read_text(encoding="utf-8"))
    assert figures == replace(report, source=str(corpus)).to_dict()
    assert json.loads(run("evaluate", model, corpus, "--json", "-").stdout) == figures
    dev = replace(Tagger.load(model).evaluate(load_corpus(str(corpus), split="dev")), model=str(model))
    named = run("evaluate", model, corpus, "--split", "dev", "--json", "-")
    assert json.loads(named.stdout) == replace(dev, source=f"{corpus}, dev").to_dict()


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES", "BILOU"])
def test_a_model_is_measured_on_data_in_any_scheme(scheme: str, run: Run, model: Path, tmp_path: Path):
    as_trained = write_tags(tmp_path / "own.conll", GOLD)
    other = write_tags(tmp_path / "other.conll", [convert_tags(tags, "IOB2", scheme) for tags in GOLD])
    first, second = (json.loads(run("evaluate", model, file, "--json", "-").stdout) for file in (as_trained, other))
    assert first | {"source": ""} == second | {"source": ""}
    assert first["num_gold"] == 2 * len(SENTENCES)


def test_unknown_labels_count_as_missed_until_there_is_no_other(run: Run, model: Path, tmp_path: Path):
    partly = write_tags(tmp_path / "partly.conll", [[tag.replace("LOC", "TOWN") for tag in tags] for tags in GOLD])
    result = run("evaluate", model, partly, "--json", "-")
    assert result.exit_code == 0
    assert (
        "warning: the evaluation data has the label 'TOWN' not known to the model, which has LOC, PER" in result.stderr
    )
    rows = {row["label"]: row for row in json.loads(result.stdout)["strict"]["labels"]}
    assert (rows["TOWN"]["recall"], rows["TOWN"]["support"]) == (0.0, len(SENTENCES))
    wholly = write_tags(tmp_path / "wholly.conll", [["B-TOWN" if tag != "O" else "O" for tag in tags] for tags in GOLD])
    result = run("evaluate", model, wholly)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has only the label 'TOWN' not known to the model, which has LOC, PER; is the tag column" in result.stderr
    plain = write_tags(tmp_path / "plain.conll", [["NOUN"] * len(tags) for tags in GOLD])
    result = run("evaluate", model, plain)
    assert (result.exit_code, "'NOUN', for one, is a plain label" in result.stderr) == (2, True)


def test_a_split_that_is_not_there(run: Run, model: Path, corpus: Path, tmp_path: Path):
    result = run("evaluate", model, corpus, "--split", "tset")
    assert result.exit_code == 2
    assert "no split 'tset'; choose from dev, test, train; did you mean 'test'?" in result.stderr
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_bytes((corpus / f"{name}.conll").read_bytes())
    result = run("evaluate", model, tmp_path)
    assert (result.exit_code, "among train, dev; choose one with --split" in result.stderr) == (2, True)


def shown(record: EpochRecord) -> dict[str, object]:
    """What a report says of an epoch."""
    return {name: getattr(record, name) for name in ("epoch", "loss", "dev_score", "dev_loss")}


def test_a_classifier_s_report_is_that_of_the_test_split(
    run: Run, classifier_folder: Path, labelled: Path, tmp_path: Path
):
    classifier = Classifier.load(classifier_folder)
    splits = load_corpus(str(labelled), task="classify")
    report = replace(classifier.evaluate(splits["test"]), source=str(labelled), model=str(classifier_folder))
    result = run("evaluate", classifier_folder, labelled, "--json", tmp_path / "figures.json")
    assert (result.exit_code, result.stdout) == (0, f"{report}\n")
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures == json.loads(run("evaluate", classifier_folder, labelled, "--json", "-").stdout)
    assert figures["history"] == [shown(each) for each in classifier.history_]
    # What the model says, counted without it.
    names = splits["test"].features["label"].names
    gold, texts = [names[i] for i in splits["test"]["label"]], splits["test"]["text"][:]
    known = {"labels": classifier.classes_.tolist(), "probabilities": classifier.predict_proba(texts), "texts": texts}
    counted = evaluate_labels(gold, classifier.predict(texts), **known, source=str(labelled)).to_dict()
    assert {**figures, "slices": [], "history": [], "model": ""} == counted
    assert sum(cut["num_right"] for cut in figures["slices"][:-4]) == round(figures["accuracy"] * len(texts))
    named = json.loads(run("evaluate", classifier_folder, labelled, "--split", "dev", "--json", "-").stdout)
    dev = replace(classifier.evaluate(splits["dev"]), source=f"{labelled}, dev", model=str(classifier_folder))
    assert named == dev.to_dict()


def test_a_split_or_a_label_that_is_not_there(run: Run, classifier_folder: Path, labelled: Path, tmp_path: Path):
    result = run("evaluate", classifier_folder, labelled, "--split", "tset")
    assert (result.exit_code, "no split 'tset'; choose from dev, test, train; did you" in result.stderr) == (2, True)
    odd = tmp_path / "odd.csv"
    odd.write_text(table([*LABELLED[:8], ("It was odd.", "odd")]), encoding="utf-8")
    figures = json.loads(run("evaluate", classifier_folder, odd, "--json", "-").stdout)
    assert (figures["unknown"], figures["num_texts"], figures["log_loss"]) == (["odd"], 9, None)
    assert {row["label"]: row["recall"] for row in figures["classes"]}["odd"] == 0.0


def test_data_of_the_other_task(run: Run, model: Path, classifier_folder: Path, corpus: Path, labelled: Path):
    result = run("evaluate", classifier_folder, f"{corpus / 'test.conll'}:token=0")
    assert (result.exit_code, "token= is for task='tag'" in result.stderr) == (2, True)
    result = run("evaluate", model, f"{labelled / 'test.csv'}:text=text")
    assert (result.exit_code, "text= is for task='classify'" in result.stderr) == (2, True)
    assert run("evaluate", model, labelled / "test.csv").exit_code in (1, 2)


def test_evaluate_writes_its_figures_as_json(run: Run, writer: Path, text: Path, tmp_path: Path):
    new = tmp_path / "new.txt"
    new.write_text("the cat saw the bée .\n", encoding="utf-8")
    result = run("evaluate", writer, new, "--json", "-")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    model = LanguageModel.load(writer, device="cpu")
    assert figures == {
        **{"source": str(new), "level": "character", "direction": "forward"},
        **{"num_characters": 22, "num_tokens": 22, "num_unknown": 2},
        "perplexity": pytest.approx(model.perplexity(new)),
        "bits_per_character": pytest.approx(model.bits_per_character(new)),
        **{"model": str(writer), "date": date.today().isoformat(), "seqtag_version": __version__},
        "history": [shown(each) for each in model.history_],
        "interval": None,  # of a single line
    }
    result = run("evaluate", writer, new, "--json", tmp_path / "figures.json")
    assert "2 of them unknown" in result.stdout
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")) == figures


def test_a_tagger_is_measured_together_with_its_patterns(run: Run, model: Path, tmp_path: Path):
    data, patterns = write_tags(tmp_path / "data.conll", GOLD), tmp_path / "patterns.jsonl"
    patterns.write_text(json.dumps({"label": "PER", "pattern": SENTENCES[0][0][0]}) + "\n", encoding="utf-8")
    result = run("evaluate", model, data, "--known", patterns, "--known-strength", "3", "--json", "-")
    known = Patterns.load(patterns)
    report = Tagger.load(model).evaluate(load_corpus(str(data))["train"], known=known, strength=3.0)
    expected = replace(report, source=str(data), model=str(model)).to_dict()
    assert json.loads(result.stdout) == expected
    assert expected["num_known"] == sum(len(known.match([token for token, _ in row])) for row in SENTENCES) > 0
    alone = run("evaluate", model, data, "--known-strength", "3")
    assert (alone.exit_code, "give a file of them: --known FILE" in alone.stderr) == (2, True)
