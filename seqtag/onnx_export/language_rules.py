"""Store the rules of a language beside the graph of an export, so that the runtime cuts texts without spaCy."""

import json
import logging

from seqtag.errors import UsageError
from seqtag.runtime.onnx_session import RULES_KEY
from seqtag.text.spacy_pipelines import spacy_rules

logger = logging.getLogger("seqtag")


def with_rules(content: bytes, language: str) -> bytes:
    """Add the rules of a language to the file of an export; where spaCy has none as data, the file stays as it is."""
    import onnx

    try:
        rules = spacy_rules(language)
    except UsageError as error:
        logger.warning("the export holds no rules to cut texts with, and takes token lists alone: %s", error)
        return content
    if rules is None:
        logger.info("the tokeniser of language %r is a program, so the export needs spaCy to cut texts", language)
        return content
    added = onnx.ModelProto()
    added.metadata_props.add(key=RULES_KEY, value=json.dumps(rules.to_dict(), ensure_ascii=False))
    # One message of Protocol Buffers after the other is the message that has the fields of both.
    return content + bytes(added.SerializeToString())
