"""Series of numbers are scaled by what the training data say."""

import torch

from seqtag.nn.batch import SeriesBatch
from seqtag.nn.series import SeriesEmbedder


def test_features_are_shifted_by_the_mean_and_divided_by_the_deviation():
    values_BTD = torch.tensor([[[1.0, 10.0], [3.0, 30.0]], [[5.0, 20.0], [0.0, 0.0]]])
    embedder = SeriesEmbedder(torch.tensor([3.0, 20.0]), torch.tensor([2.0, 10.0]))
    embedded = embedder(SeriesBatch(values_BTD, torch.tensor([2, 1])))
    assert embedded[0].tolist() == [[-1.0, -1.0], [0.0, 1.0]]
    assert embedded[1, 0].tolist() == [1.0, 0.0]
    assert embedder.output_size == 2
    assert list(embedder.parameters()) == []
    assert set(embedder.state_dict()) == {"mean_D", "scale_D"}  # they belong to the model
