"""A set as a Hugging Face dataset."""

from typing import TYPE_CHECKING, Any

from ddcodec.errors import DdzError, InputError
from ddcodec.views.notes import as_json, notes_of
from ddcodec.views.pixels import png_files

if TYPE_CHECKING:
    from datasets import Dataset

    from ddcodec.dataset import DistilledSet


def label_names(dataset: "DistilledSet") -> list[str]:
    """Names of the classes, which must differ.

    Raises: InputError when two are the same.
    """
    names = list(dataset.names)
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise InputError(f"classes: two have the name {twice[0][:40]!r}")
    return names


def to_hf(dataset: "DistilledSet") -> "Dataset":
    """Make the dataset in memory; columns and errors as `DistilledSet.to_hf`."""
    names, pictures = label_names(dataset), png_files(dataset)
    try:
        import datasets
    except ImportError as error:
        raise DdzError("datasets is not installed; install ddcodec[hf]") from error
    features: dict[str, Any] = {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    columns: dict[str, Any] = {
        "image": [{"bytes": picture, "path": None} for picture in pictures],
        "label": dataset.labels.tolist(),
    }
    if dataset.soft is not None:
        features["soft"] = datasets.Sequence(datasets.Value("float32"))
        columns["soft"] = dataset.soft.floats.tolist()
    info = datasets.DatasetInfo(description=as_json(notes_of(dataset)), features=datasets.Features(features))
    return datasets.Dataset.from_dict(columns, info=info)
