"""What the command line of `import` says about a foreign file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddcodec.errors import InputError

if TYPE_CHECKING:
    from ddcodec.sources.foreign import Options


def numbers(text: str, what: str) -> tuple[float, ...]:
    """Numbers with commas between them.

    Raises: InputError.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{what}: expected numbers with commas between them, found {text!r}") from None


def names(text: str) -> tuple[str, ...]:
    """Class names with commas between them, or, after an @, the file that has one in each line.

    Raises: InputError.
    """
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise InputError(f"--classes: cannot read {text[1:]}: {reason}") from error
        found = tuple(line.strip() for line in lines if line.strip())
    else:
        found = tuple(part.strip() for part in text.split(","))
    if not found or not all(found):
        raise InputError("--classes: a name is empty")
    return found


def recipe_of(settings: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE texts as a map; a value that reads as a number is one.

    Raises: InputError for a text without =, and for a known key whose value has the wrong type.
    """
    from ddcodec.errors import EncodeError
    from ddcodec.format.metadata import Metadata, pack_metadata

    found: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--recipe {text}: expected KEY=VALUE")
        found[key] = value
        for kind in (float, int):  # the last that fits stays
            try:
                found[key] = kind(value)
            except ValueError:
                continue
    try:
        pack_metadata(Metadata(recipe=found), 1, 1)
    except EncodeError as error:
        raise InputError(f"--recipe: {str(error).removeprefix('metadata: ')}") from None
    return found


def options_of(given: dict[str, Any], labels_file: str | None, lr_file: str | None) -> "Options":
    """What the command line says about a foreign file.

    Raises: InputError for options that exclude each other or mean nothing.
    """
    from ddcodec.sources.foreign import Options
    from ddcodec.sources.normalisations import Normalisation, find_normalisation
    from ddcodec.sources.protocols import find_protocol

    normalize, mean, std, zca = (given[name] for name in ("normalize", "mean", "std", "zca_from"))
    if (mean is None) != (std is None):
        raise InputError("--mean and --std go together")
    zca = None if zca == "none" else zca
    if sum(part is not None for part in (normalize, mean, zca)) > 1:
        raise InputError("--normalize, --mean with --std, and --zca-from exclude each other")
    normalisation = None
    if mean is not None:
        normalisation = Normalisation(numbers(mean, "--mean"), numbers(std, "--std"))
    elif normalize not in (None, "none"):
        normalisation = find_normalisation(normalize)
    return Options(
        layout=given["layout"],
        labels_file=None if labels_file is None else Path(labels_file),
        lr_file=None if lr_file is None else Path(lr_file),
        experiment=given["exp"],
        learning_rate=given["lr"],
        normalisation=normalisation,
        in_pixels=normalize == "none",
        whitened=zca,
        factor=given["factor"],
        decode_type=given["decode_type"],
        labels=given["labels"],
        classes=None if given["classes"] is None else names(given["classes"]),
        recipe=({} if given["protocol"] is None else find_protocol(given["protocol"])) | recipe_of(given["recipe"]),
        unsorted=given["unsorted"],
    )
