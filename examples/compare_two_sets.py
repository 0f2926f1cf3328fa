"""Hold two files of the same images against each other: in numbers, and side by side on an HTML page.

    python examples/compare_two_sets.py [FOLDER]

One file keeps twenty handwritten digits of each class exactly, the other fits them into 300 bytes per class.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import ddcodec
from ddcodec.cli import main as ddcodec_program
from ddcodec.comparison import compare, open_side
from ddcodec.dataset import make_set
from ddcodec.pipeline import encode_pixels, encode_set, metadata_of
from ddcodec.sources.spec import load_spec
from ddcodec.train.imported import fit_set

PER_CLASS, BUDGET = 20, 300


def make_files(exact: Path, fitted: Path) -> None:
    """Write both files."""
    real = load_spec("digits:train")
    chosen = np.concatenate([np.flatnonzero(real.labels == number)[:PER_CLASS] for number in range(10)])
    pixels = np.rint(real.images[chosen] * 255).astype(np.int16)
    digits = make_set(pixels, 255, [PER_CLASS] * 10, classes=real.classes, mean=[0.3], std=[0.37])
    exact.write_bytes(encode_pixels(digits))
    result = fit_set(digits, bytes_per_class=BUDGET)
    fitted.write_bytes(encode_set(result.model, metadata_of(digits), with_hash=True))


def main(folder: Path) -> None:
    """Make the files, compare them, write the page."""
    exact, fitted, page = folder / "exact.ddz", folder / "fitted.ddz", folder / "report.html"
    make_files(exact, fitted)
    for path in (exact, fitted):
        print(f"{path.name}: {path.stat().st_size} bytes")

    found = compare(open_side(exact.read_bytes()), open_side(fitted.read_bytes()))
    for section in found.sections:  # what each file spends its bytes on, where they differ
        print(f"  {section.name}: {section.left} bytes against {section.right}")
    # The files count in different steps, so the images are compared as floats, 1.0 being white in both.
    squares = (ddcodec.load(exact).images - ddcodec.load(fitted).images) ** 2
    print(f"same content: {found.same_content}; PSNR {-10 * np.log10(squares.mean()):.1f} dB")

    # Every command can be called from Python, too.
    files = [str(exact), str(fitted)]
    ddcodec_program(["report", *files, "-o", str(page), "--title", "Exact or small"], standalone_mode=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
