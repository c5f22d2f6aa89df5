"""A corpus by vote: what a majority is, what stays unknown, and that files hold it."""

from collections import Counter

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from seqtag.corpora.loading import load_corpus
from seqtag.curation.annotations import side_by_side
from seqtag.curation.merged_corpus import merged_dataset, merged_documents
from seqtag.curation.voting import merge_by_vote
from seqtag.text.schemes import convert_tags, illegal_positions, spans_from_tags


def merged(*versions, **columns):
    rows = [Dataset.from_dict({"tokens": [["w"] * len(tags)], "tags": [tags], **columns}) for tags in versions]
    return merge_by_vote(side_by_side({f"n{n}": each for n, each in enumerate(rows)}))


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("B-A I-A O", "B-A I-A O"), "B-A I-A O"),
        (("B-A I-A O", "O O O"), "? ? O"),
        (("B-A I-A O", "B-A O O"), "? ? O"),  # nobody decides about borders either
        (("B-A I-A O", "B-A I-A O", "O O B-B"), "B-A I-A O"),
        (("B-A I-A O", "B-B I-B O", "O O O"), "? ? O"),
        (("B-A I-A I-A", "B-A I-A O", "B-A O O"), "? ? O"),
        (("B-A O", "? O"), "B-A O"),  # who does not know has no vote
        (("? O", "? O"), "? O"),
        (("? O", "O ?", "O O"), "O O"),
        (("B-A B-A", "B-A B-A", "B-A I-A"), "B-A B-A"),
        # Two spans that overlap, each with a majority of those who know all of its tokens.
        (("B-A I-A O", "B-A ? O", "B-A ? O"), "? ? O"),
    ],
)
def test_more_than_half_decide(versions, expected):
    found = merged(*(tags.split() for tags in versions))
    assert " ".join(found.tags[0]) == expected
    assert found.num_split == expected.split().count("?")
    assert found.num_decided + found.num_split == len(expected.split())


LEGAL = st.lists(st.sampled_from(["O", "A1", "A2", "B1", "B2", "?"]), min_size=1, max_size=5)


def as_tags(parts):
    tags = []
    for part in parts:
        tags += [part] if part in ("O", "?") else [f"B-{part[0]}", f"I-{part[0]}"][: int(part[1])]
    return tags


@given(st.lists(LEGAL, min_size=2, max_size=5), st.sampled_from(["IOB2", "BIOES", "IOB1"]))
def test_spans_of_the_majority_are_kept_and_no_other(parts, scheme):
    versions = [as_tags(each) for each in parts]
    length = min(map(len, versions))
    versions = [[tag if not tag.startswith("I") or at else "?" for at, tag in enumerate(v[:length])] for v in versions]
    versions = [[tag if tag != "?" else "O" for tag in tags] for tags in versions]  # all know everything here
    versions = [convert_tags(tags, "IOB2", scheme) for tags in versions]
    rows = [Dataset.from_dict({"tokens": [["w"] * length], "tags": [tags]}) for tags in versions]
    annotations = side_by_side({f"n{n}": each for n, each in enumerate(rows)})
    tags = merge_by_vote(annotations).tags[0]
    votes = Counter((s.start, s.end, s.label) for each in versions for s in spans_from_tags(each, scheme))
    elected = {place for place, number in votes.items() if 2 * number > len(versions)}
    known = [tag if tag != "?" else "O" for tag in tags]
    found_in = annotations.scheme
    if illegal_positions(known, found_in) == []:  # beside unknown tags a span may look cut
        assert {(s.start, s.end, s.label) for s in spans_from_tags(known, found_in)} == elected
    for at, tag in enumerate(tags):
        outside = sum(each[at] == "O" for each in versions)
        assert (tag == "O") == (2 * outside > len(versions))


def test_plain_tags_go_by_token():
    found = merged(["N", "V", "N"], ["N", "N", "?"], ["V", "D", "N"])
    assert found.tags == (["N", "?", "N"],)
    assert found.counts == {"N": 2}


def texts(**labels):
    return side_by_side(
        {
            name: load_corpus(
                Dataset.from_dict(
                    {"text": [f"text {n}" for n in range(len(rows))], "labels" if rows[0] == [] else "label": rows}
                ),
                task="classify",
            )["train"]
            for name, rows in labels.items()
        }
    )


def test_texts_with_a_split_vote_are_left_out():
    annotations = texts(ada=["good", "bad", "odd"], bo=["good", "good", "odd"], cy=["bad", "odd", "odd"])
    found = merge_by_vote(annotations)
    assert (found.rows, found.labels, found.num_left_out) == ((0, 2), (["good"], ["odd"]), 1)
    rows = merged_dataset(annotations, found)
    assert (rows["text"][:], rows["label"][:]) == (["text 0", "text 2"], [1, 2])
    assert load_corpus(rows, task="classify", split="train")["label"][:] == rows["label"][:]


def test_each_of_several_labels_is_voted_on():
    annotations = texts(ada=[[], ["late", "rude"], ["late"]], bo=[[], ["late"], ["late"]], cy=[[], ["late"], []])
    assert merge_by_vote(annotations).labels == ([], ["late"], ["late"])
    two = texts(ada=[[], ["late", "rude"]], bo=[[], ["late"]])
    assert merge_by_vote(two).rows == (0,)  # nobody decides about 'rude'
    assert merged_dataset(two)["labels"][:] == [[]]


def test_the_dataset_has_the_columns_of_every_corpus():
    rows = Dataset.from_dict(
        {"tokens": [["a", "b"], ["c"]], "tags": [["B-X", "O"], ["B-Y"]], "document": ["one", "two"]}
    )
    other = rows.map(lambda row: {"tags": ["B-X", "O"] if len(row["tokens"]) == 2 else ["O"]})
    found = merged_dataset(side_by_side({"ada": rows, "bo": other}))
    assert found.features["tags"].feature.names == ["O", "B-X", "?"]
    assert found["tags"][:] == [[1, 0], [2]]
    assert found["document"][:] == ["one", "two"]


def test_what_was_looked_for_stays_with_the_rows():
    columns = {"annotated_labels": [["A"]]}
    rows = {
        name: Dataset.from_dict({"tokens": [["a", "b"]], "tags": [["B-A", tag]], **columns})
        for name, tag in (("ada", "O"), ("bo", "O"))
    }
    annotations = side_by_side(rows)
    assert merge_by_vote(annotations).tags == (["B-A", "O"],)
    assert merged_dataset(annotations)["annotated_labels"][:] == [["A"]]
    [document] = merged_documents(annotations, merge_by_vote(annotations), [(), ()])
    assert document.fields == {"annotated_labels": ["A"]}
    # Where they looked for other labels, nobody knows whether the second token is outside.
    rows["bo"] = Dataset.from_dict({"tokens": [["a", "b"]], "tags": [["O", "O"]], "annotated_labels": [["B"]]})
    assert merge_by_vote(side_by_side(rows)).tags == (["B-A", "?"],)


def test_documents_hold_unknown_tokens_as_spans():
    rows = [
        Dataset.from_dict({"tokens": [["Ada", "met", "Bo"]], "tags": [tags]})
        for tags in (["B-P", "O", "B-P"], ["B-P", "O", "O"])
    ]
    annotations = side_by_side({"ada": rows[0], "bo": rows[1]})
    [document] = merged_documents(annotations, merge_by_vote(annotations), [(), ()])
    assert [(span.text, span.label) for span in document.spans] == [("Ada", "P"), ("Bo", "?")]
    assert list(document.tags) == ["B-P", "O", "?"]
