"""`seqtag score`: the figures that it prints, and files that don't go together."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_corpus import GOLD, SENTENCES, Run, conll, write_tags

from seqtag.cli.commands.score import in_one_scheme
from seqtag.evaluation.tagging.evaluation import evaluate_tags
from seqtag.text.schemes import convert_tags, repair_tags


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
    # One group of columns stands for both readings where they are equal in every row.
    places = (4, 8) if strict != conlleval else (4, 4)
    assert [float(average.split()[place]) for place in places] == [strict, conlleval]


def test_score_names_tokens_that_are_written_otherwise(run: Run, tmp_path: Path):
    gold = write_tags(tmp_path / "gold", GOLD)
    other = tmp_path / "other"
    other.write_text(gold.read_text(encoding="utf-8").replace("Ada", "Eda", 1), encoding="utf-8")
    result = run("score", gold, other)
    assert f"warning: 1 tokens differ between the two files; the first is in the sentence at {other}:1, 'Eda'" in (
        result.stderr
    )
    scores = result.stdout.split("\nScores\n")[1].split("What goes wrong")[0]
    assert scores.count("100.00") == 4 * 3 + 1  # both readings agree, so they are shown once
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


def test_both_sides_may_spell_their_tags_in_their_own_ways(run: Run, tmp_path: Path):
    gold = write_tags(
        tmp_path / "gold", [["0" if tag == "O" else tag.replace("-", "_") for tag in tags] for tags in GOLD]
    )
    other = write_tags(tmp_path / "other", [["-".join(tag.split("-")[::-1]) for tag in tags] for tags in GOLD])
    result = run("score", gold, other)
    assert result.exit_code == 0
    assert "nothing: all spans are right" in result.stdout
    assert f"{gold}: the tags are entity tags in another spelling" in result.stderr
    assert f"{other}: the tags are entity tags in another spelling" in result.stderr
    plain = run("score", f"{gold}:scheme=plain", gold)
    assert "macro average" in plain.stdout
    assert "strict" not in plain.stdout


def test_a_column_that_holds_no_entity_tags(run: Run, tmp_path: Path):
    gold = write_tags(tmp_path / "gold", GOLD)
    odd = [list(tags) for tags in GOLD]
    odd[1][0] = "NOUN"
    other = write_tags(tmp_path / "other", odd)
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
    gold = write_tags(tmp_path / "gold", [["X", *["Y"] * (len(tags) - 1)] for tags in GOLD])
    other = write_tags(tmp_path / "other", [["Y"] * len(tags) for tags in GOLD], separator=" ")
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
    predicted = [(tags * 8)[: len(gold_tags)] for gold_tags, tags in zip(gold, predicted * 6)]
    predicted = [repair_tags(tags, "IOB2") for tags in predicted]
    expected = evaluate_tags(gold, predicted, scheme="IOB2")
    as_written = (
        [convert_tags(tags, "IOB2", left) for tags in gold],
        [convert_tags(tags, "IOB2", right) for tags in predicted],
    )
    report = evaluate_tags(*in_one_scheme(*as_written)[:2], scheme=in_one_scheme(*as_written)[2])
    assert (report.strict, report.conlleval) == (expected.strict, expected.conlleval)
