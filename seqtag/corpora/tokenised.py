"""Cut the texts of a dataset into tokens, on disk, so that memory does not grow with their number."""

import pyarrow as pa
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf

from seqtag.corpora.arrow_files import arrow_writer, open_dataset
from seqtag.corpora.workspace import workspace
from seqtag.reporting.progress import watched
from seqtag.text.tokenizer import Tokenizer

TOKENS = Features({"tokens": ListOf(Value("string"))})
_ROWS = 1_000


def cut_texts(dataset: Dataset, language: str) -> Dataset:
    """Give a dataset with the column `tokens` in the place of `text`, memory-mapped from a file in the workspace.

    >>> cut_texts(Dataset.from_dict({"text": ["What a day!", ""]}), "en")["tokens"][:]
    [['What', 'a', 'day', '!'], []]
    """
    tokenizer = Tokenizer(language)
    path = workspace() / "tokens.arrow"
    pieces = dataset.select_columns("text").with_format("arrow").iter(_ROWS)
    with arrow_writer(path, TOKENS.arrow_schema) as write:
        for rows in watched(pieces, "cutting texts into tokens", total=len(dataset), size=len):
            texts = rows.column("text").to_pylist()
            tokens = [cut.words for cut in tokenizer.token_stream(texts)]
            write([pa.array(tokens, pa.list_(pa.string()))])
    return open_dataset(path)
