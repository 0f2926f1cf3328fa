"""The five-convolution network of Krizhevsky et al., for small images."""

from torch import Tensor, nn

from ddcodec.train.networks.norms import check_counts, norm_layer

# half widths of the first convolution's, side of the kernel, whether a 2x2 maximum follows
_LAYERS = ((2, 5, True), (3, 5, True), (4, 3, False), (3, 3, False), (3, 3, True))
_SMALLEST_SIDE = 8  # leaves 2 pixels to the last convolution, 1 to the linear layer
_GRID = 4


class AlexNet(nn.Module):
    """Five convolutions, each with ReLU, three of them with a 2x2 maximum; one linear layer.

    What the last one leaves is averaged down to at most 4x4 places, which is what 32x32 pixels leave anyhow; from
    there on the number of weights does not depend on the size: 1,872,202 for 3 channels, 10 classes, width 128,
    no norm.

    Args:
        channels: C of the images.
        size_hw: height and width in pixels, at least 8 each.
        classes: number of logits.
        width: channels of the first convolution; later ones have 3/2, 2, 3/2 and 3/2 times as many.
        norm: "" for none, as it was published; "instance", "batch" or "layer" after each convolution.
    Raises: EncodeError for smaller images, or when a count is not positive.
    Source: Krizhevsky, Sutskever and Hinton (2012), in the size in which distilled sets are judged by it.
    """

    def __init__(self, channels: int, size_hw: tuple[int, int], classes: int, width: int = 128, norm: str = ""):
        super().__init__()
        check_counts("alexnet", channels, size_hw, classes, width, _SMALLEST_SIDE)
        layers: list[nn.Module] = []
        before = channels
        for halves, kernel, pooled in _LAYERS:
            after = max(1, halves * width // 2)
            layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2))
            layers += [norm_layer(norm, after)] if norm else []
            layers.append(nn.ReLU(inplace=True))
            layers += [nn.MaxPool2d(2)] if pooled else []
            before = after
        grid = (min(_GRID, size_hw[0] >> 3), min(_GRID, size_hw[1] >> 3))
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid))
        self.head = nn.Linear(before * grid[0] * grid[1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) float32 of normalised images (N, C, H, W) float32."""
        logits: Tensor = self.head(self.body(images).flatten(1))
        return logits
