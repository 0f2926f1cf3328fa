"""The 11-layer network of Simonyan and Zisserman, for small images."""

from torch import Tensor, nn

from ddcodec.train.networks.norms import check_counts, norm_layer

_STAGES = ((1,), (2,), (4, 4), (8, 8), (8, 8))  # convolutions of each stage, widths in parts of the first one's
_SMALLEST_SIDE = 17  # leaves 2 pixels to the last stage; instance norm makes nothing of a single one


class VGG11(nn.Module):
    """Eight 3x3 convolutions, each with norm and ReLU, in five stages; 2x2 maximum after each; one linear layer.

    Sides are rounded up when halved, and the last stage is averaged, so that any size from 17x17 fits and the
    number of weights does not depend on it: 9,231,114 for 3 channels, 10 classes, width 64.

    Args:
        channels: C of the images.
        size_hw: height and width in pixels, at least 17 each.
        classes: number of logits.
        width: channels of the first stage; later ones have 2, 4, 8 and 8 times as many.
        norm: "instance", "batch" or "layer".
    Raises: EncodeError for smaller images, or when a count is not positive.
    Source: Simonyan and Zisserman (2015), configuration A, without the hidden linear layers, as is usual at 32x32.
    """

    def __init__(self, channels: int, size_hw: tuple[int, int], classes: int, width: int = 64, norm: str = "instance"):
        super().__init__()
        check_counts("vgg11", channels, size_hw, classes, width, _SMALLEST_SIDE)
        layers: list[nn.Module] = []
        before = channels
        for stage in _STAGES:
            for multiple in stage:
                after = multiple * width
                layers += [nn.Conv2d(before, after, 3, padding=1), norm_layer(norm, after), nn.ReLU(inplace=True)]
                before = after
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) float32 of normalised images (N, C, H, W) float32."""
        logits: Tensor = self.head(self.body(images).mean(dim=(2, 3)))
        return logits
