"""`seqtag evaluate` and `seqtag score`: the figures that they print, and files that don't go together."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_corpus import SENTENCES, Run, conll

from seqtag import Tagger, load_corpus
from seqtag.cli.commands.score import in_one_scheme
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.text.schemes import convert_tags, repair_tags

GOLD = [[tag for _, tag in rows] for rows in SENTENCES]


def write(path: Path, tags: list[list[str]], *, separator: str = "\t") -> Path:
    sentences = [[token for token, _ in rows] for rows in SENTENCES]
    rows = ["".join(f"{w}{separator}{t}\n" for w, t in zip(words, names)) for words, names in zip(sentences, tags)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_evaluate_prints_the_report_of_the_test_split(run: Run, model: Path, corpus: Path, tmp_path: Path):
    report = Tagger.load(model).evaluate(load_corpus(str(corpus), split="test"))
    result = run("evaluate", model, corpus, "--json", tmp_path / "figures.txt")
    assert (result.exit_code, result.stdout) == (0, f"{replace(report, source=str(corpus))}\n")
    figures = json.loads((tmp_path / "figures.txt").read_text(encoding="utf-8"))
    assert figures == replace(report, source=str(corpus)).to_dict()
    assert json.loads(run("evaluate", model, corpus, "--json", "-").stdout) == figures
    dev = Tagger.load(model).evaluate(load_corpus(str(corpus), split="dev"))
    named = run("evaluate", model, corpus, "--split", "dev", "--json", "-")
    assert json.loads(named.stdout) == replace(dev, source=f"{corpus}, dev").to_dict()


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES", "BILOU"])
def test_a_model_is_measured_on_data_in_any_scheme(scheme: str, run: Run, model: Path, tmp_path: Path):
    own = write(tmp_path / "own.conll", GOLD)
    other = write(tmp_path / "other.conll", [convert_tags(tags, "IOB2", scheme) for tags in GOLD])
    first, second = (json.loads(run("evaluate", model, file, "--json", "-").stdout) for file in (own, other))
    assert first | {"source": ""} == second | {"source": ""}
    assert first["num_gold"] == 2 * len(SENTENCES)


def test_unknown_labels_count_as_missed_until_there_is_no_other(run: Run, model: Path, tmp_path: Path):
    partly = write(tmp_path / "partly.conll", [[tag.replace("LOC", "TOWN") for tag in tags] for tags in GOLD])
    result = run("evaluate", model, partly, "--json", "-")
    assert result.exit_code == 0
    assert (
        "warning: the evaluation data has the label 'TOWN' not known to the model, which has LOC, PER" in result.stderr
    )
    rows = {row["label"]: row for row in json.loads(result.stdout)["strict"]["labels"]}
    assert (rows["TOWN"]["recall"], rows["TOWN"]["support"]) == (0.0, len(SENTENCES))
    wholly = write(tmp_path / "wholly.conll", [["B-TOWN" if tag != "O" else "O" for tag in tags] for tags in GOLD])
    result = run("evaluate", model, wholly)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has only the label 'TOWN' not known to the model, which has LOC, PER; is the tag column" in result.stderr
    plain = write(tmp_path / "plain.conll", [["NOUN"] * len(tags) for tags in GOLD])
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


# Published in the overview paper of the shared task (Derczynski et al., 2017), the conlleval way.
@pytest.mark.parametrize(
    ("system", "conlleval", "strict"),
    [("arcada", 39.98, 39.98), ("mic-cis", 37.06, 37.30), ("spinningbytes", 40.78, 41.31)],
)
def test_score_gives_the_published_figures(
    system: str, conlleval: float, strict: float, run: Run, shared_data: Path, tmp_path: Path
):
    gold = shared_data / "wnut17" / "emerging.test.annotated"
    submission = shared_data / "wnut17" / "submissions" / system
    result = run("score", gold, submission, "--json", tmp_path / "scores.json")
    assert result.exit_code == 0
    figures = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert [round(100 * figures[key]["f1"], 2) for key in ("strict", "conlleval")] == [strict, conlleval]
    average = next(line for line in result.stdout.splitlines() if line.startswith("micro average"))
    assert [float(average.split()[place]) for place in (4, 8)] == [strict, conlleval]


def test_score_names_tokens_that_are_written_otherwise(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold", GOLD)
    other = tmp_path / "other"
    other.write_text(gold.read_text(encoding="utf-8").replace("Ada", "Eda", 1), encoding="utf-8")
    result = run("score", gold, other)
    assert f"warning: 1 tokens differ between the two files; the first is in the sentence at {other}:1, 'Eda'" in (
        result.stderr
    )
    assert result.stdout.split("What goes wrong")[0].count("100.00") == 4 * 6 + 1
    assert "nothing: all spans are right" in result.stdout


def test_files_that_are_cut_otherwise(run: Run, tmp_path: Path):
    gold, other = tmp_path / "gold.conll", tmp_path / "other.conll"
    gold.write_text(conll(SENTENCES[:4]), encoding="utf-8")
    second = len(SENTENCES[0]) + 2  # the line of its first token
    other.write_text(conll([SENTENCES[0], SENTENCES[1][1:], *SENTENCES[2:4]]), encoding="utf-8")
    result = run("score", gold, other)
    n = len(SENTENCES[1])
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {other}:{second}: sentence 2 has {n - 1} tokens, but {gold}:{second} has {n};" in result.stderr
    for short, long in ((gold, other), (other, gold)):
        short.write_text(conll(SENTENCES[:1]), encoding="utf-8")
        long.write_text(conll(SENTENCES[:4]), encoding="utf-8")
        result = run("score", gold, other)
        assert result.exit_code == 1
        assert f"error: {long}:{second}: one sentence more than the other file has" in result.stderr


def test_a_column_that_holds_no_entity_tags(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold", GOLD)
    odd = [list(tags) for tags in GOLD]
    odd[1][0] = "NOUN"
    other = write(tmp_path / "other", odd)
    result = run("score", gold, other)
    assert result.exit_code == 1
    assert f"error: {other}:{len(GOLD[0]) + 2}: 'NOUN' in this sentence is no entity tag" in result.stderr
    result = run("score", gold, f"{gold}:tag=2")
    assert (result.exit_code, f"{gold}:1: no column 2 for tag=" in result.stderr) == (2, True)
    result = run("score", gold, f"{gold}:config=x")
    assert (result.exit_code, "config= is for data sets" in result.stderr) == (2, True)
    result = run("score", gold, tmp_path / "nowhere")
    assert (result.exit_code, "nowhere: there is no such file" in result.stderr) == (2, True)


def test_plain_tags_are_scored_token_by_token(run: Run, tmp_path: Path):
    gold = write(tmp_path / "gold", [["X", *["Y"] * (len(tags) - 1)] for tags in GOLD])
    other = write(tmp_path / "other", [["Y"] * len(tags) for tags in GOLD], separator=" ")
    figures = json.loads(run("score", gold, other, "--json", "-").stdout)
    num_tokens = sum(map(len, GOLD))
    assert figures["accuracy"] == pytest.approx(1 - len(GOLD) / num_tokens)


tag_lists = st.lists(
    st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=8), min_size=1, max_size=6
)


@given(
    tag_lists,
    tag_lists,
    st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU", "BMES"]),
    st.sampled_from(["IOB2", "BIOES"]),
)
@example([["O", "B-X"]], [["B-X"]], "IOB1", "BIOES")  # gold alone looks like IO, which can't hold two spans that touch
def test_scores_don_t_depend_on_the_schemes_of_the_two_sides(
    gold: list[list[str]], predicted: list[list[str]], left: str, right: str
):
    gold = [repair_tags(tags, "IOB2") for tags in gold]
    predicted = [(tags * 8)[: len(own)] for own, tags in zip(gold, predicted * 6)]
    predicted = [repair_tags(tags, "IOB2") for tags in predicted]
    expected = evaluate_tags(gold, predicted, scheme="IOB2")
    as_written = (
        [convert_tags(tags, "IOB2", left) for tags in gold],
        [convert_tags(tags, "IOB2", right) for tags in predicted],
    )
    report = evaluate_tags(*in_one_scheme(*as_written)[:2], scheme=in_one_scheme(*as_written)[2])
    assert (report.strict, report.conlleval) == (expected.strict, expected.conlleval)
