"""Cut the texts of a dataset into tokens, on disk, so that memory does not grow with their number."""

import logging

import pyarrow as pa
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.workspace import no_room, workspace
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

TOKENS = Features({"tokens": ListOf(Value("string"))})
_ROWS = 1_000
_MANY = 100_000  # texts from which on the cutting takes long enough to be told


def cut_texts(dataset: Dataset, language: str) -> Dataset:
    """Give a dataset with the column `tokens` in the place of `text`, memory-mapped from a file of ours.

    >>> cut_texts(Dataset.from_dict({"text": ["What a day!", ""]}), "en")["tokens"][:]
    [['What', 'a', 'day', '!'], []]
    """
    tokenizer = Tokenizer(language)
    folder = workspace()
    path = folder / "tokens.arrow"
    if len(dataset) >= _MANY:
        logger.info("cutting %d texts into tokens", len(dataset))
    try:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, TOKENS.arrow_schema) as writer:
            for rows in dataset.select_columns("text").with_format("arrow").iter(_ROWS):
                texts = rows.column("text").to_pylist()
                tokens = [[token.text for token in cut] for cut in tokenizer.token_stream(texts)]
                writer.write_batch(pa.record_batch([pa.array(tokens, pa.list_(pa.string()))], TOKENS.arrow_schema))
    except OSError as error:
        raise no_room(folder, error) from error
    return Dataset.from_file(str(path))
