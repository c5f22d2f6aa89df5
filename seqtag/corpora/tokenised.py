"""Cut the texts of a dataset into tokens, on disk, so that memory does not grow with their number."""

import logging

import pyarrow as pa
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.arrow_files import arrow_writer, open_dataset
from seqtag.corpora.workspace import workspace
from seqtag.text.tokenizer import Tokenizer

logger = logging.getLogger("seqtag")

TOKENS = Features({"tokens": ListOf(Value("string"))})
_ROWS = 1_000
_MANY = 100_000  # from this number of texts on, cutting takes so long that the log says so


def cut_texts(dataset: Dataset, language: str) -> Dataset:
    """Give a dataset with the column `tokens` in the place of `text`, memory-mapped from a file in the workspace.

    >>> cut_texts(Dataset.from_dict({"text": ["What a day!", ""]}), "en")["tokens"][:]
    [['What', 'a', 'day', '!'], []]
    """
    tokenizer = Tokenizer(language)
    path = workspace() / "tokens.arrow"
    if len(dataset) >= _MANY:
        logger.info("cutting %d texts into tokens", len(dataset))
    with arrow_writer(path, TOKENS.arrow_schema) as write:
        for rows in dataset.select_columns("text").with_format("arrow").iter(_ROWS):
            texts = rows.column("text").to_pylist()
            tokens = [cut.words for cut in tokenizer.token_stream(texts)]
            write([pa.array(tokens, pa.list_(pa.string()))])
    return open_dataset(path)
