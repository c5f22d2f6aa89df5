"""Take series of numbers as they are, where words would be looked up: (B, T, D) -> (B, T, D)."""

# B series, T steps, D features

from torch import Tensor, nn

from seqtag.nn.batch import SeriesBatch


class SeriesEmbedder(nn.Module):
    """Shift the features of each step by the mean of the training data and divide them by their deviation."""

    def __init__(self, mean_D: Tensor, scale_D: Tensor) -> None:
        super().__init__()
        self.mean_D = nn.Buffer(mean_D)
        self.scale_D = nn.Buffer(scale_D)
        self.output_size = len(mean_D)

    def forward(self, batch: SeriesBatch) -> Tensor:
        """Give the features of each step, (B, T, D)."""
        return (batch.values_BTD - self.mean_D) / self.scale_D
