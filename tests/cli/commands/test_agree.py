"""`seqtag agree`: which corpora are compared, what is printed and written, and what is refused."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from small_corpus import GOLD, SENTENCES, Run, table, write_tags

from seqtag.corpora.loading import load_corpus

QUICK = ("--resamples", "50")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three annotators: the second leaves out some places, and the third calls some persons places."""
    left_out = [["O" if tag.endswith("LOC") and n % 3 == 0 else tag for tag in tags] for n, tags in enumerate(GOLD)]
    renamed = [[tag.replace("PER", "LOC") if n % 5 == 0 else tag for tag in tags] for n, tags in enumerate(GOLD)]
    versions = {"ada": GOLD, "bo": left_out, "cy": renamed}
    return [write_tags(tmp_path / f"{name}.conll", tags) for name, tags in versions.items()]


def test_annotators_are_compared_and_shown(run: Run, files: list[Path]):
    result = run("agree", *files, *QUICK)
    assert result.exit_code == 0
    assert "span F1, mean of 3 pairs" in result.stdout
    assert "ada, bo, cy" in result.stdout
    assert "Merge by vote with --output FILE" in " ".join(result.stdout.split())
    assert "other label (sentence" in result.stdout
    assert max(map(cell_len, result.stdout.split("\n"))) <= 80


def test_all_forms_are_written(run: Run, files: list[Path], tmp_path: Path):
    places = {form: tmp_path / f"out.{form}" for form in ("json", "html", "markdown")}
    options = [word for form, place in places.items() for word in (f"--{form}", place)]
    assert run("agree", *files[:2], *QUICK, *options).exit_code == 0
    values = json.loads(places["json"].read_text(encoding="utf-8"))
    assert values["annotators"] == ["ada", "bo"]
    assert values["merged"] is None
    assert values["f1"]["low"] <= values["f1"]["value"] <= values["f1"]["high"]
    for form in ("html", "markdown"):
        assert f"{100 * values['f1']['value']:.2f}" in places[form].read_text(encoding="utf-8")
    assert json.loads(run("agree", *files[:2], *QUICK, "--json", "-").stdout) == values


def test_a_majority_is_the_merged_corpus(run: Run, files: list[Path], tmp_path: Path):
    merged = tmp_path / "merged.conll"
    result = run("agree", *files, *QUICK, "--output", merged)
    assert result.exit_code == 0
    assert f"writtento{merged}" in "".join(result.stdout.split())  # lines may end inside of it
    corpus = load_corpus(str(merged), split="train")
    names = corpus.features["tags"].feature.names
    assert corpus["tokens"][:] == [[token for token, _ in rows] for rows in SENTENCES]
    found = [[names[tag] for tag in row] for row in corpus["tags"][:]]
    # Both of the others err in every fifteenth sentence, but not about the same span.
    assert found == GOLD
    again = run("agree", *files, *QUICK, "--output", merged)
    assert again.exit_code == 2
    assert "there is such a file already" in again.stderr
    assert run("agree", *files, *QUICK, "--output", merged, "--overwrite").exit_code == 0


@pytest.mark.parametrize("form", ["conll", "jsonl", "doccano", "label-studio", "prodigy", "spacy", "parquet"])
def test_split_votes_are_unknown_tags_in_each_format(run: Run, files: list[Path], tmp_path: Path, form: str):
    endings = {"label-studio": ".json", "spacy": ".spacy", "conll": ".conll", "parquet": ".parquet"}
    merged = tmp_path / f"merged{endings.get(form, '.jsonl')}"
    result = run("agree", *files[:2], *QUICK, "--output", merged, "--to", form, "--json", tmp_path / "a.json")
    assert result.exit_code == 0, result.stderr
    num_split = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["merged"]["num_split"]
    assert num_split == sum(tag.endswith("LOC") for tags in GOLD[::3] for tag in tags)
    corpus = load_corpus(str(merged), split="train")
    names = corpus.features["tags"].feature.names
    found = [[names[tag] for tag in row] for row in corpus["tags"][:]]
    assert names[-1] == "?"
    assert sum(row.count("?") for row in found) == num_split
    assert found == [
        ["?" if tag.endswith("LOC") and n % 3 == 0 else tag for tag in tags] for n, tags in enumerate(GOLD)
    ]
    holds_tags = form in ("conll", "jsonl", "parquet")
    assert ("they are spans with the label ?" in result.stdout.replace("\n", " ")) != holds_tags
    again = run("agree", merged, files[1], *QUICK, "--json", "-")
    assert json.loads(again.stdout)["num_unknown"] == [num_split, 0]
    assert json.loads(again.stdout)["f1"]["value"] == 1.0


def test_texts_are_compared_and_merged(run: Run, tmp_path: Path):
    rows = [(f"text {n}", "good" if n % 2 else "bad") for n in range(12)]
    for name, wrong in (("ada", ()), ("bo", (3,)), ("cy", (3, 4, 5))):
        said = [(text, "odd" if n in wrong else label) for n, (text, label) in enumerate(rows)]
        (tmp_path / f"{name}.csv").write_text(table(said), encoding="utf-8")
    files = [tmp_path / f"{name}.csv" for name in ("ada", "bo", "cy")]
    result = run("agree", *files, "--task", "classify", *QUICK, "--output", tmp_path / "merged.csv")
    assert result.exit_code == 0, result.stderr
    assert "equal labels, mean of 3 pairs 83.33" in result.stdout
    corpus = load_corpus(str(tmp_path / "merged.csv"), task="classify", split="train")
    names = corpus.features["label"].names
    assert [names[label] for label in corpus["label"]] == [
        label if n != 3 else "odd" for n, (_, label) in enumerate(rows)
    ]
    two = run("agree", *files[1:], "--task", "classify", *QUICK, "--output", tmp_path / "two.csv")
    assert "2 texts with a split vote are left out" in two.stdout


def label_studio(path: Path) -> Path:
    """Two tasks: the first was annotated by both people, the second by one."""

    def by(person, *spans):
        result = [
            {
                **{"from_name": "label", "to_name": "text", "type": "labels"},
                "value": {"start": start, "end": end, "text": text, "labels": [label]},
            }
            for start, end, text, label in spans
        ]
        return {"completed_by": person, "result": result}

    ada, oslo = (0, 3, "Ada", "PER"), (9, 13, "Oslo", "LOC")
    people = {"id": 7, "email": "bo@example.org"}
    tasks = [
        {"id": 1, "data": {"text": "Ada left Oslo."}, "annotations": [by(1, ada, oslo), by(people, ada)]},
        {"id": 2, "data": {"text": "It rained."}, "annotations": [by(1)]},
    ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_an_export_stands_for_all_annotators_that_it_names(run: Run, tmp_path: Path):
    export = label_studio(tmp_path / "export.json")
    result = run("agree", export, *QUICK, "--json", "-", "--output", tmp_path / "merged.jsonl")
    assert result.exit_code == 0, result.stderr
    values = json.loads(result.stdout)
    assert values["annotators"] == ["1", "bo@example.org"]
    assert (values["num_rows"], values["num_unknown"]) == (2, [0, 3])
    assert (values["disagreements"]["num_agreed"], values["disagreements"]["counts"]["marked by some"]) == (1, 1)
    rows = [json.loads(line) for line in (tmp_path / "merged.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["tags"] for row in rows] == [["B-PER", "O", "?", "O"], ["O", "O", "O"]]
    assert rows[0]["text"] == "Ada left Oslo."  # and not its tokens with blanks between them
    named = run("agree", f"{export}:annotator=1", f"{export}:annotator=7", *QUICK, "--json", "-")
    assert json.loads(named.stdout)["annotators"] == ["1", "7"]
    assert json.loads(named.stdout)["f1"] == values["f1"]


def test_an_export_of_one_annotator_is_refused(run: Run, tmp_path: Path):
    lines = [json.dumps({"text": "Ada left.", "spans": [], "_annotator_id": "ada"})]
    path = tmp_path / "one.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    result = run("agree", path)
    assert result.exit_code == 2
    assert (
        "there is one source, and it names one annotator; name the corpora of two annotators or more" in result.stderr
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{0}"], "there is one source; name the corpora of two annotators or more"),
        (["{0}", "{0}"], "is named twice"),
        (["{0}", "{1}", "--to", "jsonl"], "is the format of the merged corpus; add --output FILE"),
        (["{0}", "{1}", "--output", "merged.xyz"], "its ending says no format"),
        (["{0}", "{1}", "--output", "no-folder/merged.conll"], "its folder does not exist"),
        (["{0}", "{1}", "--output", "merged.conll", "--to", "jsonl"], "name a file that ends in .jsonl"),
        (["{0}", "{1}", "--output", "merged.conll", "--task", "classify"], "can't hold the data of --task classify"),
        (["{0}", "{1}", "--resamples", "0"], "resamples=0: pass at least 1"),
        (["{0}", "{1}", "--split", "dev"], "no split 'dev'"),
    ],
)
def test_wrong_use_is_one_message(run: Run, files: list[Path], words: list[str], message: str):
    result = run("agree", *(word.format(*files) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_other_texts_are_refused_with_both_versions(run: Run, files: list[Path]):
    text = files[1].read_text(encoding="utf-8")
    files[1].write_text(text.replace("Lovelace", "Byron", 1), encoding="utf-8")
    result = run("agree", *files)
    assert result.exit_code == 1
    assert "sentence 1 differs: ada has 'Ada | Lovelace | lives" in result.stderr
    assert "bo has 'Ada | Byron | lives" in result.stderr
