"""Read long texts in segments that lie side by side: (B, T, E) -> (B, T, H), at the cost of short ones.

A recurrent network reads one token after the other, so one text of 20,000 tokens takes as many steps as a batch of a
hundred short texts with 20,000 each. Cut into segments that are rows of one batch, its tokens cost what those of short
texts cost. No state crosses the border of a segment; pooling looks at all states of a text.
"""

# B texts, T tokens, E embedding, H hidden, R segments, S tokens of a segment

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqtag.nn.pooling import even_size
from seqtag.nn.recurrent import RecurrentEncoder


class SegmentedEncoder(nn.Module):
    """An encoder that reads texts of more than `segment_size` tokens in segments of equal length.

    At most `max_tokens` tokens go through the encoder together; of a batch with more, which is one text that is longer,
    the inner states are computed again for the gradient and not kept, so that memory stays that of a batch.
    """

    def __init__(self, encoder: RecurrentEncoder, *, segment_size: int, max_tokens: int) -> None:
        super().__init__()
        self.encoder, self.segment_size, self.max_tokens = encoder, segment_size, max_tokens
        self.output_size = encoder.output_size

    def forward(self, embedded_BTE: Tensor, lengths_B: Tensor) -> Tensor:
        """Give hidden_BTH, exactly zero at padding."""
        num_texts, num_tokens, _ = embedded_BTE.shape
        lengths_B = lengths_B.cpu()
        if num_tokens <= self.segment_size:
            hidden_BTH: Tensor = self.encoder(embedded_BTE, lengths_B)
            return hidden_BTH
        device = embedded_BTE.device
        size_B = even_size(lengths_B, self.segment_size)
        num_B = -(-lengths_B.clamp(min=1) // size_B)
        first_B = num_B.cumsum(0) - num_B  # the first segment of each text
        text_R = torch.repeat_interleave(torch.arange(num_texts), num_B)
        start_R = (torch.arange(len(text_R)) - first_B[text_R]) * size_B[text_R]
        lengths_R = torch.minimum(size_B[text_R], lengths_B[text_R] - start_R).clamp(min=0)
        most = int(size_B.max())
        inside_RS = (start_R[:, None] + torch.arange(most)).clamp(max=num_tokens - 1)
        rows_RS = (text_R[:, None] * num_tokens + inside_RS).to(device)
        segments_RSE = embedded_BTE.flatten(0, 1)[rows_RS]

        num_together = max(1, self.max_tokens // most)
        parts = []
        for start in range(0, len(text_R), num_together):
            part = (values[start : start + num_together] for values in (segments_RSE, lengths_R))
            if num_together < len(text_R) and torch.is_grad_enabled():
                parts.append(checkpoint(self.encoder, *part, use_reentrant=False))
            else:
                parts.append(self.encoder(*part))
        hidden_RSH = torch.cat(parts)

        position_T = torch.arange(num_tokens)
        row_BT = torch.minimum(first_B[:, None] + position_T // size_B[:, None], (first_B + num_B - 1)[:, None])
        place_BT = (row_BT * most + position_T % size_B[:, None]).to(device)
        padding_BT = (position_T >= lengths_B[:, None]).to(device)
        return hidden_RSH.flatten(0, 1)[place_BT].masked_fill(padding_BT[..., None], 0.0)
