"""Files that belong to a bare tensor of images: the labels, the learning rate, further parts."""

import re
from pathlib import Path

from ddcodec.errors import InputError

_SUFFIXES = (".pt", ".pth", ".npy")
_PART = re.compile(r"^(?P<stem>images.*)_(?P<number>\d+)$")


def find_sibling(images: Path, kind: str, *, guess: bool) -> Path | None:
    """The file beside `images` that holds its `kind`, "labels" or "lr"; None where there is none.

    The same name with another first word wins (images_best.pt, labels_best.pt); next, whether or not the images
    are the copy with the whitening undone (images_zca_100.pt, labels_100.pt). With `guess`, a single file whose
    name begins with `kind` will do.

    Raises: InputError when several would do.
    """
    name = images.name
    for part in ("_normalize_images", "images_zca_", "images"):
        if part in name:
            replaced = part.replace("images_zca", "images").replace("_normalize", "").replace("images", kind)
            beside = images.with_name(name.replace(part, replaced))
            if beside.is_file() and beside != images:
                return beside
    if not guess:
        return None
    found = sorted(path for path in images.parent.glob(f"{kind}*") if path.suffix in _SUFFIXES and path != images)
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:4])
        raise InputError(f"which file holds its {kind}? there are {names}; name it after the images")
    return found[0] if found else None


def find_images(folder: Path) -> list[Path]:
    """Files of image tensors in a folder: one, or the parts of one set in order; none where there are none.

    Raises: InputError when there are several sets to choose from.
    """
    found = sorted(path for path in folder.glob("*images*") if path.suffix in _SUFFIXES and path.is_file())
    if len(found) > 1:
        best = [path for path in found if path.stem in ("images", "images_best")]
        if len(best) == 1:
            return best
        parts = [_PART.match(path.stem) for path in found]
        numbers = sorted(int(part["number"]) for part in parts if part)
        one_set = len({part["stem"] for part in parts if part}) == 1
        if one_set and numbers == list(range(len(found))):
            return sorted(found, key=lambda path: int(path.stem.rpartition("_")[2]))
        names = ", ".join(path.name for path in found[:4])
        raise InputError(f"several sets lie here ({names}{', ...' if len(found) > 4 else ''}); name one file")
    return found
