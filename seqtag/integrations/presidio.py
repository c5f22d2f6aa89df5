"""A recogniser for Microsoft Presidio: finds the spans of a tagger in texts, and calls them by Presidio's names.

The model is loaded as `seqtag predict` loads it: its export where there is one, without torch. Presidio comes with
`pip install "seqtag[presidio]"`; what it does with the spans, such as replacing them, is its own business.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqtag.errors import UsageError
from seqtag.models.predictor import load_predictor

try:
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult
except ImportError:  # whoever makes a recogniser is told what to install
    EntityRecognizer = object

# The labels of the usual corpora, in small letters, and Presidio's names for them.
ENTITIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("per", "pers", "person", "people"), "PERSON"),
        **dict.fromkeys(("loc", "location", "gpe", "geo-loc", "place"), "LOCATION"),
        **dict.fromkeys(("org", "organization", "organisation", "corporation", "company"), "ORGANIZATION"),
        **dict.fromkeys(("date", "time"), "DATE_TIME"),
        **dict.fromkeys(("norp",), "NRP"),
        **dict.fromkeys(("email", "email_address"), "EMAIL_ADDRESS"),
        **dict.fromkeys(("phone", "phone_number"), "PHONE_NUMBER"),
        **dict.fromkeys(("url",), "URL"),
    }
)


class SeqtagRecognizer(EntityRecognizer):
    """Finds the spans of a trained tagger for Presidio's AnalyzerEngine; their scores are exact probabilities.

    `model` is a model folder, or a tagger that is loaded already. `entity_mapping` gives Presidio's name for each label
    of the model; None for a label leaves its spans out. Labels that it does not name get the name in ENTITIES, else
    their own, in capitals. `supported_language` is the language of the texts, by default that of the model, or "en" if
    the model is for any; Presidio asks a recogniser only for texts of its language. Spans below `min_score` are left
    out. Raises UsageError if Presidio is not installed, for a model that finds no spans, and for unknown labels.
    """

    def __init__(
        self,
        model: Any,
        *,
        entity_mapping: Mapping[str, str | None] | None = None,
        supported_language: str | None = None,
        min_score: float = 0.0,
        name: str = "SeqtagRecognizer",
        engine: str | None = None,
        threads: int | None = None,
        **presidio: Any,
    ) -> None:
        if EntityRecognizer is object:
            raise UsageError(
                'SeqtagRecognizer needs Presidio, which is not installed; run: pip install "seqtag[presidio]"'
            )
        self.tagger: Any = model
        if isinstance(model, (str, Path)):
            self.tagger = load_predictor(model, engine=engine, threads=threads)
        if not hasattr(self.tagger, "predict_spans") or self.tagger.scheme_ == "plain":
            raise UsageError(f"{model}: this model finds no spans; name a tagger that was trained on entities")
        mapping = dict(entity_mapping or {})
        if unknown := sorted(set(mapping) - set(self.tagger.labels_)):
            raise UsageError(
                f"entity_mapping: the model has no label {', '.join(map(repr, unknown))}; its labels are "
                f"{', '.join(self.tagger.labels_)}"
            )
        self.min_score = min_score
        # The entity of each label whose spans are wanted.
        self.entities: dict[str, str] = {}
        for label in self.tagger.labels_:
            if entity := mapping.get(label, ENTITIES.get(label.lower(), label.upper())):
                self.entities[label] = entity
        language = "en" if self.tagger.language == "xx" else self.tagger.language
        super().__init__(
            supported_entities=sorted(set(self.entities.values())),
            supported_language=supported_language or language,
            name=name,
            **presidio,
        )

    def load(self) -> None:
        """Do nothing: the model is loaded before Presidio asks for it, because its labels say what is recognised."""

    def analyze(self, text: str, entities: Sequence[str] | None, nlp_artifacts: Any = None) -> list[Any]:
        """Find the spans of a text whose entity is among `entities`; no entities means all of them."""
        results = []
        for span in self.tagger.predict_spans([text])[0]:
            entity, score = self.entities.get(span.label), float(span.score or 0.0)
            if entity is None or (entities and entity not in entities) or score < self.min_score:
                continue
            explanation = AnalysisExplanation(
                recognizer=self.name,
                original_score=score,
                textual_explanation=f"the tagger gives {span.label} a probability of {score:.2f} here",
            )
            results.append(RecognizerResult(entity, span.start, span.end, score, explanation))
        return results
