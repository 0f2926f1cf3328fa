"""Train a network on a .ddz file and test it on real images: ddcodec on one side, plain PyTorch on the other.

    python examples/train_on_a_file.py [FOLDER]

The file is made first: ten handwritten digits of each class, kept exactly. Any other .ddz of 8x8 digits would do.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

import ddcodec
from ddcodec.dataset import make_set
from ddcodec.pipeline import encode_pixels
from ddcodec.sources.spec import load_spec
from ddcodec.train.convnet import ConvNet

PER_CLASS = 10
RECIPE = {"network": "convnet", "width": 32, "depth": 2, "epochs": 60, "batch_size": 32, "learning_rate": 0.03}


def make_file(path: Path) -> None:
    """Write real digits and the recipe they are meant to be trained with."""
    real = load_spec("digits:train")
    chosen = np.concatenate([np.flatnonzero(real.labels == number)[:PER_CLASS] for number in range(10)])
    images = real.images[chosen]
    small = make_set(
        np.rint(images * 255).astype(np.int16),  # integers, where 255 stands for 1.0
        255,
        [PER_CLASS] * 10,
        classes=real.classes,
        mean=[float(images.mean())],
        std=[float(images.std())],
        recipe=RECIPE,
    )
    path.write_bytes(encode_pixels(small))


def train(path: Path) -> torch.nn.Module:
    """What a user of the file writes: everything training needs to know is in it."""
    torch.manual_seed(0)
    s = ddcodec.load(path)
    recipe = s.recipe
    loader = DataLoader(
        ddcodec.TorchDataset(s, transform=s.eval_transform()), batch_size=recipe["batch_size"], shuffle=True
    )
    channels, *size_hw = s.pixels.shape[1:]
    network = ConvNet(channels, tuple(size_hw), s.class_count, recipe["width"], recipe["depth"])
    optimiser = torch.optim.SGD(network.parameters(), lr=recipe["learning_rate"], momentum=0.9, weight_decay=5e-4)
    for _ in range(recipe["epochs"]):
        for images, labels in loader:
            optimiser.zero_grad()
            functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
    return network.eval()


def main(folder: Path) -> None:
    """Make the file, train, test."""
    path = folder / "digits.ddz"
    make_file(path)
    network = train(path)
    test = load_spec("digits:test")
    images = ddcodec.load(path).eval_transform()(torch.from_numpy(test.images))  # as the set's own images
    with torch.inference_mode():
        hits = network(images).argmax(dim=1) == torch.from_numpy(test.labels)
    print(f"{path.name}: {path.stat().st_size} bytes, {10 * PER_CLASS} images")
    print(f"accuracy on {len(hits)} real test images: {100 * hits.float().mean():.1f} %")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
