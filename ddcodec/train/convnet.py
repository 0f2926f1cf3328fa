"""The small convolutional network by which distilled data sets are customarily judged."""

import torch
from torch import Tensor, nn

from ddcodec.errors import EncodeError
from ddcodec.train.precision import within


def default_depth(size_hw: tuple[int, int]) -> int:
    """Number of blocks for an image size: 2 up to 12 pixels, 3 up to 32 (and to 48), 4 at 64, 5 at 128.

    The longer side decides; a shorter side that cannot be halved so often lowers the answer.

    Args:
        size_hw: height and width in pixels.
    Returns: the depth, at least 1.
    Raises: nothing.
    """
    longer, shorter = max(size_hw), min(size_hw)
    depth = next((blocks for limit, blocks in ((12, 2), (48, 3), (96, 4)) if longer <= limit), 5)
    return max(1, min(depth, shorter.bit_length() - 1))


class ConvNet(nn.Module):
    """`depth` blocks of 3x3 convolution, instance norm, ReLU, 2x2 average pool; then one linear layer.

    Args:
        channels: C of the images.
        size_hw: height and width in pixels; need not be equal, even or a power of two (pooling rounds down).
        classes: number of logits.
        width: channels of every convolution.
        depth: number of blocks; 0 takes `default_depth(size_hw)`.
        precision: of the blocks, see `ddcodec.train.precision`; what comes out has the images' dtype all the same.
    Raises: EncodeError when a side is too short for `depth` halvings, or a count is not positive.
    Source: Gidaris and Komodakis (2018); in this use Zhao, Mopuri and Bilen (2021).
    """

    def __init__(
        self,
        channels: int,
        size_hw: tuple[int, int],
        classes: int,
        width: int = 128,
        depth: int = 0,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.precision = precision
        if min(channels, *size_hw, classes, width) < 1 or depth < 0:
            raise EncodeError(f"no network for C={channels}, HW={size_hw}, {classes} classes, {width=}, {depth=}")
        blocks = depth or default_depth(size_hw)
        height, breadth = size_hw[0] >> blocks, size_hw[1] >> blocks
        if min(height, breadth) < 1:
            raise EncodeError(f"{blocks} halvings leave nothing of {size_hw[0]}x{size_hw[1]} pixels")
        layers: list[nn.Module] = []
        for index in range(blocks):
            layers += [
                nn.Conv2d(width if index else channels, width, kernel_size=3, padding=1),
                nn.GroupNorm(width, width, affine=True),  # one group a channel: instance norm
                nn.ReLU(inplace=True),
                nn.AvgPool2d(2),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width * height * breadth, classes)

    def features(self, images: Tensor) -> Tensor:
        """Flattened output of the last block.

        Args:
            images: (N, C, H, W) float32, normalised.
        Returns: (N, width * (H >> depth) * (W >> depth)) float32.
        Raises: nothing of its own.
        """
        with within(self.precision, images.device):
            out: Tensor = self.body(images)
        return out.flatten(1).to(images.dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Logits.

        Args:
            images: (N, C, H, W) float32, normalised.
        Returns: (N, classes) float32.
        Raises: nothing of its own.
        """
        logits: Tensor = self.head(self.features(images))
        return logits


def seeded_convnet(
    channels: int,
    size_hw: tuple[int, int],
    classes: int,
    *,
    seed: int,
    width: int = 128,
    depth: int = 0,
    precision: str = "float32",
) -> ConvNet:
    """A `ConvNet` whose weights depend on `seed` alone; the global random state is left as it was.

    Args:
        channels, size_hw, classes, width, depth, precision: see `ConvNet`.
        seed: any integer torch accepts as a seed.
    Returns: the network, on the CPU.
    Raises: EncodeError as `ConvNet`.
    """
    # Only the CPU generator is seeded and restored: initialisation happens there on every machine.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return ConvNet(channels, size_hw, classes, width, depth, precision)
