"""`seqtag train --task lm`: what it leaves behind and prints, and what the commands refuse to do with its model."""

import gzip
import json
import math
from pathlib import Path

import pytest
from small_corpus import LINES, SENTENCES, TEXT, TINY, Run, conll

from seqtag import LanguageModel


def test_training_saves_a_model_says_its_figure_and_how_to_go_on(run: Run, text: Path, tmp_path: Path):
    out = tmp_path / "deep" / "m"
    result = run("train", text, "--out", out, *TINY, "--test", text)
    assert result.exit_code == 0, result.stderr
    model = LanguageModel.load(out, device="cpu")
    best = max(model.history_, key=lambda record: record.dev_score)
    dev = f"dev {-best.dev_score / math.log(2):.3f} bits/character"
    assert f"saved in {out}: epoch {best.epoch}, {dev}" in result.stderr
    assert f"seqtag generate {out} --prompt" in result.stderr
    figures = model.evaluate(text)
    assert figures.interval[0] < figures.perplexity < figures.interval[1]
    lines = result.stdout.splitlines()
    between = "95% interval {:.2f} to {:.2f}".format(*figures.interval)
    assert lines[2:4] == ["In short", f"perplexity per character {figures.perplexity:.2f} ({between})"]
    assert f"- It needs {model.bits_per_character(text):.4f} bits per character of the text." in lines
    assert lines[-2:] == ["Counts", f"{len(TEXT):,} characters, 0 of them unknown"]
    assert [path.name for path in out.parent.iterdir()] == ["m"]  # the state of the run is gone


def test_a_folder_with_a_file_a_split_is_used_as_such(run: Run, text: Path, tmp_path: Path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("train", "valid", "test"):
        with gzip.open(folder / f"{name}.txt.gz", "wt", encoding="utf-8") as file:
            file.write(TEXT if name == "train" else "".join(LINES[:8]))
    (folder / "NOTICE.txt").write_text("Zoë's own.\n", encoding="utf-8")
    result = run("train", folder, "--out", tmp_path / "m", *TINY, "--set", "level=word")
    assert result.exit_code == 0, result.stderr
    assert "held out" not in result.stderr
    head, *_, counts = result.stdout.splitlines()
    assert head.endswith("corpus/test.txt.gz")  # a long path is cut in front
    assert counts == f"{len(''.join(LINES[:8])):,} characters, 56 words, 0 of them unknown"
    of_folder = run("evaluate", tmp_path / "m", folder)
    assert of_folder.stdout == result.stdout
    train = run("evaluate", tmp_path / "m", folder, "--split", "train")
    assert train.stdout.splitlines()[0].endswith("corpus/train.txt.gz")
    unknown = run("evaluate", tmp_path / "m", folder, "--split", "tset")
    assert "no split 'tset'; choose from dev, test, train; did you mean 'test'?" in unknown.stderr


def test_the_page_of_a_language_model_answers_first_and_draws_its_training(
    run: Run, text: Path, writer: Path, tmp_path: Path
):
    page, markdown = tmp_path / "report.html", tmp_path / "report.md"
    result = run("evaluate", writer, text, "--html", page, "--markdown", markdown, "--json", tmp_path / "report.json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert f"**perplexity per character {figures['perplexity']:.2f}**" in markdown.read_text(encoding="utf-8")
    written = page.read_text(encoding="utf-8")
    assert f"<b>{figures['perplexity']:.2f}</b>" in written
    assert ("Training: loss by epoch" in written) == (len(figures["history"]) > 1)
    assert "Training: dev score" not in written


def test_a_killed_run_is_resumed(run: Run, text: Path, writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "m"

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("seqtag.store._write_files", fail)
        assert run("train", text, "--out", out, *TINY, "--dev", text).exit_code == 1
    result = run("train", text, "--out", out, *TINY, "--dev", text, "--resume")
    assert (result.exit_code, "epoch 1/2" in result.stderr) == (0, False)
    assert (out / "model.safetensors").read_bytes() == (writer / "model.safetensors").read_bytes()
    assert "holds a model already" in run("train", text, "--out", out, *TINY).stderr


@pytest.mark.parametrize("name", ["news.conll", "news.txt", "news.tsv", "pos.txt"])
def test_tags_are_no_text(run: Run, tmp_path: Path, writer: Path, name: str):
    data = tmp_path / name
    tagged = [[(token, "VERB" if name == "pos.txt" else tag) for token, tag in rows] for rows in SENTENCES[:20]]
    data.write_text(conll(tagged), encoding="utf-8")
    result = run("train", data, "--out", tmp_path / "m", *TINY)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: {data}: holds tokens with tags, and running text is wanted here; give a text file, or "
        "leave --task lm out to train a tagger\n"
    )
    assert "holds tokens with tags" in run("train", f"{data}:token=0,tag=1", "--out", tmp_path / "m", *TINY).stderr
    assert "holds tokens with tags" in run("evaluate", writer, data).stderr
    assert not list(tmp_path.glob("*m*"))


@pytest.mark.parametrize("task", ["tag", "classify"])
def test_running_text_is_no_corpus_of_labels(run: Run, tmp_path: Path, task: str):
    data = tmp_path / "novel.txt"
    data.write_text("It rained.\n\nNobody came all day, and nobody called.\nIt rained on.\n", encoding="utf-8")
    result = run("train", data, "--out", tmp_path / "m", "--task", task)
    assert (result.exit_code, result.stdout) == (1, "")
    complaint = result.stderr.splitlines()[-1]
    assert complaint.startswith(f"error: {data}:")
    assert complaint.endswith("; if this is running text to learn a language model from: --task lm")


def test_two_words_a_line_are_text_still(run: Run, tmp_path: Path):
    data = tmp_path / "verse.txt"
    data.write_text("rain falls\nnight calls\n\nday comes\nbee hums\n\n" * 20, encoding="utf-8")
    assert run("train", data, "--out", tmp_path / "m", *TINY).exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["generate", "NER", "--prompt", "a"], 2, "NER: holds a tagger, and a language model writes; train one on"),
        (["generate", "nowhere", "--prompt", "a"], 2, "nowhere: not a model folder, it does not exist"),
        (["generate", "LM", "--top-p", "2", "--num-tokens", "-1"], 2, "num_tokens=-1: must be a whole number"),
        (["generate", "LM", "--top-p", "2", "--num-tokens", "-1"], 2, "top_p=2.0: must be a number above 0, at most 1"),
        (["predict", "LM"], 2, "LM: holds a language model, which knows no tags or classes; `seqtag generate` writes"),
        (["tune", "LM", "TEXT"], 2, "LM: holds a language model"),
        (["export", "LM"], 2, "LM: holds a language model"),
        (["evaluate", "LM", "TEXT", "--split", "dev"], 2, "no split 'dev'; it is one text; leave out --split"),
        (["evaluate", "LM", "nowhere.txt"], 2, "there is no such file or folder"),
        (["train", "nowhere.txt", "--out", "OUT", "--task", "lm"], 2, "there is no such file or folder"),
        (
            ["train", "TEXT", "--out", "OUT", "--task", "ml"],
            2,
            "--task ml: unknown; choose from classify, lm, tag; did",
        ),
        (
            ["train", "TEXT", "--out", "OUT", "--task", "lm", "--set", "levle=word"],
            2,
            "--set levle: there is no such option for --task lm; choose from ",
        ),
        (["train", "TEXT", "--out", "OUT", "--task", "lm", "--set", "level=words"], 2, "did you mean 'word'?"),
        (["train", "TEXT", "--out", "OUT", "--task", "lm", "--set", "bptt=999999"], 1, "lower batch_size or bptt"),
    ],
)
def test_mistakes_are_one_message(
    run: Run, writer: Path, model: Path, text: Path, tmp_path: Path, words: list, code: int, message: str
):
    places = {"LM": writer, "NER": model, "TEXT": text, "OUT": tmp_path / "m"}
    result = run(*(places.get(word, word) for word in words), stdin="")
    assert (result.exit_code, result.stdout) == (code, "")
    for name in ("LM", "NER"):
        message = message.replace(f"{name}:", f"{places[name]}:")
    assert message in result.stderr
    assert "error: " in result.stderr
    assert not (tmp_path / "m").exists()


def test_a_backward_model_is_measured_and_does_not_write(run: Run, text: Path, tmp_path: Path):
    out = tmp_path / "m"
    result = run("train", text, "--out", out, *TINY, "--set", "direction=backward", "--dev", text)
    assert (result.exit_code, "seqtag generate" in result.stderr) == (0, False)
    assert run("evaluate", out, text).exit_code == 0
    refused = run("generate", out, "--prompt", "the")
    assert (refused.exit_code, "this model reads backward" in refused.stderr) == (2, True)
