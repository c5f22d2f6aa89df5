"""`seqtag suspects`: what it prints and writes, the way from ticks to a corrected corpus, and wrong calls."""

import json
import re
from pathlib import Path

import pytest
from memory import RememberingTagger
from small_corpus import FRAMES, PEOPLE, PLACES, SMALL, Run, conll, table, tagged

from seqtag import Tagger, load_corpus
from seqtag.models.estimator import Estimator

ROWS = [tagged(frame, person, place) for frame in FRAMES for person in PEOPLE for place in PLACES]
WRONG = 3  # a sentence that lost its spans


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    rows = [[(token, "O") for token, _ in row] if number == WRONG else row for number, row in enumerate(ROWS)]
    path = tmp_path / "train.conll"
    path.write_text(conll(rows), encoding="utf-8")
    return path


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tagger that only counts in the place of those that are trained."""

    def make(*args, seed, **options):
        return RememberingTagger(seed=seed)

    monkeypatch.setattr("seqtag.cli.commands.suspects.make_estimator", make)


def tags_of(path: Path) -> list[list[str]]:
    rows = load_corpus(str(path), split="train")
    names = rows.features["tags"].feature.names
    return [[names[number] for number in row] for row in rows["tags"]]


def test_from_suspects_over_ticks_to_the_corrected_corpus(run: Run, spoilt: Path, remembering: None):
    page, report, corrected = (spoilt.with_name(name) for name in ("suspects.html", "report.json", "corrected.jsonl"))
    result = run("suspects", spoilt, "--folds", "3", "--html", page, "--json", report)
    assert result.exit_code == 0, result.stderr
    assert "What is suspected" in result.stdout
    assert "fold 3 of 3" in result.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    ticked = [each for each in found["suspects"] if each["row"] == WRONG and each["kind"] == "missing"]
    assert len(ticked) >= 2
    assert 'data-choices="suspects"' in page.read_text(encoding="utf-8")
    ticks = spoilt.with_name("ticked.json")
    ticks.write_text(json.dumps({"suspects": ticked}), encoding="utf-8")
    result = run("suspects", spoilt, "--accept", ticks, "--output", corrected)
    assert (result.exit_code, result.stdout) == (0, f"{corrected}: written, with {len(ticked)} corrections in all\n")
    before, after = tags_of(spoilt), tags_of(corrected)
    assert [number for number, row in enumerate(after) if row != before[number]] == [WRONG]
    assert {"B-PER", "B-LOC"} <= set(after[WRONG])
    again = run("suspects", spoilt, "--accept", ticks, "--output", corrected)
    assert again.exit_code == 2
    assert "add --overwrite" in again.stderr
    stale = run("suspects", corrected, "--accept", ticks, "--output", spoilt.with_name("b.conll"))
    assert stale.exit_code == 1
    assert "the corpus has changed since" in stale.stderr


def test_tasks_of_label_studio_have_the_proposals_as_predictions(run: Run, spoilt: Path, remembering: None):
    tasks = spoilt.with_name("tasks.json")
    result = run("suspects", spoilt, "--folds", "3", "--label-studio", tasks, "--json", "-")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["suspects"]
    stored = json.loads(tasks.read_text(encoding="utf-8"))
    assert {task["data"]["place"] for task in stored} == {f"train, sentence {each['row'] + 1}" for each in found}
    [task] = [task for task in stored if task["data"]["place"] == f"train, sentence {WRONG + 1}"]
    assert task["predictions"][0]["result"]
    assert "missing: nothing -> PER" in task["data"]["suspects"]
    # they read back as a corpus
    assert len(load_corpus(str(tasks), split="train")) == len(stored)


def test_a_split_can_be_looked_at_alone_and_all_splits_are_written(run: Run, tmp_path: Path, remembering: None):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("train", "dev"):
        (folder / f"{name}.conll").write_text(conll(ROWS[name == "dev" :: 2]), encoding="utf-8")
    result = run("suspects", folder, "--split", "dev", "--folds", "2", "--json", "-")
    assert {each["split"] for each in json.loads(result.stdout)["suspects"]} <= {"dev"}
    assert json.loads(result.stdout)["num_rows"] == len(ROWS) // 2
    (tmp_path / "ticked.json").write_text('{"suspects": []}', encoding="utf-8")
    out = tmp_path / "out"
    assert (
        run("suspects", folder, "--accept", tmp_path / "ticked.json", "--output", out, "--to", "conll").exit_code == 0
    )
    assert sorted(path.name for path in out.iterdir()) == ["dev.conll", "train.conll"]
    assert tags_of(out / "dev.conll") == tags_of(folder / "dev.conll")
    assert "no split 'test'" in run("suspects", folder, "--split", "test").stderr


def test_unknown_tags_and_annotated_labels_are_kept_or_said_to_be_lost(run: Run, tmp_path: Path):
    rows = [
        {"tokens": ["Ada", "met", "Bo"], "tags": ["B-PER", "O", "?"]},
        {"tokens": ["In", "Oslo"], "tags": ["O", "B-LOC"], "annotated_labels": ["LOC"]},
    ]
    data, ticks = tmp_path / "train.jsonl", tmp_path / "ticked.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    ticks.write_text('{"suspects": []}', encoding="utf-8")
    before = load_corpus(str(data), split="train")
    for name, num_lost in (("kept.jsonl", 0), ("kept.parquet", 0), ("columns.conll", 1), ("doc.spacy", 1)):
        result = run("suspects", data, "--accept", ticks, "--output", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        assert len(re.findall("can't hold", result.stdout)) == num_lost, result.stdout
        after = load_corpus(str(tmp_path / name), split="train")
        if not num_lost:
            assert after.features == before.features
            assert after[:] == before[:]


def test_taggers_and_classifiers_are_trained_with_the_options_of_train(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trained: list[Estimator] = []
    fit = Tagger.fit
    monkeypatch.setattr(Tagger, "fit", lambda self, *args, **kwargs: trained.append(self) or fit(self, *args, **kwargs))
    path = tmp_path / "train.conll"
    path.write_text(conll(ROWS[::4]), encoding="utf-8")
    result = run("suspects", path, "--folds", "2", *SMALL, "--epochs", "2", "--seed", "3", "--json", "-")
    assert result.exit_code == 0, result.stderr
    assert [(each.hidden_size, each.epochs, each.seed) for each in trained] == [(16, 2, 3)] * 2
    texts = tmp_path / "reviews.csv"
    rows = [(f"The {word} was {mood} {n}.", label) for n in range(4) for word in ("room", "soup") for mood, label in
            (("lovely", "good"), ("awful", "bad"))]  # fmt: skip
    texts.write_text(table(rows), encoding="utf-8")
    result = run("suspects", texts, "--task", "classify", "--folds", "2", *SMALL, "--epochs", "1", "--json", "-")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["num_labels"] == 16


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "out.conll"], "add --accept"),
        (["--accept", "ticked.json"], "add --output or --label-studio"),
        (["--accept", "ticked.json", "--output", "out.xyz"], "its ending says no format"),
        (["--accept", "ticked.json", "--output", "out.conll", "--json", "-"], "leave them out"),
        (["--to", "conll"], "add --output"),
        (["--task", "lm"], "--task lm: unknown"),
        (["--folds", "1"], "whole number of at least 2"),
        (["--label-studio", "nowhere/tasks.json"], "name a file in an existing folder"),
        (["--set", "hiden_size=3"], "did you mean 'hidden_size'"),
    ],
)
def test_a_wrong_call_is_told_what_to_do(run: Run, spoilt: Path, words: list[str], message: str):
    result = run("suspects", spoilt, *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
