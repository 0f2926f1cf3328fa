"""The 18-layer residual network for small images, by which distilled sets are judged across architectures."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddcodec.train.networks.norms import check_counts, norm_layer

_STAGES = ((1, 1), (2, 2), (4, 2), (8, 2))  # width in parts of the first stage's, stride
_SMALLEST_SIDE = 9  # leaves 2 pixels to the last stage; instance norm makes nothing of a single one


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            norm_layer(norm, outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            norm_layer(norm, outputs),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.shortcut.append(norm_layer(norm, outputs))

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.body(images) + self.shortcut(images))


class ResNet18(nn.Module):
    """Stem of one 3x3 convolution at full size, four stages of two blocks, global average, one linear layer.

    Args:
        channels: C of the images.
        size_hw: height and width in pixels, at least 9 each.
        classes: number of logits.
        width: channels of the first stage; each later one has twice as many at half the side.
        norm: "batch", "instance" or "layer".
    Raises: EncodeError for smaller images, or when a count is not positive.
    Source: He et al., "Deep Residual Learning" (2016), with the stem that is usual for 32x32 pixels.
    """

    def __init__(self, channels: int, size_hw: tuple[int, int], classes: int, width: int = 64, norm: str = "batch"):
        super().__init__()
        check_counts("resnet18", channels, size_hw, classes, width, _SMALLEST_SIDE)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
        ]
        before = width
        for multiple, stride in _STAGES:
            for step in (stride, 1):
                layers.append(_Block(before, multiple * width, step, norm))
                before = multiple * width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) float32 of normalised images (N, C, H, W) float32."""
        logits: Tensor = self.head(self.body(images).mean(dim=(2, 3)))
        return logits


def seeded_resnet18(
    channels: int, size_hw: tuple[int, int], classes: int, *, seed: int, width: int = 64, norm: str = "batch"
) -> ResNet18:
    """A `ResNet18` whose weights depend on `seed` alone; the global random state is left as it was.

    Args: as `ResNet18`; seed: any integer torch accepts as a seed.
    Returns: the network, on the CPU.
    Raises: EncodeError as `ResNet18`.
    """
    # Only the CPU generator is seeded and restored: initialisation happens there on every machine.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return ResNet18(channels, size_hw, classes, width, norm)
