"""A decoded set as a Parquet file, laid out as the Hugging Face hub lays out images."""

import io
import os
from typing import Any

from ddcodec.dataset import DistilledSet
from ddcodec.errors import DdzError
from ddcodec.format.atomic import write_atomic
from ddcodec.views.hf import label_names
from ddcodec.views.notes import as_json, notes_of
from ddcodec.views.pixels import png_files


def _features(names: list[str], with_soft: bool) -> dict[str, Any]:
    """How `datasets` should read the columns."""
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    if with_soft:  # by its old name, which new versions know, too
        features["soft"] = {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"}
    return features


def write_parquet(dataset: DistilledSet, path: str | os.PathLike[str]) -> None:
    """Write columns image {bytes, path}, label int64 and, with soft labels, soft list<float>.

    Rows are in the original order; images are PNG files of values clamped to 0..1 and rounded to 8 bits. The schema's
    metadata tells `datasets` that they are Image and ClassLabel (key "huggingface"), and holds recipe, mean,
    std as JSON (key "ddcodec").

    Args: path: target; an existing file is replaced.
    Raises: DdzError without pyarrow; InputError for whitened images, for more than 4 channels, or when two
        classes have one name; as `write_atomic`.
    """
    names, pictures = label_names(dataset), png_files(dataset)
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DdzError("pyarrow is not installed; install ddcodec[parquet]") from error
    fields = [
        pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])),
        pa.field("label", pa.int64()),
    ]
    columns: dict[str, Any] = {
        "image": [{"bytes": picture, "path": f"{number:05d}.png"} for number, picture in enumerate(pictures)],
        "label": dataset.labels.tolist(),
    }
    if dataset.soft is not None:
        fields.append(pa.field("soft", pa.list_(pa.float32())))
        columns["soft"] = dataset.soft.floats.tolist()
    notes = as_json(notes_of(dataset))
    features = _features(names, dataset.soft is not None)
    metadata = {"huggingface": as_json({"info": {"features": features, "description": notes}}), "ddcodec": notes}
    table = pa.Table.from_pydict(columns, schema=pa.schema(fields, metadata=metadata))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    write_atomic(path, buffer.getvalue())
