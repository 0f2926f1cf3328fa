"""The small data set that ships with the package: handwritten digits, 8 by 8 pixels, grey."""

from importlib import resources

import numpy as np
from numpy.typing import NDArray

CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_LEVELS = 16  # the source counts dark pixels in 4x4 blocks, so a value lies in 0..16


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], tuple[str, ...]]:
    """Load the digits, split the same way on every call: of each class the first two thirds train.

    Both parts keep the order of the file.

    Args: none.
    Returns:
        train_images (N, 1, 8, 8) uint8 in 0..255, train_labels (N,) uint8 in 0..9,
        test_images, test_labels alike, and the ten class names.
    Raises: nothing on an intact installation.
    Source: Alpaydin and Kaynak, UCI Machine Learning Repository, doi 10.24432/C50P49 (CC BY 4.0).
    """
    with (
        resources.files("ddcodec").joinpath("resources/optdigits.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as pack,
    ):
        levels, labels = pack["images"], pack["labels"]
    images = np.rint(levels.astype(np.float64) * (255 / _LEVELS)).astype(np.uint8)[:, None]
    in_train = np.zeros(len(labels), dtype=bool)
    for label in range(len(CLASS_NAMES)):
        members = np.flatnonzero(labels == label)
        in_train[members[: 2 * len(members) // 3]] = True
    return images[in_train], labels[in_train], images[~in_train], labels[~in_train], CLASS_NAMES
