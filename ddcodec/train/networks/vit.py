"""A small vision transformer (ViT-Ti), for small images."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.errors import EncodeError
from ddcodec.train.networks.norms import check_counts

_DEPTH = 12
_HEAD_WIDTH = 64
_PATCHES = 8  # along the longer side
_SMALLEST_SIDE = 8


class _Block(nn.Module):
    """Self-attention, then two linear layers, each beside a shortcut and after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.mix = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def attend(self, tokens: Tensor) -> Tensor:
        """(N, T, width) to the same; spelt out, because fused kernels cannot be stacked over networks."""
        count, length, width = tokens.shape
        parts = self.inputs(tokens).view(count, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (N, heads, T, width / heads)
        weights = (query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5).softmax(dim=-1)
        out: Tensor = self.output((weights @ value).transpose(1, 2).reshape(count, length, width))
        return out

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attend(self.norm1(tokens))
        out: Tensor = tokens + self.mix(self.norm2(tokens))
        return out


class ViT(nn.Module):
    """Patches, learned positions, blocks of attention, norm, average over the patches, one linear layer.

    The longer side is cut into 8 patches (4 pixels each at 32x32, 16 at 128x128); a side that does not divide is
    filled up with zeros. There is no dropout. 5,362,378 weights for 3 channels, 32x32, 10 classes, width 192.

    Args:
        channels: C of the images.
        size_hw: height and width in pixels, at least 8 each.
        classes: number of logits.
        width: of a token; heads have 64 each, or as near above it as divides the width.
        depth: blocks; 0 means 12.
        norm: "layer"; there is no other.
    Raises: EncodeError for smaller images, another norm, or when a count is not positive.
    Source: Dosovitskiy et al. (2021), in the tiny size of Touvron et al. (2021), with an average for the class token.
    """

    def __init__(
        self,
        channels: int,
        size_hw: tuple[int, int],
        classes: int,
        width: int = 192,
        depth: int = 0,
        norm: str = "layer",
    ) -> None:
        super().__init__()
        check_counts("vit", channels, size_hw, classes, width, _SMALLEST_SIDE)
        if norm != "layer":
            raise EncodeError(f"norm: vit has layer norm only, found {norm!r}")
        if depth < 0:
            raise EncodeError(f"no network of {depth=}")
        patch = -(-max(size_hw) // _PATCHES)
        rows, columns = (-(-side // patch) for side in size_hw)
        self.missing = (columns * patch - size_hw[1], rows * patch - size_hw[0])
        heads = next(count for count in range(max(1, width // _HEAD_WIDTH), 0, -1) if width % count == 0)
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, rows * columns, width))
        self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(depth or _DEPTH)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) float32 of normalised images (N, C, H, W) float32."""
        if any(self.missing):
            images = functional.pad(images, (0, self.missing[0], 0, self.missing[1]))
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return logits
