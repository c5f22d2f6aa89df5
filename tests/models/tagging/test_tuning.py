"""Temperatures and thresholds: what they are to reach they reach, and nothing else about a tagger changes."""

import json
import logging

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TAGS, TOKENS, UNSEEN, fitted_tagger, tiny_tagger

from seqtag import DataError, Tagger, UsageError
from seqtag.evaluation.statistics.confidence import measure_confidence
from seqtag.models.tagging.temperature import fit_temperature
from seqtag.models.tagging.tuning import Target, fit_thresholds
from seqtag.text.schemes import SCHEMES, Span, convert_tags, spans_from_tags
from seqtag.text.tag_tables import SpanTable
from seqtag.text.tagset import TagSet

words = st.sampled_from([*{word for sentence in TOKENS for word in sentence}, "Lisbon", "unheard", "42"])


def in_scheme(scheme):
    if scheme == "plain":
        return [[tag[2:] or "X" for tag in tags] for tags in TAGS]
    return [convert_tags(tags, "IOB2", scheme) for tags in TAGS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tagger that is often wrong and knows it."""
    return fitted_tagger(epochs=4, hidden_size=16, word_size=16).save(tmp_path_factory.mktemp("tuning") / "m")


@pytest.fixture
def tagger(folder):
    return Tagger.load(folder, device="cpu")


def figures(tagger, sentences=TOKENS, tags=TAGS):
    """Precision and recall of each label, counted by hand."""
    found = [(i, s.start, s.end, s.label) for i, row in enumerate(tagger.predict_token_spans(sentences)) for s in row]
    gold = [(i, s.start, s.end, s.label) for i, row in enumerate(tags) for s in spans_from_tags(row, tagger.scheme_)]
    right = set(found) & set(gold)
    counts = {
        label: [sum(spot[3] == label for spot in side) for side in (right, found, gold)] for label in tagger.labels_
    }
    return {label: (r / f if f else None, r / g if g else None) for label, (r, f, g) in counts.items()}


# -- temperature ------------------------------------------------------------------------------


@torch.no_grad()
def draw_tags(tagger, sentences, seed):
    """Tags drawn from the tagger's own distribution, token by token: with them it is calibrated by construction."""
    predictor, head, random = tagger._torch_engine(), tagger.network_.head, np.random.default_rng(seed)
    tagset = predictor.tagset
    pairs = torch.cartesian_prod(*[torch.arange(len(tagset.names))] * 2).T
    drawn = [[] for _ in sentences]
    for indices, emissions, lengths in predictor.emissions(sentences):
        marginals, moves = (part.numpy() for part in head.chain(emissions, lengths, *pairs))
        for row, i in enumerate(indices):
            ids = []
            for t in range(int(lengths[row])):
                chances = moves[row, t].reshape(len(tagset.names), -1)[ids[-1]] if ids else marginals[row, 0]
                ids.append(int(random.choice(len(chances), p=chances / chances.sum())))
            drawn[i] = [tagset.names[tag] for tag in ids]
    if tagset.data_scheme == "plain":
        return drawn
    return [convert_tags(tags, tagset.scheme, tagset.data_scheme) for tags in drawn]


def sharpen(head, factor):
    """Multiply all that scores are made of."""
    with torch.no_grad():
        names = ("output.weight", "output.bias", "lexical.table.weight", "start_L", "transitions_LL", "end_L")
        for name, parameter in head.named_parameters():
            if name in names:
                parameter.mul_(factor)
        head.shift_L.mul_(factor)


def expected_calibration_error(tagger, sentences, gold):
    candidates = tagger._torch_engine().candidates(sentences).lists()
    wanted = [set(spans_from_tags(tags, tagger.scheme_)) for tags in gold]
    events = [(s.score, Span(s.start, s.end, s.label) in right) for row, right in zip(candidates, wanted) for s in row]
    return measure_confidence(*zip(*events, strict=True)).ece


@pytest.mark.parametrize(("head", "scheme"), [("crf", "IOB2"), ("linear", "plain"), ("crf", "plain")])
def test_a_network_that_is_three_times_too_sure_gets_the_temperature_3(head, scheme):
    tags = in_scheme(scheme)
    tagger = tiny_tagger(head=head, epochs=8, balance=False).fit(TOKENS, tags, dev=(TOKENS, tags))
    sentences = TOKENS * 20
    gold = draw_tags(tagger, sentences, seed=0)
    assert fit_temperature(tagger._torch_engine(), sentences, gold) == pytest.approx(1.0, abs=0.15)
    tagger.network_.head.temperature.fill_(1.0)
    sharpen(tagger.network_.head, 3.0)
    best, before = tagger.predict(UNSEEN), expected_calibration_error(tagger, sentences, gold)
    assert fit_temperature(tagger._torch_engine(), sentences, gold) == pytest.approx(3.0, abs=0.45)
    assert expected_calibration_error(tagger, sentences, gold) < before
    assert tagger.predict(UNSEEN) == best
    assert [row[0][0] for row in tagger.predict_nbest(UNSEEN, n=1)] == best


def test_no_other_temperature_has_a_lower_log_loss(tagger):
    predictor, head = tagger._torch_engine(), tagger.network_.head
    head.temperature.fill_(2.0)  # what stood there before has no part in it
    temperature = fit_temperature(predictor, TOKENS, TAGS)
    assert float(head.temperature) == temperature
    head.temperature.fill_(1.0)
    events = [{(s.start, s.end, s.label) for s in row} for row in predictor.candidates(TOKENS, 0.01).lists()]

    def loss(value):
        head.temperature.fill_(value)
        total = []
        for found, spots, tags in zip(predictor.candidates(TOKENS, 1e-9).lists(), events, TAGS, strict=True):
            gold = {(s.start, s.end, s.label) for s in spans_from_tags(tags, "IOB2")}
            scores = {(s.start, s.end, s.label): s.score for s in found}
            total += [np.log(scores.get(spot, 0.0) if spot in gold else 1 - scores.get(spot, 0.0)) for spot in spots]
        return -np.mean(total)

    best = loss(temperature)
    assert best < loss(1.0)
    assert all(best <= loss(temperature * factor) + 1e-9 for factor in (0.7, 0.9, 0.99, 1.01, 1.1, 1.4))


def test_fit_calibrates_and_the_model_keeps_it(tmp_path, caplog):
    plain = fitted_tagger(epochs=4)
    with caplog.at_level(logging.INFO, "seqtag"):
        tagger = fitted_tagger(epochs=4, calibrate=True)
    temperature = tagger.data_["temperature"]
    assert f"temperature {temperature:.3f}: log loss of" in caplog.text
    assert float(tagger.network_.head.temperature) == temperature != 1
    assert tagger.predict(UNSEEN) == plain.predict(UNSEEN)
    assert not np.allclose(tagger.predict_proba(UNSEEN)[0], plain.predict_proba(UNSEEN)[0])
    assert [record.loss for record in tagger.history_] == [record.loss for record in plain.history_]
    loaded = Tagger.load(tagger.save(tmp_path / "m"), device="cpu")
    assert all((a == b).all() for a, b in zip(loaded.predict_proba(UNSEEN), tagger.predict_proba(UNSEEN), strict=True))
    assert loaded.predict_token_spans(UNSEEN) == tagger.predict_token_spans(UNSEEN)
    assert loaded.predict_nbest(UNSEEN) == tagger.predict_nbest(UNSEEN)
    assert f"| temperature | {temperature:.3f};" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")


def test_data_without_a_candidate_leave_the_temperature_at_1(tagger, caplog):
    with caplog.at_level(logging.WARNING, "seqtag"):
        assert fit_temperature(tagger._torch_engine(), [[], []], [[], []]) == 1.0
    assert "nothing in the data to fit a temperature on" in caplog.text


# -- thresholds -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SCHEMES[1:])
def able(request):
    """A tagger that knows most of its sentences, and their tags in each scheme."""
    tags = in_scheme(request.param)
    options = {"epochs": 15, "hidden_size": 16, "word_size": 16, "dropout": 0.1}
    return tiny_tagger(**options).fit(TOKENS, tags, dev=(TOKENS, tags)), tags


@pytest.mark.parametrize("wanted", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("figure", ["recall", "precision"])
def test_the_wanted_figure_is_reached_on_the_data_given_or_said_to_be_out_of_reach(able, figure, wanted, caplog):
    tagger, tags = able
    with caplog.at_level(logging.WARNING, "seqtag"):
        assert tagger.tune(TOKENS, tags, **{figure: wanted}) is tagger
    counted = figures(tagger, TOKENS, tags)
    assert list(tagger.thresholds_) == tagger.labels_
    for label, found in tagger.tuning_.labels.items():
        assert (found.precision, found.recall) == counted[label]
        assert found.reached == ((counted[label][figure == "recall"] or 0.0) >= wanted)
        assert found.reached or f"{label} (" in caplog.text
    assert all(found.reached for found in tagger.tuning_.labels.values()) or wanted > 0.3


def test_a_higher_wanted_recall_finds_more_and_a_higher_precision_less(able):
    tagger, tags = able
    counts = {"recall": [], "precision": []}
    for figure in counts:
        for wanted in (0.2, 0.5, 0.8):
            tagger.tune(TOKENS, tags, **{figure: wanted})
            counts[figure].append(sum(map(len, tagger.predict_token_spans(TOKENS))))
    assert counts["recall"] == sorted(counts["recall"])
    assert counts["precision"] == sorted(counts["precision"], reverse=True)
    assert counts["recall"][0] < counts["recall"][2]
    assert counts["precision"][0] > counts["precision"][2]


def test_labels_that_a_mapping_leaves_out_get_the_best_f1(tagger):
    tagger.tune(TOKENS, TAGS, recall={"PER": 0.9})
    tuning = tagger.tuning_
    assert (tuning.figure, dict(tuning.wanted), tuning.num_sentences) == ("recall", {"PER": 0.9}, 20)
    tagger.tune(TOKENS, TAGS, precision={"LOC": 0.9})
    assert tagger.tuning_.labels["ORG"].value == pytest.approx(tuning.labels["ORG"].value)


def test_a_label_that_the_data_lack_is_named(tagger, caplog):
    without = [[tag if not tag.endswith("ORG") else "O" for tag in tags] for tags in TAGS]
    with caplog.at_level(logging.WARNING, "seqtag"):
        tagger.tune(TOKENS, without, recall=0.3)
    assert "the wanted recall is out of reach for ORG (no span)" in caplog.text
    assert tagger.thresholds_["ORG"] == 0.5
    assert tagger.tuning_.labels["ORG"].recall is None


def test_every_prediction_honours_the_thresholds(tagger):
    before = tagger.predict(TOKENS)
    tagger.tune(TOKENS, TAGS, recall=0.95)
    least, scores = tagger.thresholds_, tagger._torch_engine().candidates(TOKENS, 1e-4).lists()
    spans = tagger.predict_token_spans(TOKENS)
    for found, every in zip(spans, scores, strict=True):
        assert set(found) <= set(every)
        assert all(span.score >= least[span.label] for span in found)
        # nothing that has its place is left out
        left = [
            s
            for s in every
            if s.score >= least[s.label] and not any(s.start < o.end and o.start < s.end for o in found)
        ]
        assert left == []
    tags = tagger.predict(TOKENS)
    assert tags != before
    bare = [[Span(s.start, s.end, s.label) for s in found] for found in spans]
    assert [spans_from_tags(row, "IOB2") for row in tags] == bare
    assert list(tagger.predict_stream(TOKENS)) == tags
    texts = [" ".join(tokens[:-1]) for tokens in TOKENS]
    assert list(map(len, tagger.predict_spans(texts))) == [
        len(tagger.predict_token_spans([tokens[:-1]])[0]) for tokens in TOKENS
    ]
    for text, found in zip(texts, tagger.predict_spans(texts), strict=True):
        assert all(text[span.start : span.end] == span.text for span in found)
    assert tagger.predict([[]]) == [[]]


@settings(max_examples=15)
@given(
    sentences=st.lists(st.lists(words, max_size=8), min_size=1, max_size=6), random=st.randoms(use_true_random=False)
)
def test_neighbours_and_order_change_nothing_with_thresholds(folder, sentences, random):
    tagger = Tagger.load(folder, device="cpu").tune(TOKENS, TAGS, recall=0.9)
    order = random.sample(range(len(sentences)), len(sentences))
    tags = tagger.predict(sentences)
    mixed = tagger.predict([sentences[i] for i in order])
    assert mixed == [tags[i] for i in order]
    assert tags == [tagger.predict([sentence])[0] for sentence in sentences]


def test_thresholds_are_kept_in_the_folder_and_leave_with_nothing_wanted(tagger, tmp_path):
    best = tagger.predict(UNSEEN)
    tagger.tune(Dataset.from_dict({"tokens": TOKENS, "tags": TAGS}), recall={"PER": 0.9, "LOC": 0.4})
    folder = tagger.save(tmp_path / "m")
    loaded = Tagger.load(folder, device="cpu")
    assert loaded.tuning_ == tagger.tuning_
    assert loaded.thresholds_ == tagger.thresholds_
    assert loaded.predict_token_spans(UNSEEN) == tagger.predict_token_spans(UNSEEN)
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))["tuning"]
    assert {label: found["value"] for label, found in stored["labels"].items()} == tagger.thresholds_
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"LOC {tagger.thresholds_['LOC']:.3f}, ORG {tagger.thresholds_['ORG']:.3f}" in card
    assert "chosen on 20 sentences, where a recall of PER 0.9, LOC 0.4 was wanted" in card
    assert loaded.tune(TOKENS, TAGS).thresholds_ is None
    assert loaded.predict(UNSEEN) == best
    again = Tagger.load(loaded.save(tmp_path / "again"), device="cpu")
    assert again.thresholds_ is again.tuning_ is None


@pytest.mark.parametrize("options", [{"wanted_recall": 0.6}, {"wanted_precision": 0.6, "calibrate": True}])
def test_fit_chooses_thresholds_on_dev(options):
    half = (TOKENS[10:], TAGS[10:])
    tagger = tiny_tagger(epochs=4, **options).fit(TOKENS[:10], TAGS[:10], dev=half)
    other = tiny_tagger(epochs=4).fit(TOKENS[:10], TAGS[:10], dev=half)
    wanted = {name.removeprefix("wanted_"): share for name, share in options.items()}
    other.tune(*half, **wanted)
    assert tagger.thresholds_ == other.thresholds_
    assert tagger.tuning_ == other.tuning_
    assert tagger.predict(UNSEEN) == other.predict(UNSEEN)
    # the dev score is that of the best tags, and a second fit without a target has no thresholds
    assert [record.dev_score for record in tagger.history_] == [record.dev_score for record in other.history_]
    assert tagger.data_["dev_interval"] == other.data_["dev_interval"]
    tagger.set_params(wanted_recall=None, wanted_precision=None).fit(TOKENS[:10], TAGS[:10], dev=half)
    assert tagger.thresholds_ is None


def test_tuning_data_may_be_in_another_scheme(tagger):
    tagger.tune(TOKENS, TAGS, recall=0.7)
    expected = tagger.tuning_
    assert tagger.tune(TOKENS, in_scheme("BIOES"), recall=0.7).tuning_ == expected


def test_a_search_goes_on_until_overlapping_candidates_are_decided_between():
    """The right spans overlap likelier wrong ones: only a threshold that shuts those out reaches the recall."""
    rows = [
        [Span(0, 2, "A", score=0.6), Span(0, 1, "B", score=0.3)],
        [Span(0, 2, "A", score=0.9)],
        [Span(0, 1, "B", score=0.2), Span(3, 4, "A", score=0.05)],
    ]
    gold = [["B-B", "O"], ["B-A", "I-A"], ["B-B", "O", "O", "O"]]

    class Engine:
        tagset = TagSet.build(["O", "B-A", "I-A", "B-B"], "IOB2")

        def candidates(self, sentences, floor):
            return SpanTable.of(rows, [2, 2, 4])

    chosen = fit_thresholds(Engine(), [], gold, Target("recall", {"A": 1.0, "B": 1.0})).labels
    assert 0.6 < chosen["A"].value < 0.9
    assert 0.19 < chosen["B"].value <= 0.2
    assert all(found.reached and found.recall == found.precision == 1.0 for found in chosen.values())


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"recall": 0.9, "precision": 0.9},
            "recall=0.9 and precision=0.9: thresholds can be chosen for one of the two",
        ),
        ({"recall": 0}, "recall=0: 0 is no share; give a number above 0 and at most 1"),
        ({"precision": 1.5}, "1.5 is no share"),
        ({"recall": "high"}, "'high' is no share"),
        ({"recall": True}, "True is no share"),
        ({"recall": {"PRE": 0.9}}, r"unknown label 'PRE'; choose from LOC, ORG, PER; did you mean 'PER'\?"),
        ({"recall": {"PER": 90}}, "90 is no share"),
    ],
)
def test_mistakes_are_named_and_change_nothing(tagger, wanted, message):
    tagger.tune(TOKENS, TAGS, recall=0.5)
    before = tagger.thresholds_
    with pytest.raises(UsageError, match=message):
        tagger.tune(TOKENS, TAGS, **wanted)
    with pytest.raises(DataError, match="the tuning data holds no sentence"):
        tagger.tune([], [], recall=0.9)
    with pytest.raises(DataError, match="the tuning data has only the label 'X'"):
        tagger.tune([["a"]], [["B-X"]], recall=0.9)
    assert tagger.thresholds_ == before


def test_plain_tags_have_no_thresholds_but_a_temperature():
    tags = in_scheme("plain")
    message = "the tags are plain, one per token, and thresholds choose among spans"
    with pytest.raises(UsageError, match=f"wanted_recall=0.9: {message}"):
        tiny_tagger(wanted_recall=0.9).fit(TOKENS, tags, dev=(TOKENS, tags))
    tagger = tiny_tagger(calibrate=True).fit(TOKENS, tags, dev=(TOKENS, tags))
    assert tagger.data_["temperature"] == float(tagger.network_.head.temperature)
    with pytest.raises(UsageError, match=message):
        tagger.tune(TOKENS, tags, precision=0.9)


def test_wrong_options_are_found_before_training():
    with pytest.raises(UsageError, match=r"wanted_recall=0\.5 and wanted_precision=0\.5"):
        tiny_tagger(wanted_recall=0.5, wanted_precision=0.5).fit(TOKENS, TAGS)
    with pytest.raises(UsageError) as error:
        tiny_tagger(wanted_recall=0, wanted_precision=2, calibrate="yes").fit(TOKENS, TAGS)
    assert "wanted_recall=0: must be a number above 0, at most 1" in str(error.value)
    assert "wanted_precision=2: must be a number above 0" in str(error.value)
    assert "calibrate='yes': must be True or False" in str(error.value)
    with pytest.raises(UsageError, match="not trained yet"):
        tiny_tagger().tune(TOKENS, TAGS)
