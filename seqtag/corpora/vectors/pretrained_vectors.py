"""Find out what form of word vectors a name leads to, and read it: `vectors=` of an estimator.

Files of text and of word2vec are read by `word_vectors`, fastText's models by `fasttext_models`, pipelines of spaCy by
`spacy_vectors`, and folders of Model2Vec or sentence-transformers by `static_embeddings`.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from seqtag.corpora.vectors.fasttext_models import read_fasttext
from seqtag.corpora.vectors.spacy_vectors import installed_pipeline, pipeline_folder, read_spacy
from seqtag.corpora.vectors.static_embeddings import read_static, static_folder
from seqtag.corpora.vectors.word_vectors import FASTTEXT, read_vectors
from seqtag.errors import DataError, UsageError
from seqtag.text.word_vectors import WordVectors


def read_pretrained(source: str | Path, *, words: Container[str] | None = None) -> WordVectors:
    """Read word vectors from a file, a folder or an installed spaCy pipeline, running no code of theirs.

    Of a list, `words` are kept, or all; large tables are mapped from their files. Raises
    UsageError where there is nothing of a known form, DataError where what is there is damaged.
    """
    path = Path(source)
    if path.is_dir():
        if (pipeline := pipeline_folder(path)) is not None:
            return read_spacy(pipeline, words=words)
        if (folder := static_folder(path)) is not None:
            return read_static(folder, root=path)
        if (path / "vocabulary.json").is_file():
            raise UsageError(
                f"{source}: the folder of a model of seqtag, whose vectors are a part of it; go on from the whole "
                "model with start_from, or --from on the command line"
            )
        raise UsageError(
            f"{source}: a folder without word vectors; a pipeline of spaCy has vocab/vectors, and static embeddings "
            "(Model2Vec, StaticEmbedding) have model.safetensors and tokenizer.json"
        )
    if not path.is_file():
        if (pipeline := installed_pipeline(str(source))) is not None:
            return read_spacy(pipeline, words=words)
        raise UsageError(
            f"{source}: no such file or folder of word vectors, and no installed spaCy pipeline that has some; name "
            "GloVe, word2vec, fastText (.vec, .bin), a pipeline with vectors, or a folder of static embeddings"
        )
    try:
        with path.open("rb") as file:
            is_fasttext = file.read(len(FASTTEXT)) == FASTTEXT
        if is_fasttext:
            return read_fasttext(path)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from error
    found = read_vectors(path, words=words)
    return WordVectors({word: row for row, word in enumerate(found.words)}, found.matrix)


@contextmanager
def telling_source(source: str | Path) -> Iterator[None]:
    """Say in an error of the vectors where they came from."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
