"""Bring a set that was released as .pt files into one .ddz file, and hand it on to another project's programs.

    python examples/republish_old_set.py [FOLDER]

The old release is made first: normalised tensors as MTT writes them, images_best.pt, labels_best.pt and lr_best.pt.
Neither normalisation nor recipe is in such files; both are said once, on import, and travel along from then on.
"""

import sys
import tempfile
from pathlib import Path

import torch

import ddcodec
from ddcodec.export.kinds import write
from ddcodec.pipeline import encode_pixels, verify
from ddcodec.sources.adopt import adopt, measure
from ddcodec.sources.detect import read_foreign
from ddcodec.sources.foreign import Options
from ddcodec.sources.normalisations import find_normalisation

CIFAR10 = find_normalisation("mtt-cifar10")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def old_release(folder: Path) -> None:
    """Ten images of random colour gradients for each class, rounded to bytes and normalised."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand((100, 3, 2, 2), generator=generator)
    images = torch.nn.functional.interpolate(corners, (32, 32), mode="bilinear", align_corners=True)
    mean, std = (torch.tensor(part)[:, None, None] for part in CIFAR10)
    torch.save(((images * 255).round() / 255 - mean) / std, folder / "images_best.pt")
    torch.save(torch.arange(10).repeat_interleave(10), folder / "labels_best.pt")
    torch.save(torch.tensor(0.0179), folder / "lr_best.pt")


def main(folder: Path) -> None:
    """Import, verify, export; the same as `ddcodec import`, `ddcodec verify`, `ddcodec decode --to ddranking`."""
    old, new, handed_on = folder / "old", folder / "set.ddz", folder / "for_dd_ranking"
    old.mkdir()
    old_release(old)

    options = Options(normalisation=CIFAR10, classes=CLASSES, recipe={"network": "convnet", "epochs": 1000})
    foreign = read_foreign(old / "images_best.pt", options)
    dataset = adopt(foreign, provenance={"dataset": "cifar10"})
    new.write_bytes(encode_pixels(dataset))
    before = sum(path.stat().st_size for path in old.iterdir())
    print(f"layout {foreign.layout}: {before} bytes of .pt files, {new.stat().st_size} as {new.name}")
    print(f"greatest error of a value: {measure(foreign, dataset).greatest:.1g}")

    report = verify(new)  # every checksum, everything decoded, the content hash
    print(f"intact: {report.images} images, content {report.content_hash.hex()[:16]}...")

    write(ddcodec.load(new), handed_on, "ddranking")
    images, again = (torch.load(path, weights_only=True) for path in (old / "images_best.pt", handed_on / "images.pt"))
    names = ", ".join(sorted(path.name for path in handed_on.iterdir()))
    print(f"for DD-Ranking: {names}; values are off by {(images - again).abs().max():.1g} at most")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
