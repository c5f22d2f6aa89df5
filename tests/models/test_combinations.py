"""Options that contradict each other, or would change nothing, are refused in one sentence before anything is read."""

import pytest

from seqtag import Classifier, Tagger, UsageError
from seqtag.models.combinations import ENCODER_ALONE, check_combinations
from seqtag.models.options import option_table

ALONE = "encoder=None leaves the linear scores alone, and these options are about an encoder: "


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (Tagger, {"hidden_size": 64}, ALONE + "hidden_size=64; leave them out, or choose an encoder"),
        (Tagger, {"vectors": "glove.txt", "characters": None}, ALONE + "characters=None, vectors='glove.txt'; leave"),
        (Tagger, {"context_size": 9}, ALONE + "context_size=9; leave"),
        (Classifier, {"pooling": "max", "segment_size": 9}, ALONE + "pooling='max', segment_size=9; leave"),
        (Classifier, {"lexical": False}, "lexical=False leaves them out too; leave out one of the two"),
        (Tagger, {"lexical": False, "hidden_size": 64}, "lexical=False leaves them out too"),
    ],
)
def test_without_an_encoder_what_is_about_one_is_refused(estimator, options, message):
    with pytest.raises(UsageError, match=f"^{estimator.__name__}: .*{message}"):
        estimator(encoder=None, **options).fit([["a"]], [["X"]])


def test_every_option_of_the_encoder_is_among_those_that_are_refused():
    options = {option.name: option for kind in (Tagger, Classifier) for option in option_table(kind)}
    about_encoder = {name for name, option in options.items() if option.topic == "encoder"} - {"encoder"}
    assert about_encoder < set(ENCODER_ALONE) < set(options)


def test_options_of_the_linear_scores_go_with_no_encoder():
    wanted = {"lexical_dropout": 0.2, "min_freq": 2, "learning_rate": 0.01, "clip": 0.0}
    for kind in (Tagger, Classifier):
        defaults = kind().get_params(deep=False)
        check_combinations("train", {**defaults, "encoder": None, **wanted}, defaults)


def test_a_model_that_goes_on_has_vectors_already():
    with pytest.raises(UsageError, match=r"vectors='a\.txt' would be those of another model than start_from='m'"):
        Tagger(vectors="a.txt", start_from="m").fit([["a"]], [["X"]])
