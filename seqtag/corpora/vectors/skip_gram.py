"""Learn word vectors from sentences with gensim's skip-gram (Mikolov et al. 2013, https://arxiv.org/abs/1310.4546)."""

from collections.abc import Iterable, Sequence

import numpy as np

from seqtag.errors import UsageError


def learn_vectors(
    sentences: Iterable[Sequence[str]], *, size: int, min_freq: int, seed: int, window: int = 5, epochs: int = 5
) -> dict[str, np.ndarray]:
    """Give a vector of `size` numbers for each word that occurs `min_freq` times; the sentences are read several times.

    UsageError where gensim is not installed.
    """
    try:
        from gensim.models.word2vec import Word2Vec  # type: ignore[import-untyped]
    except ImportError:
        raise UsageError('gensim, which learns word vectors, is not installed: pip install "seqtag[vectors]"') from None
    model = Word2Vec(vector_size=size, window=window, min_count=min_freq, sg=1, workers=1, seed=seed)
    model.build_vocab(sentences)
    if not len(model.wv):
        return {}
    model.train(sentences, total_examples=model.corpus_count, epochs=epochs)
    return {word: model.wv[word] for word in model.wv.index_to_key}
