"""The tagger of the runtime: the predicting half of `seqtag.Tagger`, on numpy and onnxruntime."""

from seqtag.inference.tagging import PredictingTagger
from seqtag.runtime.tagging_engine import OnnxTagEngine
from seqtag.text.tagset import TagSet


class RuntimeTagger(PredictingTagger[OnnxTagEngine]):
    """A trained tagger that predicts as `seqtag.Tagger` does: the same tags, spans and probabilities, without torch.

    Make one with `seqtag.runtime.load`. One may be shared by any number of threads.
    """

    def __init__(self, engine: OnnxTagEngine, *, language: str) -> None:
        self.engine = engine
        self.language = language

    @property
    def thresholds_(self) -> dict[str, float] | None:
        """The least probability with which spans of each label are predicted; None where the best tags are."""
        return None if self.engine.thresholds is None else dict(self.engine.thresholds)

    def _tags(self) -> TagSet:
        return self.engine.tagset

    def _engine(self) -> OnnxTagEngine:
        return self.engine
