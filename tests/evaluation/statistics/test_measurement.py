"""What a report keeps for comparisons: it comes back as it was, damage is told, and hashes follow the data alone."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_counts import LABEL_COUNTS, counts_of

from seqtag.errors import DataError, UsageError
from seqtag.evaluation.statistics.counts import Counts
from seqtag.evaluation.statistics.measurement import Measurement, hash_labelled, hash_tagged
from seqtag.reporting.figures import write_json
from seqtag.text.schemes import convert_tags, repair_tags
from seqtag.text.tag_tables import TagTable

HASH = "0123456789abcdef" * 4


def measured(rows, task="spans", unit="sentences"):
    return Measurement(task, HASH, unit, counts_of(rows))


def parts(measurement):
    counts = measurement.counts
    arrays = [array.tolist() for array in (counts.right_SL, counts.gold_SL, counts.predicted_SL)]
    return measurement.task, measurement.data_hash, measurement.unit, counts.labels, arrays


@given(st.integers(0, 3).flatmap(lambda n: st.lists(st.lists(LABEL_COUNTS, min_size=n, max_size=n), min_size=1)))
def test_what_is_written_comes_back_as_it_was(rows):
    before = measured(np.array(rows).reshape(len(rows), -1, 3), unit="documents")
    after = Measurement.from_dict(json.loads(write_json(before.to_dict())))
    assert parts(after) == parts(before)


@pytest.mark.parametrize("labels", [("a", "b"), (1, 2), (False, True)])
def test_labels_keep_their_type(labels):
    ones = np.eye(2, dtype=int)
    stored = Measurement("labels", HASH, "texts", Counts(labels, ones, ones, ones)).to_dict()
    after = Measurement.from_dict(json.loads(write_json(stored))).counts.labels
    assert [(type(label), label) for label in after] == [(type(label), label) for label in labels]


def test_only_labels_that_occur_are_written():
    stored = measured([[(0, 0, 0), (0, 0, 1)], [(0, 0, 0), (0, 0, 0)], [(1, 2, 1), (0, 1, 0)]]).to_dict()
    assert stored == {
        **{"task": "spans", "data_hash": HASH, "unit": "sentences", "labels": ["A", "B"]},
        **{"num_labels": [1, 0, 2], "label": [1, 0, 1]},
        **{"right": [0, 1, 0], "gold": [0, 2, 1], "predicted": [1, 1, 0]},
    }


def test_a_large_test_set_of_plain_tags_takes_a_few_megabytes():
    random = np.random.default_rng(0)
    gold = random.multinomial(15, random.dirichlet(np.ones(17)), 20_000)
    counts = Counts(tuple(f"TAG{n}" for n in range(17)), random.binomial(gold, 0.9), gold, gold)
    text = write_json(Measurement("tags", HASH, "sentences", counts).to_dict())
    assert len(text) < 3e6
    assert text.count("\n") < 40
    after = Measurement.from_dict(json.loads(text)).counts
    assert (after.right_SL == counts.right_SL).all()


WHOLE = measured([[(1, 1, 1), (0, 1, 0)], [(0, 0, 0), (1, 1, 2)]]).to_dict()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"task": "span"}, "unknown task 'span'; choose from labels, spans, tags; did you mean 'spans'"),
        ({"task": None}, "unknown task 'None'"),
        ({"unit": "tokens"}, "unknown unit 'tokens'"),
        ({"data_hash": HASH[:-1]}, "data_hash is"),
        ({"data_hash": HASH[:-1] + "\n"}, "data_hash is"),
        ({"labels": {"A": 1}}, "`labels` is no list of strings or whole numbers"),
        ({"labels": ["A", None]}, "`labels` is no list of strings or whole numbers"),
        ({"labels": ["A", "A"]}, "`labels` names one twice"),
        ({"labels": ["A"]}, "`label` is no rising list of places"),
        ({"label": [1, 0, 1]}, "`label` is no rising list of places"),
        ({"label": [0, 0, 1]}, "`label` is no rising list of places"),
        ({"label": [0, 1]}, "`label` has 2 items, and by `num_labels` it should have 3"),
        ({"gold": [1, 1, 1, 1]}, "`gold` has 4 items, and by `num_labels` it should have 3"),
        ({"num_labels": [2, 2]}, "`label` has 3 items, and by `num_labels` it should have 4"),
        ({"right": [1, 0, 1.5]}, "`right` is no list of whole numbers"),
        ({"right": [1, 0, True]}, "`right` is no list of whole numbers"),
        ({"right": [1, 0, -1]}, "`right` is no list of whole numbers"),
        ({"right": [1, 0, 10**30]}, "`right` is no list of whole numbers"),
        ({"right": "101"}, "`right` is no list of whole numbers"),
        ({"right": [1, 1, 1]}, "1 right of 1 in gold and 0 predicted of label 'B'"),
        ({"num_labels": [], "label": [], "right": [], "gold": [], "predicted": []}, "no sentences"),
    ],
)
def test_damage_is_told_with_its_place(damage, message):
    with pytest.raises(DataError) as caught:
        Measurement.from_dict({**WHOLE, **damage}, where="a.json")
    assert str(caught.value).startswith("a.json: the measurement is damaged: ")
    assert message in str(caught.value)


def test_what_is_no_measurement_is_told():
    with pytest.raises(DataError, match="it is list, not an object"):
        Measurement.from_dict([])
    with pytest.raises(DataError, match="it lacks gold, predicted;"):
        Measurement.from_dict({key: value for key, value in WHOLE.items() if key not in ("gold", "predicted")})


def test_a_measurement_of_nothing_known_is_refused():
    with pytest.raises(UsageError, match=r"unknown unit 'sentence'; .*did you mean 'sentences'"):
        measured([[(1, 1, 1)]], unit="sentence")


TAGS = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=6)


@given(st.lists(TAGS, min_size=1, max_size=4), st.sampled_from(["IOB1", "BIOES", "BILOU", "BMES"]))
def test_the_hash_of_tags_depends_neither_on_their_scheme_nor_on_repair(sentences, scheme):
    tokens = [[f"w{place}" for place in range(len(tags))] for tags in sentences]
    repaired = [repair_tags(tags, "IOB2") for tags in sentences]
    converted = [convert_tags(tags, "IOB2", scheme) for tags in repaired]
    hashes = {
        hash_tagged(tokens, TagTable.of(written).spans(name).places())
        for written, name in ((sentences, "IOB2"), (repaired, "IOB2"), (converted, scheme))
    }
    assert len(hashes) == 1


SENTENCES = st.lists(
    st.tuples(
        st.lists(st.text(max_size=2), max_size=3),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from("AB")), max_size=2),
    ),
    max_size=3,
)


@given(SENTENCES, SENTENCES)
def test_the_hashes_of_two_corpora_are_equal_when_the_corpora_are(one, other):
    same = [(tokens, sorted(spans)) for tokens, spans in one] == [(tokens, sorted(spans)) for tokens, spans in other]
    hashes = [hash_tagged([tokens for tokens, _ in each], [spans for _, spans in each]) for each in (one, other)]
    assert (hashes[0] == hashes[1]) == same


def test_a_hash_is_that_of_the_lines_of_json_that_its_page_describes():
    # by `printf '%s\\n' LINE LINE | sha256sum`: a change would make reports of an older release other data's
    spans = [[(3, 4, "LOC"), (0, 1, "PER")], []]
    assert hash_tagged([["Zoë", "lives", "in", "東京"], []], spans) == (
        "caa5a038846f33ad5db47973cc58cab51690e784735d050856f55cc9b6650ab3"
    )
    assert hash_labelled(["Zoë \ud800", ["a", "b"]], ["x", {2, "y", True}]) == (
        "f5ce08afd4a42351acfb3eb6e8f57c6aec5f67ee9a2675037a0138914f78b0ee"
    )


def test_texts_and_their_absence_are_part_of_the_hash():
    hashes = [
        hash_labelled(texts, labels)
        for texts, labels in (
            (["a b"], ["x"]),
            ([["a", "b"]], ["x"]),
            (["a b"], ["y"]),
            (["a b"], [["x", "y"]]),
            (["a b"], [1]),
            (["a b"], ["1"]),
            (["a b"], [True]),
            (None, ["x"]),
            (["a b", "c"], ["x", "x"]),
        )
    ]
    assert len(set(hashes)) == len(hashes)
    assert hash_labelled(["a"], [np.str_("x")]) == hash_labelled(["a"], ["x"]) == hash_labelled(["a"], [["x"]])
    assert hash_labelled(None, np.array([1, 2])) == hash_labelled(None, [1, 2])
    assert hash_tagged(None, [[(0, 1, "A")]]) != hash_tagged([["w"]], [[(0, 1, "A")]])
