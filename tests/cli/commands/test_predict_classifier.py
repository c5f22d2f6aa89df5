"""`seqtag predict` with a classifier: every form in and out, in order, as it comes, and nothing lost."""

import csv
import gzip
import io
import json
import subprocess
from heapq import nlargest
from pathlib import Path

import pytest
from small_corpus import LABELLED, Run, table

from seqtag import Classifier, load_corpus

TEXTS = ["The room was lovely.", "", "Rude again!\tAnd a mess.", "  ", 'made of "brick"\x85 and', "Zoë's room."]
BLANK = [1, 3]


@pytest.fixture(scope="module")
def classifier(classifier_folder: Path) -> Classifier:
    return Classifier.load(classifier_folder, device="cpu")


class Oracle:
    """What a model says of texts, as the forms write it, one text at a time."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.names = list(map(str, classifier.classes_))

    def shares(self, text: str | list[str]) -> dict[str, float]:
        blank = not (text.strip() if isinstance(text, str) else text)
        share_L = self.classifier.prior_ if blank else self.classifier.predict_proba([text])[0]
        return dict(zip(self.names, map(float, share_L)))

    def cells(self, text: str | list[str]) -> list[str]:
        shares = self.shares(text)
        label = max(shares, key=lambda name: shares[name])
        return [label, f"{shares[label]:.4f}"]

    def about(self, text: str | list[str]) -> dict:
        shares = {name: pytest.approx(round(share, 4), abs=1.01e-4) for name, share in self.shares(text).items()}
        label = self.cells(text)[0]
        return {"label": label, "score": shares[label], "scores": shares}


@pytest.fixture(scope="module")
def oracle(classifier: Classifier) -> Oracle:
    return Oracle(classifier)


def test_each_line_gets_class_probability_and_text(run: Run, classifier_folder: Path, oracle: Oracle, tmp_path: Path):
    lines = "".join(f"{text}\n" for text in TEXTS)
    result = run("predict", classifier_folder, stdin=lines)
    assert result.exit_code == 0
    assert result.stdout == "".join("\t".join([*oracle.cells(text), text]) + "\n" for text in TEXTS)
    assert result.stderr == (
        "warning: 2 texts are blank and get the shares of the classes in training: <stdin>:2, <stdin>:4\n"
    )
    for name in ("in.txt", "in"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
        assert run("predict", classifier_folder, tmp_path / name).stdout == result.stdout
    assert run("predict", classifier_folder, "--text", stdin=lines).stdout == result.stdout


def test_the_classes_that_were_learnt_come_out(run: Run, classifier_folder: Path):
    single = [(text, label) for text, label in LABELLED if "\n" not in text]
    result = run("predict", classifier_folder, stdin="".join(f"{text}\n" for text, _ in single))
    assert [line.split("\t")[0] for line in result.stdout.split("\n")[:-1]] == [label for _, label in single]


def test_json_lines_keep_their_keys_and_may_mix_texts_and_tokens(
    run: Run, classifier_folder: Path, oracle: Oracle, tmp_path: Path
):
    records = [
        {"id": 1, "text": "So\nlovely", "label": "gold", "score": None},
        {"tokens": ["So", "rude"]},
        {"text": "a mess", "tokens": ["lovely"]},
        {"text": None, "id": 4},
        {"tokens": []},
    ]
    file = tmp_path / "in.jsonl"
    file.write_text("\n\n".join(map(json.dumps, records)), encoding="utf-8")
    result = run("predict", classifier_folder, file)
    first = oracle.about("So\nlovely")
    expected = [
        records[0] | {"predicted_label": first["label"], "predicted_score": first["score"], "scores": first["scores"]},
        records[1] | oracle.about(["So", "rude"]),
        records[2] | oracle.about("a mess"),
        records[3] | oracle.about(""),
        records[4] | oracle.about([]),
    ]
    assert [json.loads(line) for line in result.stdout.splitlines()] == expected
    assert "2 texts are blank" in result.stderr
    assert f"{file}:7, {file}:9" in result.stderr
    # As text each is one line, whatever breaks it.
    plain = run("predict", classifier_folder, file, "--format", "text").stdout
    texts = ["So lovely", "So rude", "a mess", "", ""]
    assert [line.split("\t")[2] for line in plain.split("\n")[:-1]] == texts
    named = tmp_path / "named.jsonl"
    named.write_text(json.dumps({"text": "a mess", "said": "lovely"}), encoding="utf-8")
    answer = json.loads(run("predict", classifier_folder, f"{named}:text=said").stdout)
    assert answer == {"text": "a mess", "said": "lovely", **oracle.about("lovely")}


HEADER = ["id", "review", "label"]
ROWS = [[str(i), text, "x,y"] for i, text in enumerate([*TEXTS, "two\nlines", 'a "b", c'])]


def test_a_table_keeps_its_columns_and_gains_two(run: Run, classifier_folder: Path, oracle: Oracle, tmp_path: Path):
    out = tmp_path / "out.csv"
    expected = [[*row, *oracle.cells(row[1])] for row in ROWS]
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(table(ROWS, HEADER).encode()))
    (tmp_path / "odd.csv").write_text(table(ROWS, ["id", "what they said", "label"], ";"), encoding="utf-8")
    (tmp_path / "in.tsv").write_text(table(ROWS, HEADER, "\t"), encoding="utf-8")
    for source, delimiter in (("in.csv.gz", ","), ("odd.csv:text=what they said,label=label", ";"), ("in.tsv", "\t")):
        result = run("predict", classifier_folder, tmp_path / source, "--output", out)
        assert (result.exit_code, result.stdout) == (0, "")
        header = ["id", "what they said" if ";" in delimiter else "review", "label", "predicted_label", "score"]
        assert out.read_text(encoding="utf-8") == table(expected, header, delimiter)
        # Lines, not rows, are counted: the header is line 1.
        name = (tmp_path / source.partition(":")[0]).as_posix()
        assert f"2 texts are blank and get the shares of the classes in training: {name}:3, {name}:5" in result.stderr


def test_a_table_without_header_or_quotes_stays_one(run: Run, classifier_folder: Path, oracle: Oracle, tmp_path: Path):
    rows = [["1", 'a "lovely" room'], ["2", '"Rude'], ["3", "a joy"]]
    file = tmp_path / "in.tsv"
    file.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    answers = [[*row, *oracle.cells(row[1])] for row in rows]
    for column in ("1", "-1"):
        result = run("predict", classifier_folder, f"{file}:text={column}")
        assert result.stdout == "".join("\t".join(row) + "\n" for row in answers)
    objects = run("predict", classifier_folder, f"{file}:text=1", "--format", "jsonl").stdout.splitlines()
    assert json.loads(objects[1]) == {"0": "2", "1": '"Rude', **oracle.about('"Rude')}


def test_no_row_of_a_table_is_lost(run: Run, classifier_folder: Path, oracle: Oracle, tmp_path: Path):
    single = tmp_path / "single.csv"
    single.write_text('text\nlovely\n""\n" "\n\nrude', encoding="utf-8")
    texts = ["lovely", "", " ", "rude"]  # a blank line is no row, as csv and pandas see it
    expected = table([[text, *oracle.cells(text)] for text in texts], ["text", "label", "score"])
    assert run("predict", classifier_folder, single).stdout == expected
    plain = tmp_path / "plain.tsv"
    plain.write_text('\nlovely\n\n"rude\n', encoding="utf-8")
    lines = run("predict", classifier_folder, plain).stdout
    assert lines == "".join("\t".join([text, *oracle.cells(text)]) + "\n" for text in ["", "lovely", "", '"rude'])
    only_header = tmp_path / "header.csv"
    only_header.write_text("id,text\n", encoding="utf-8")
    assert run("predict", classifier_folder, only_header).stdout == "id,text,label,score\n"


def test_lines_of_text_can_become_a_table(run: Run, classifier_folder: Path, oracle: Oracle):
    result = run("predict", classifier_folder, "--format", "csv", stdin="so, so lovely\nrude\n")
    texts = ["so, so lovely", "rude"]
    assert result.stdout == table([[text, *oracle.cells(text)] for text in texts], ["text", "label", "score"])


def test_attention_shows_the_words_that_weigh_most(run: Run, classifier_folder: Path, classifier: Classifier):
    texts = ["Our guide was rude again!", "", "a joy"]
    lines = "".join(f"{text}\n" for text in texts)
    weights = classifier.predict_attention(texts)
    result = run("predict", classifier_folder, "--attention", "--format", "jsonl", stdin=lines)
    answers = [json.loads(line)["attention"] for line in result.stdout.splitlines()]
    expected = [
        [[w.text, pytest.approx(w.weight, abs=1.01e-4)] for w in weights_of_text] for weights_of_text in weights
    ]
    assert answers == expected
    assert [sum(weight for _, weight in pairs) for pairs in answers] == [
        pytest.approx(1, abs=1e-3),
        0,
        pytest.approx(1),
    ]
    shown = run("predict", classifier_folder, "--attention", stdin=lines).stdout.split("\n")[:-1]
    rows = [line.split("\t") for line in shown]
    assert [row[3] for row in rows] == texts
    top = [
        " ".join(f"{w.text}({w.weight:.2f})" for w in nlargest(3, weights_of_text, key=lambda w: w.weight))
        for weights_of_text in weights
    ]
    assert [row[2] for row in rows] == top
    cells = list(
        csv.reader(io.StringIO(run("predict", classifier_folder, "--attention", "--format", "csv", stdin=lines).stdout))
    )
    assert (cells[0], [row[3] for row in cells[1:]]) == (["text", "label", "score", "attention"], top)


def test_any_number_of_labels(run: Run, several_folder: Path, tmp_path: Path):
    texts = ["They were rude and late here.", "They were in Oslo!", "They were late there."]
    lines = "".join(f"{text}\n" for text in texts)
    classifier = Classifier.load(several_folder)
    assert classifier.predict(texts) == [["late", "rude"], [], ["late"]]
    scores = [dict(zip(["late", "rude"], map(float, row))) for row in classifier.predict_proba(texts)]
    cells = [
        ["late,rude", f"{scores[0]['late']:.4f},{scores[0]['rude']:.4f}"],
        ["", ""],
        ["late", f"{scores[2]['late']:.4f}"],
    ]
    plain = run("predict", several_folder, stdin=lines).stdout
    assert plain == "".join("\t".join([*answer, text]) + "\n" for answer, text in zip(cells, texts))
    as_csv = run("predict", several_folder, "--format", "csv", stdin=lines).stdout
    assert as_csv == table([[text, *answer] for answer, text in zip(cells, texts)], ["text", "labels", "scores"])
    objects = [
        json.loads(o) for o in run("predict", several_folder, "--format", "jsonl", stdin=lines).stdout.splitlines()
    ]
    assert [o["labels"] for o in objects] == [["late", "rude"], [], ["late"]]
    rounded = [{name: pytest.approx(share, abs=1e-4) for name, share in shares.items()} for shares in scores]
    assert [o["scores"] for o in objects] == rounded
    assert [set(o) for o in objects] == [{"text", "labels", "scores"}] * 3


def test_order_is_kept_over_many_batches(run: Run, classifier_folder: Path, tmp_path: Path):
    texts = [f"Number {i} is " + "lovely " * (i * 7 % 5) for i in range(1300)]
    texts[700] = texts[1299] = ""
    file = tmp_path / "in.txt"
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    result = run("predict", classifier_folder, file)
    assert [line.split("\t")[2] for line in result.stdout.split("\n")[:-1]] == texts
    # One message for all, by the lines of the file.
    assert result.stderr == (
        f"warning: 2 texts are blank and get the shares of the classes in training: {file}:701, {file}:1300\n"
    )


def test_a_pipe_is_answered_line_by_line(commands: Path, classifier_folder: Path, oracle: Oracle):
    words = [str(commands / "seqtag"), "predict", str(classifier_folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in ("The room was lovely.", "", "Rude."):
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            # Standard input stays open: without an answer to this line the test hangs.
            assert process.stdout.readline().decode() == "\t".join([*oracle.cells(text), text]) + "\n"
        rest, complaints = process.communicate(timeout=30)
    assert (rest, process.returncode) == (b"", 0)
    assert complaints == (b"warning: 1 text is blank and gets the shares of the classes in training: <stdin>:2\n")


def test_no_input_gives_no_output(run: Run, classifier_folder: Path):
    for flags in ([], ["--text"], ["--jsonl"]):
        result = run("predict", classifier_folder, *flags, stdin="")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "stdin", "code", "message"),
    [
        (["nowhere.txt"], "", 2, "nowhere.txt: there is no such file"),
        (["nowhere.csv"], "", 2, "nowhere.csv: there is no such file"),
        (
            ["news.conll.gz"],
            "",
            2,
            "news.conll.gz: by its name this is a column file with one token per line, and the model is a classifier, "
            "which takes text, one per line (--text), or JSON lines (--jsonl), or a table with one text per row",
        ),
        (
            ["--format", "conll"],
            "",
            2,
            "--format conll: unknown for a classifier; choose from csv, doccano, hf, jsonl,",
        ),
        (["--", "-:text=1"], "", 2, "-:text=1: this input has no columns; leave out :text=1"),
        (["in.csv:token=1"], "", 2, "token= is for task='tag'"),
        (["in.csv:config=x"], "", 2, "in.csv:config=x: config= is for data sets in hub layout"),
        (["--jsonl", "--format", "csv"], "", 2, "--format csv: objects in JSON lines may differ in their keys"),
        (["--jsonl"], '{"text": 3}', 1, '<stdin>:1: neither a string "text" nor a list of strings "tokens"'),
        (["--jsonl"], '{"txt": "a"}', 1, '<stdin>:1: neither a string "text" nor a list of strings "tokens"'),
        (["--jsonl", "--", "-:text=said"], '{"text": "a"}', 1, '<stdin>:1: neither a string "said"'),
        (["--text"], b"Ada\nZo\xeb\n", 1, "<stdin>:2: byte 3 of the line is 0xeb, which is not UTF-8"),
    ],
)
def test_mistakes(words: list[str], stdin: str | bytes, code: int, message: str, run: Run, classifier_folder: Path):
    result = run("predict", classifier_folder, *words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("content", "suffix", "code", "message"),
    [
        ("", "", 1, "FILE: the file is empty"),
        ("\n\n", "", 1, "FILE: the file has no rows; a table holds one text per row"),
        ("id,said\n1,Fine.\n", "", 2, "FILE: ambiguous text column (0, 1): name one by header or by number from 0, as"),
        (
            "review,comment\na,b\n",
            "",
            2,
            "(review, comment): name one by header or by number from 0, as in FILE:text=comment",
        ),
        ("id,said\n1,Fine.\n", ":text=sad", 2, "FILE:1: no column 'sad' for text= in the header; choose from id, said"),
        ("id,said\n1,Fine.\n", ":text=2", 2, "FILE: no column 2 for text=; there are 2, numbered from 0"),
        ("id,id,text\n1,2,Fine.\n", "", 1, "FILE:1: two columns are called 'id'; rename one"),
        ("id,text\n1,So, fine\n", "", 1, "FILE:2: 3 columns, where line 1 has 2; put a text with a delimiter"),
        ('id,text\n1,"a\nb"\n2,"Fine\n', "", 1, "FILE:4: the row that begins here is not well quoted"),
    ],
)
def test_tables_that_fall_short(
    content: str, suffix: str, code: int, message: str, run: Run, classifier_folder: Path, tmp_path: Path
):
    file = tmp_path / "in.csv"
    file.write_text(content, encoding="utf-8")
    result = run("predict", classifier_folder, f"{file}{suffix}", "--output", tmp_path / "out.csv")
    assert (result.exit_code, result.stdout) == (code, "")
    assert message.replace("FILE", str(file)) in result.stderr
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "has"),
    [(["--set", "hidden_size=4", "--set", "pooling=max"], "pooling=max"), (["--set", "encoder=None"], "no encoder")],
)
def test_attention_needs_a_model_that_has_it(words: list[str], has: str, run: Run, labelled: Path, tmp_path: Path):
    options = ["--task", "classify", "--epochs", "1", *words]
    assert run("train", labelled, "--out", tmp_path / "m", *options).exit_code == 0
    result = run("predict", tmp_path / "m", "--attention", stdin="a\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"--attention: this model has {has}, so its words have no weights" in result.stderr


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('"Great, thanks";good\n"So; so";bad\n', ":text=0"),  # no header, and delimiters in quotes
        ('label;text\ngood;"Great, thanks"\nbad;"So; so"\n', ""),
        ("text\tlabel\nGreat, thanks\tgood\nSo; so\tbad\n", ""),
    ],
)
def test_a_table_that_trains_is_predicted(
    content: str, columns: str, run: Run, classifier_folder: Path, tmp_path: Path
):
    file = tmp_path / "in.csv"
    file.write_text(content, encoding="utf-8")
    corpus = load_corpus(f"{file}:text=0,label=1" if columns else str(file), task="classify", split="train")
    answers = run("predict", classifier_folder, f"{file}{columns}", "--format", "text")
    assert answers.exit_code == 0, answers.stderr
    predicted = [line.split("\t")[2] for line in answers.stdout.splitlines()]
    assert predicted == corpus["text"][:] == ["Great, thanks", "So; so"]
