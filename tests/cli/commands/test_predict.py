"""`seqtag predict`: every form in and out, in order, as it comes, and nothing lost."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpus import SENTENCES, Run, conll

from seqtag import Patterns, Tagger
from seqtag.corpora.formats.writers.documents import mark
from seqtag.corpora.loading import load_corpus
from seqtag.text.schemes import Span

TEXTS = ["Zoë Baird lives in Łódź. Kurt Gödel wrote from New York.", "", "  Last year Ada left Quito.  ", "No."]
TOKENS = [[token for token, _ in rows] for rows in SENTENCES[1::9]]


@pytest.fixture(scope="module")
def tagger(model: Path) -> Tagger:
    return Tagger.load(model, device="cpu")


def as_dicts(spans: list[Span], *, text: bool) -> list[dict]:
    keys = ["start", "end", "label", "score"] + ["text"] * text
    return [{key: getattr(span, key) for key in keys} for span in spans]


def rounded(answer: dict) -> dict:
    return answer | {"spans": [span | {"score": pytest.approx(span["score"], abs=1e-4)} for span in answer["spans"]]}


def test_columns_keep_what_they_had_and_gain_a_tag(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    rows = [[[str(i), token, "x y"] for i, token in enumerate(tokens)] for tokens in TOKENS]
    file = tmp_path / "in.tsv"
    file.write_text("".join("".join("\t".join(r) + "\n" for r in s) + "\n" for s in rows), encoding="utf-8")
    result = run("predict", model, f"{file}:token=1", "--device", "cpu")
    assert result.exit_code == 0
    found = [[line.split("\t") for line in part.split("\n")] for part in result.stdout.strip("\n").split("\n\n")]
    assert [[cells[:-1] for cells in sentence] for sentence in found] == rows
    assert [[cells[-1] for cells in sentence] for sentence in found] == tagger.predict(TOKENS)


def test_files_with_a_word_per_row_lose_no_row(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    tokens = [["Ada", "left"], ["Zoë", ",", "too"]]
    webanno = "#FORMAT=WebAnno TSV 3.2\n#T_SP=webanno.custom.NE|value\n\n" + "".join(
        f"\n#Text=...\n{s}-1\t0-3\t{a}\t_\t\n" + "".join(f"{s}-{t}\t4-8\t{b}\t_\t\n" for t, b in enumerate(rest, 2))
        for s, (a, *rest) in enumerate(tokens, 1)
    )
    table = 'sentence_id,word\n1,Ada\n1,left\n2,Zoë\n2,","\n2,too\n'
    for name, content, column in (("x.tsv", webanno, 0), ("x.csv", table, 1), ("-", webanno, 0)):
        (tmp_path / name).write_text(content, encoding="utf-8")
        result = run("predict", model, name if name == "-" else tmp_path / name, stdin=content)
        assert result.exit_code == 0, result.stderr
        found = [[line.split("\t") for line in part.split("\n")] for part in result.stdout.strip("\n").split("\n\n")]
        assert [[cells[column] for cells in sentence] for sentence in found] == tokens
        assert [[cells[-1] for cells in sentence] for sentence in found] == tagger.predict(tokens)


@pytest.mark.parametrize("is_piped", [False, True])
@pytest.mark.parametrize(
    "lines",
    [
        ["-DOCSTART- -X-", "", "Ada NNP", "left VBD", "", "-DOCSTART- -X-", "", "Bo NNP", ""],
        ["# id = 1", "# text = Ada", "Ada\tN", "", "# id = 2", "Bo\tN", ""],
        ["#begin document (a); part 1", "Ada x", "#end document", "#begin document (b);", "Bo y", "", "#end document"],
    ],
)
def test_lines_that_are_no_tokens_stay_where_they_stood(
    lines: list[str], is_piped: bool, run: Run, model: Path, tmp_path: Path
):
    content = "".join(f"{line}\n" for line in lines)
    (tmp_path / "x.tsv").write_text(content, encoding="utf-8")
    source = "-" if is_piped else tmp_path / "x.tsv"
    result = run("predict", model, source, stdin=content)
    assert result.exit_code == 0, result.stderr
    found = [line for line in result.stdout.splitlines() if line]
    assert [line.rpartition("\t")[0] if is_row(line) else line for line in found] == [
        line.replace(" ", "\t") if is_row(line) else line for line in lines if line
    ]
    spans = run("predict", model, source, "--format", "jsonl", stdin=content).stdout.splitlines()
    assert len(spans) == 2


def test_rows_of_conllu_that_are_no_words_stay(run: Run, model: Path, tmp_path: Path):
    lines = ["# newdoc", "1-2\tzum\t_", "1\tzu\tP", "2\tdem\tD", "2.1\tx\t_", "", "# end"]
    (tmp_path / "x.conllu").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = run("predict", model, f"{tmp_path / 'x.conllu'}:token=1").stdout.splitlines()
    assert [line.rpartition("\t")[0] if line[:2] in ("1\t", "2\t") else line for line in found] == lines


@pytest.mark.parametrize("is_piped", [False, True])
@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("# about = x\nword pos\n\nAda NNP\nleft VBD\n\nBo NNP\n", "word\tpos\ttag"),
        ("tag\tword\nO\tAda\nO\tleft\n\nO\tBo\n", "tag\tword\tpredicted_tag"),
    ],
)
def test_a_header_stays_and_names_the_predicted_tags(content, header, is_piped, run: Run, model: Path, tmp_path: Path):
    (tmp_path / "x.tsv").write_text(content, encoding="utf-8")
    source = "-:token=word" if is_piped else f"{tmp_path / 'x.tsv'}:token=word"
    result = run("predict", "--", model, source, stdin=content)
    assert result.exit_code == 0, result.stderr
    (tmp_path / "y.tsv").write_text(result.stdout, encoding="utf-8")
    assert [line for line in result.stdout.splitlines() if "word" in line] == [header]
    tag = header.split("\t")[-1]
    again = load_corpus(f"{tmp_path / 'y.tsv'}:token=word,tag={tag}")["train"]
    assert again["tokens"][:] == [["Ada", "left"], ["Bo"]]
    assert len(run("predict", model, f"{tmp_path / 'x.tsv'}:token=word", "--format", "text").stdout.splitlines()) == 2


def is_row(line: str) -> bool:
    return not line.startswith(("#", "-DOC"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.ann", "T1\tPER 0 3\tAda\n", "x.ann: holds annotations of brat; to tag their text: --text"),
        ("x.json", '[{"text": "Ada"}]', "x.json: is JSON, of which JSON lines are read here"),
        ("x.xml", "<?xml version='1.0'?>\n<a/>\n", "x.xml:1: this is XML or HTML, which is not read here"),
        ("x.conllu", "1-2\tzum\t_\n\n", "x.conllu:2: the sentence has a multiword token that ends with word 2"),
    ],
)
def test_forms_without_a_token_per_row_are_named(name, content, message, run: Run, model: Path, tmp_path: Path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = run("predict", model, tmp_path / name)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert result.stdout == ""


def test_a_prediction_can_be_scored(run: Run, model: Path, corpus: Path, tmp_path: Path):
    out = tmp_path / "tagged.conll"
    assert run("predict", model, corpus / "test.conll", "--output", out).exit_code == 0
    scored = json.loads(run("score", f"{out}:tag=1", f"{out}:tag=2", "--json", "-").stdout)
    evaluated = json.loads(run("evaluate", model, corpus, "--json", "-").stdout)
    # What a file of tags can't tell, and a name.
    of_the_model = {"source": "", "confidence": None, "slices": [], "model": "", "history": []}
    for marks in (m for e in evaluated["errors"]["examples"] for m in e["sides"].values()):
        marks[:] = [mark | {"score": None} for mark in marks]
    assert scored | of_the_model == evaluated | of_the_model
    assert [cut for cut in evaluated["slices"] if cut["group"] == "tokens of the span"] == scored["slices"][:4]


def test_text_becomes_spans_with_offsets(run: Run, model: Path, tagger: Tagger):
    result = run("predict", model, "--text", "--format", "jsonl", stdin="\n".join(TEXTS) + "\n")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    expected = [
        {"text": text, "spans": as_dicts(spans, text=True)} for text, spans in zip(TEXTS, tagger.predict_spans(TEXTS))
    ]
    assert answers == list(map(rounded, expected))
    assert sum(len(answer["spans"]) for answer in answers) > 3
    assert all(a["text"][s["start"] : s["end"]] == s["text"] for a in answers for s in a["spans"])


def test_json_lines_keep_their_keys_and_may_mix_texts_and_tokens(run: Run, model: Path, tagger: Tagger, tmp_path: Path):
    records = [
        {"id": 1, "text": TEXTS[0], "label": ["old"]},
        {"id": 2, "tokens": TOKENS[0]},
        {"id": 3, "tokens": []},
        {"id": 4, "text": "Kurt Gödel.", "tokens": [{"text": "Kurt"}]},  # as Prodigy writes them: the text counts
    ]
    file = tmp_path / "in.jsonl"
    file.write_text("\n\n".join(map(json.dumps, records)), encoding="utf-8")
    answers = [json.loads(line) for line in run("predict", model, file).stdout.splitlines()]
    spans = [tagger.predict_spans([TEXTS[0], "Kurt Gödel."]), tagger.predict_token_spans([TOKENS[0], []])]
    expected = [
        records[0] | {"spans": as_dicts(spans[0][0], text=True)},
        records[1] | {"tags": tagger.predict([TOKENS[0]])[0], "spans": as_dicts(spans[1][0], text=False)},
        records[2] | {"tags": [], "spans": []},
        records[3] | {"spans": as_dicts(spans[0][1], text=True)},
    ]
    assert answers == list(map(rounded, expected))


def test_marked_text_is_the_text_with_marks(run: Run, model: Path, tagger: Tagger):
    result = run("predict", model, "--text", stdin="\n".join(TEXTS))
    unmarked = re.sub(r"\[([^]]*)\]\((?:PER|LOC) [01]\.\d\d\)", r"\1", result.stdout)
    assert unmarked == "\n".join(TEXTS) + "\n"
    assert result.stdout.count("](") == sum(map(len, tagger.predict_spans(TEXTS)))
    columns = run("predict", model, "--format", "text", stdin=conll(SENTENCES[:2]))
    unmarked = re.sub(r"\[([^]]*)\]\((?:PER|LOC) [01]\.\d\d\)", r"\1", columns.stdout)
    assert unmarked == "".join(" ".join(token for token, _ in rows) + "\n" for rows in SENTENCES[:2])


@given(st.text("abc ]", min_size=1, max_size=30), st.data())
def test_marks_stand_around_their_spans(text: str, data: st.DataObject):
    borders = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [Span(a, b, "X", text[a:b], 0.5) for a, b in zip(borders[::2], borders[1::2])]
    marked = mark(text, spans)
    pieces = marked.split("](X 0.50)")
    assert len(pieces) == len(spans) + 1
    inside = [piece.rpartition("[") for piece in pieces[:-1]]
    assert [piece[2] for piece in inside] == [span.text for span in spans]
    assert "".join(before + within for before, _, within in inside) + pieces[-1] == text


def test_text_can_become_columns(run: Run, model: Path, tagger: Tagger):
    result = run("predict", model, "--text", "--format", "conll", stdin="Ada spoke. Zoë left.\n\nYes\n")
    cut = [["Ada", "spoke", "."], ["Zoë", "left", "."], ["Yes"]]
    blocks = ["".join(f"{w}\t{t}\n" for w, t in zip(words, tags)) for words, tags in zip(cut, tagger.predict(cut))]
    assert result.stdout == f"{blocks[0]}\n{blocks[1]}\n\n{blocks[2]}\n"


@pytest.mark.parametrize("flag", ["--text", "--jsonl"])
def test_order_is_kept_over_many_batches(flag: str, run: Run, model: Path, tmp_path: Path):
    texts = [f"Number {i} lives in " + "New York " * (i * 7 % 5) for i in range(1300)]
    lines = texts if flag == "--text" else [json.dumps({"tokens": text.split()}) for text in texts]
    file = tmp_path / "in.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    result = run("predict", model, file, flag, "--format", "jsonl")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer.get("text") or answer["tokens"] for answer in answers] == [
        text if flag == "--text" else text.split() for text in texts
    ]
    again = run("predict", model, "-", flag, "--format", "jsonl", stdin="\n".join(lines))
    assert again.stdout == result.stdout


def start(commands: Path, *words: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(commands / "seqtag"), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
    )


def test_a_pipe_is_answered_line_by_line(commands: Path, model: Path, tagger: Tagger):
    # The locale of the pipe is not asked: what is read and written is UTF-8.
    with start(commands, "predict", model, "--text", PYTHONIOENCODING="ascii") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text in TEXTS:
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            # Standard input stays open: without an answer to this line the test hangs.
            assert process.stdout.readline().decode() == mark(text, tagger.predict_spans([text])[0]) + "\n"
        rest, complaints = process.communicate(timeout=30)
    assert (rest, complaints, process.returncode) == (b"", b"", 0)


def test_a_pipe_of_columns_is_answered_sentence_by_sentence(commands: Path, model: Path, tagger: Tagger):
    with start(commands, "predict", model) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for tokens in TOKENS[:3]:
            process.stdin.write(("\n".join(tokens) + "\n\n").encode())
            process.stdin.flush()
            answer = [process.stdout.readline().decode() for _ in range(len(tokens) + 1)]
            assert answer == [*(f"{w}\t{t}\n" for w, t in zip(tokens, tagger.predict([tokens])[0])), "\n"]
        rest, complaints = process.communicate(timeout=30)
    assert (rest, complaints, process.returncode) == (b"", b"", 0)


def test_a_reader_that_leaves_ends_it_quietly(commands: Path, model: Path, tmp_path: Path):
    file = tmp_path / "in.txt"
    file.write_text("Ada lives in Turin, as everybody here has known for years.\n" * 5000, encoding="utf-8")
    with start(commands, "predict", model, file, "--text") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(b"for years.\n")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_output_file_is_whole_or_not_there(run: Run, model: Path, tmp_path: Path):
    out = tmp_path / "out.jsonl"
    run("predict", model, "--text", "--format", "jsonl", "--output", out, stdin="Ada spoke.\n")
    before = out.read_text(encoding="utf-8")
    assert json.loads(before)["text"] == "Ada spoke."
    lines = [json.dumps({"text": f"Text {i}."}) for i in range(600)]
    result = run("predict", model, "--jsonl", "--output", out, stdin="\n".join([*lines, "{"]))
    assert result.exit_code == 1
    assert "error: <stdin>:601: not JSON" in result.stderr
    assert out.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="needs /dev/null")
def test_a_device_is_written_to_and_not_replaced(run: Run, model: Path):
    assert run("predict", model, "--text", "--output", "/dev/null", stdin="Ada spoke.\n").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_no_input_gives_no_output(run: Run, model: Path):
    for flags in ([], ["--text"], ["--jsonl"]):
        result = run("predict", model, *flags, stdin="")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "stdin", "code", "message"),
    [
        (["nowhere.conll"], "", 2, "nowhere.conll: there is no such file"),
        (["--", "-:token=4"], "Ada\tO\n", 2, "<stdin>:1: no column 4 for token="),
        (["--", "-:tokn=4"], "", 2, "did you mean 'token'?"),
        (
            ["--format", "jsnl"],
            "",
            2,
            "jsnl: unknown for a tagger; choose from conll, conllu, displacy, doccano, hf, jsonl, label-studio,",
        ),
        (["--format", "csv"], "", 2, "--format csv: unknown for a tagger; choose from conll, conllu, displacy,"),
        (
            ["texts.csv"],
            "",
            2,
            "texts.csv: by its name this is a table with one text per row, and the model is a tagger",
        ),
        (["news.conll:text=1"], "", 2, "text= is for task='classify'"),
        (["in.txt:token=1", "--text"], "", 2, "in.txt:token=1: this input has no columns; leave out :token=1"),
        (["--attention"], "", 2, "--attention: only a classifier weighs the words of a text"),
        (["--text", "--jsonl"], "", 2, "the input is one of the two"),
        (["--output", "no/such/folder/out"], "", 2, "no/such/folder/out: can't be written"),
        (["--device", "gpu"], "", 2, "unknown device 'gpu'"),
        (["--text"], b"Ada\nZo\xeb\n", 1, "<stdin>:2: byte 3 of the line is 0xeb, which is not UTF-8"),
        (["--text"], b"Ada\0", 1, "<stdin>:1: a zero byte, so this is a binary file"),
        (["--jsonl"], '\n["Ada"]', 1, '<stdin>:2: neither a string "text" nor a list of strings "tokens"'),
        (["--jsonl"], '{"text": 3}', 1, '<stdin>:1: neither a string "text" nor a list of strings "tokens"'),
        (["--jsonl"], r'{"text": "\ud800"}', 1, "<stdin>:1: '\\ud800' is half a character"),
        (
            ["--jsonl", "--format", "conll"],
            '{"tokens": ["a\\tb"]}',
            1,
            "the token 'a\\tb' can't stand in a column file",
        ),
    ],
)
def test_mistakes(words: list[str], stdin: str | bytes, code: int, message: str, run: Run, model: Path):
    result = run("predict", model, *words, stdin=stdin)
    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


def test_a_folder_that_is_no_model_or_a_damaged_one(run: Run, model: Path, tmp_path: Path):
    result = run("predict", tmp_path, "--text", stdin="Ada")
    assert result.exit_code == 2
    assert f"{tmp_path}: not a model folder, it has no config.json" in result.stderr
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vocabulary.json").write_text("{}", encoding="utf-8")
    result = run("predict", tmp_path, "--text", stdin="Ada")
    assert (result.exit_code, "vocabulary.json: damaged" in result.stderr) == (1, True)


def test_a_model_for_a_task_of_a_later_release(run: Run, tmp_path: Path):
    (tmp_path / "config.json").write_text('{"seqtag_version": "9", "task": "parse"}', encoding="utf-8")
    result = run("predict", tmp_path, stdin="x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{tmp_path}: holds a model for the task 'parse', and the tasks here are tag, classify, lm" in result.stderr


# -- what is known --------------------------------------------------------------------------------

PATTERNS = [{"label": "LOC", "pattern": "Kurt Gödel"}, {"label": "PER", "pattern": [{"LOWER": "quito"}]}]


@pytest.fixture
def patterns(tmp_path: Path) -> Path:
    file = tmp_path / "patterns.jsonl"
    file.write_text("".join(json.dumps(pattern) + "\n" for pattern in PATTERNS), encoding="utf-8")
    return file


@pytest.mark.parametrize("options", [[], ["--known-strength", "2.5"], ["--known-ignore-case"], ["--workers", "2"]])
def test_patterns_of_a_file_are_known(options: list[str], run: Run, model: Path, tagger: Tagger, patterns: Path):
    known = Patterns.load(patterns, ignore_case="--known-ignore-case" in options)
    strength = 2.5 if "--known-strength" in options else None
    result = run("predict", model, "--text", "--format", "jsonl", "--known", patterns, *options, stdin="\n".join(TEXTS))
    assert result.exit_code == 0, result.stderr
    expected = tagger.predict_spans(TEXTS, known=known, strength=strength)
    for line, spans in zip(result.stdout.splitlines(), expected, strict=True):
        assert rounded(json.loads(line))["spans"] == as_dicts(spans, text=True)
    assert strength or ("Kurt Gödel", "LOC") in [(span.text, span.label) for span in expected[0]]


@pytest.mark.parametrize("form", ["conll", "text", "spacy", "doccano"])
def test_every_form_is_written_with_what_is_known(form: str, run: Run, model: Path, patterns: Path, tmp_path: Path):
    tokens = [{"tokens": ["Kurt", "Gödel", "left", "Quito"]}, {"text": "Kurt Gödel left"}]
    stdin = "".join(json.dumps(record) + "\n" for record in tokens)
    out = tmp_path / "out"
    plain = run("predict", model, "--jsonl", "--format", form, "--output", out, stdin=stdin)
    without = out.read_bytes()
    result = run("predict", model, "--jsonl", "--format", form, "--known", patterns, "--output", out, stdin=stdin)
    assert (plain.exit_code, result.exit_code) == (0, 0), result.stderr
    assert out.read_bytes() != without
    assert form == "spacy" or b"LOC" in out.read_bytes()  # a DocBin is packed


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--known-strength", "2"], 2, "--known-strength: says how patterns count, and there are none"),
        (["--known-ignore-case"], 2, "--known-ignore-case: says how patterns count"),
        (["--known", "nowhere.jsonl"], 2, "nowhere.jsonl: can't be read"),
        (["--known", "P", "--known-strength", "0"], 2, "give a number above 0"),
        (["--known", "BAD"], 1, "bad.jsonl:1: the label 'LOK' is none of the model's"),
    ],
)
def test_mistakes_about_what_is_known(
    options: list[str], code: int, message: str, run: Run, model: Path, patterns: Path, tmp_path: Path
):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"label": "LOK", "pattern": "x"}', encoding="utf-8")
    words = [{"P": str(patterns), "BAD": str(bad)}.get(option, option) for option in options]
    result = run("predict", model, "--text", *words, stdin="Ada")
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_a_classifier_knows_no_patterns(run: Run, classifier_folder: Path, patterns: Path):
    result = run("predict", classifier_folder, "--known", patterns, stdin="Ada")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--known: patterns are for spans, which a tagger finds" in result.stderr
