"""Every mistake ends in one error that says what, where, what was found and what to do; nothing is guessed."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from tiny import TAGS, TOKENS, fitted_tagger, tiny_tagger

from seqtag import DataError, SeqtagError, Tagger, UsageError
from seqtag.models.options import checks_of
from seqtag.models.tagging.inputs import training_splits


@pytest.fixture(scope="module")
def tagger():
    return fitted_tagger()


PREDICTING = ["predict", "predict_proba", "predict_nbest", "predict_token_spans"]
EXAMPLE = r'\(\[\["Ada", "lives", "in", "Turin"\]\]\)'


@pytest.mark.parametrize("verb", PREDICTING)
@pytest.mark.parametrize(
    ("X", "found"),
    [
        ("Ada lives in Turin.", "not a string"),
        (["Ada lives in Turin."], "sentence 1 is the string 'Ada lives in Turin.'"),
        ([["Ada"], "lives"], "sentence 2 is the string 'lives'"),
        ([["Ada"], None], "sentence 2 is NoneType"),
        ([{"tokens": ["Ada"]}], "sentence 1 is dict"),
        (b"Ada", "not bytes"),
        (None, "not NoneType"),
        (7, "not int"),
    ],
    ids=str,
)
def test_what_is_no_list_of_token_lists_is_refused_with_the_right_call(tagger, verb, X, found):
    with pytest.raises(UsageError, match=f"{verb} takes token lists, .*{found}: {verb}{EXAMPLE}"):
        getattr(tagger, verb)(X)


@pytest.mark.parametrize("verb", PREDICTING)
def test_tokens_are_strings(tagger, verb):
    for token in (7, None, ["Ada"], b"Ada", 1.5):
        with pytest.raises(UsageError, match=r"sentence 2 holds .*, which is no string; tokens must be strings"):
            getattr(tagger, verb)([["fine"], ["Ada", token]])
    assert tagger.predict([np.array(["Ada", "met"])])  # numpy's strings are strings


def test_a_dataset_is_not_read_as_its_column_names(tagger):
    data = Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})
    for wrong in (data, DatasetDict({"test": data})):
        with pytest.raises(UsageError, match=r'predict takes token lists, not a dataset: predict\(data\["tokens"\]\)'):
            tagger.predict(wrong)
    assert tagger.predict(data["tokens"]) == tagger.predict(TOKENS)


@pytest.mark.parametrize(
    ("X", "found"),
    [
        ("Ada.", "a list of texts, not one string"),
        (["Ada.", ["Ada"]], "number 2 is list"),
        (["Ada.", None], "number 2 is NoneType"),
        (None, "a list of texts, not NoneType"),
        ({"text": "Ada."}, "a list of texts, not dict"),
    ],
    ids=str,
)
def test_texts_are_a_list_of_strings(tagger, X, found):
    with pytest.raises(UsageError, match=rf"predict_spans takes .*{found}: predict_spans\("):
        tagger.predict_spans(X)


def test_half_a_character_is_refused_by_its_place(tagger):
    with pytest.raises(DataError, match=r"sentence 2.*surrogate"):
        tagger.predict([["fine"], ["Ada", "\ud83d"]])
    with pytest.raises(DataError, match=r"number 2.*surrogate"):
        tagger.predict_spans(["fine", "Ada \ud83d"])


@pytest.mark.parametrize("n", [0, -1, 1.5, "3"])
def test_n_is_a_positive_whole_number(tagger, n):
    with pytest.raises(UsageError, match="ask for a whole number of sequences, at least 1"):
        tagger.predict_nbest(TOKENS, n=n)


# -- fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (TOKENS, None, UsageError, "the training data needs tags"),
        (TOKENS, TAGS[:-1], DataError, "20 token lists but 19 tag lists"),
        ([["a", "b"], ["c"]], [["O", "B-X"], ["O", "O"]], DataError, r"sentence 2: 1 tokens but 2 tags \(c \.\.\.\)"),
        (
            [["a"], ["c"]],
            [["O"], [3]],
            UsageError,
            r"sentence 2: tags must be strings, or None for unknown ones, found \[3\]",
        ),
        ([["a"], ["bc"]], [["O"], "BX"], UsageError, "y takes tag lists, but sentence 2 is the string 'BX'"),
        ([["a"]], "O", UsageError, "y takes tag lists, not a string"),
        ([["a", 1]], [["O", "O"]], UsageError, "sentence 1 holds 1, which is no string"),
        ("Ada met", [["O"]], UsageError, "fit takes token lists, not a string"),
        ([], [], DataError, "the training data holds no sentence"),
        ([["a"]], [["B-X"]], DataError, "one training sentence and no dev data"),
        ([["a"], ["b"]], [["O"], ["O"]], DataError, "has no tag but O: there is nothing to learn"),
        ([["a"], ["b"]], [["NOUN"], ["NOUN"]], DataError, "has no tag but NOUN: there is nothing to learn"),
        ([[], []], [[], []], DataError, "2 sentences and not one token"),
        (Dataset.from_dict({"tokens": [], "tags": []}), None, DataError, "the training data holds no sentence"),
        (Dataset.from_dict({"tokens": TOKENS}), None, SeqtagError, "tag"),
        (Dataset.from_dict({"tokens": TOKENS, "tags": TAGS}), TAGS, UsageError, "a dataset brings its own tags"),
        (
            DatasetDict({"train": Dataset.from_dict({"tokens": TOKENS, "tags": TAGS})}),
            None,
            UsageError,
            r'a whole corpus with the splits train; give one, such as corpus\["train"\]',
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_training_data_that_fall_short(X, y, error, message):
    with pytest.raises(error, match=message):
        tiny_tagger().fit(X, y)


@pytest.mark.parametrize(
    ("dev", "message"),
    [
        (([], []), "the dev data holds no sentence; leave it out"),
        ((TOKENS,), r"dev is a tuple of 1; give a dataset, or the pair \(token lists, tag lists\)"),
        ((TOKENS, TAGS[1:]), "dev data: 20 token lists but 19 tag lists"),
        (TOKENS, "the dev data needs tags"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_dev_data_that_fall_short(dev, message):
    with pytest.raises(SeqtagError, match=message):
        tiny_tagger().fit(TOKENS, TAGS, dev=dev)


def test_evaluation_data_that_fall_short(tagger):
    with pytest.raises(DataError, match="the evaluation data holds no sentence"):
        tagger.evaluate([], [])
    with pytest.raises(UsageError, match="the evaluation data needs tags"):
        tagger.evaluate(TOKENS)
    other = [[tag[:2] + "GENE" if tag != "O" else tag for tag in tags] for tags in TAGS]
    with pytest.raises(DataError, match=r"only the label 'GENE' not known to the model, which has LOC, ORG, PER"):
        tagger.evaluate(TOKENS, other)
    with pytest.raises(SeqtagError, match="NOUN"):
        tagger.evaluate([["a", "b"]], [["NOUN", "VERB"]])


# -- options ----------------------------------------------------------------------------------


def test_all_wrong_options_are_named_at_once_with_the_near_miss():
    wrong = {
        "encoder": "ltsm",
        "head": "CFR",
        "hidden_size": 0,
        "dropout": 1.0,
        "characters": "cn",
        "bidirectional": 1,
        "schedule": "linaer",
        "class_weights": {"PER": -1},
        "learning_rate": "fast",
    }
    with pytest.raises(UsageError) as caught:
        Tagger(**wrong).fit(TOKENS, TAGS)
    message = str(caught.value)
    for name, value in wrong.items():
        assert f"{name}={value!r}: " in message
    assert message.count("\n") == len(wrong) - 1
    for line in (
        "encoder='ltsm': unknown; choose from None, gru, lstm, rnn_relu, rnn_tanh; did you mean 'lstm'?",
        "head='CFR': unknown; choose from crf, linear; did you mean 'crf'?",
        "hidden_size=0: must be a whole number, at least 1",
        "dropout=1.0: must be a number, at least 0 and less than 1",
        "did you mean 'linear'?",
    ):
        assert line in message


@pytest.mark.parametrize("name", sorted(checks_of(Tagger)))
def test_every_option_is_checked(name):
    assert set(checks_of(Tagger)) == set(Tagger().get_params())
    for nonsense in (object(), [], -1.5):
        with pytest.raises(UsageError, match=f"^Tagger: {name}="):
            Tagger(**{name: nonsense})._check_options()


@pytest.mark.parametrize("options", [{"encoder": "gru", "proj_size": 4}, {"proj_size": 8, "hidden_size": 8}])
def test_a_projection_needs_an_lstm_that_is_wider(options):
    with pytest.raises(UsageError, match=r"proj_size=\d needs encoder='lstm' .* and a hidden_size above it"):
        tiny_tagger(**options).fit(TOKENS, TAGS)


def test_a_weight_for_a_label_that_the_data_lack():
    with pytest.raises(
        UsageError, match=r"class_weights: unknown label 'PERS'; choose from LOC, ORG, PER; did you mean"
    ):
        tiny_tagger(class_weights={"PERS": 2.0}).fit(TOKENS, TAGS)
    assert tiny_tagger(class_weights={"O": 0.5, "PER": 2.0}, epochs=1).fit(TOKENS, TAGS).predict(TOKENS)


def test_a_language_that_is_none_is_told_before_training(tagger):
    other = tiny_tagger(language="zz")
    with pytest.raises(UsageError, match="language 'zz'"):
        other.fit(TOKENS, TAGS)


def test_a_vectors_file_that_is_none(tmp_path):
    with pytest.raises(SeqtagError, match=r"none\.vec"):
        tiny_tagger(vectors=str(tmp_path / "none.vec")).fit(TOKENS, TAGS)


def test_whole_documents_are_held_out_where_they_are_known(caplog):
    rows = {"tokens": [["Ada", "spoke"]] * 12, "tags": [["B-PER", "O"]] * 12, "doc_id": list("aaabbbcccddd")}
    with caplog.at_level("INFO"):
        train, dev = training_splits(Dataset.from_dict(rows), None, None, dev_share=0.2, seed=1)
    assert "3 of 12 training sentences are held out (dev_share=0.2, seed=1), by whole documents" in caplog.text
    assert (len(train), len(dev), len(set(dev["document"]))) == (9, 3, 1)
    assert not set(train["document"]) & set(dev["document"])


def test_a_pair_in_the_place_of_two_arguments_is_told_the_right_call():
    with pytest.raises(UsageError, match=r"the training data is one pair; .* as two arguments: fit\(X, y\)"):
        training_splits(([["Ada"]], [["B-PER"]]), None, None, dev_share=0.1, seed=0)
