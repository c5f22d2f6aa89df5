"""What training leaves in a tagger."""

from collections.abc import Mapping

from seqtag.models.tagging.going_on import OldModel
from seqtag.models.tagging.tuning import Tuning
from seqtag.text.gazetteers import Gazetteers
from seqtag.text.tagset import TagSet
from seqtag.text.training_surfaces import Surfaces


class FittedTagger:
    """What `fit`, `tune`, `pretrain` and `load` leave in a tagger beside what they leave in every estimator."""

    tagset_: TagSet
    label_weights_: Mapping[str, float]  # of the loss, which no loaded model needs
    surfaces_: Surfaces | None  # of the training data; None in a model of an earlier release
    tuning_: Tuning | None = None  # None: the best tags are predicted
    start_: OldModel | None = None  # only while it trains
    gazetteers_: Gazetteers | None = None
