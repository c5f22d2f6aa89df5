"""Take series of numbers as they are, where words would be looked up: (B, T, D) -> (B, T, D)."""

# B series, T steps, D features

from torch import Tensor, nn

from seqtag.nn.batch import SeriesBatch


class SeriesEmbedder(nn.Module):
    """Shift the features of each step by the mean of the training data and divide them by their deviation."""

    def __init__(self, mean_D: Tensor, scale_D: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean_D", mean_D)
        self.register_buffer("scale_D", scale_D)
        self.mean_D: Tensor
        self.scale_D: Tensor
        self.output_size = len(mean_D)

    def forward(self, batch: SeriesBatch) -> Tensor:
        """Give the features of each step, (B, T, D)."""
        return (batch.values_BTD - self.mean_D) / self.scale_D
