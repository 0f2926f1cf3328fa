"""Facts about small files, as the command line would gather them."""

import hashlib

import numpy as np

from ddcodec import pipeline
from ddcodec.dataset import SoftLabels, make_set
from ddcodec.export.stretch import display_levels
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import encode_set
from ddcodec.report.facts import FileFacts
from tests.small_models import META, MODELS

HOSTILE = Metadata(
    classes=("<script>alert(1)</script>", '"><img src=https://example.org/x onerror=alert(2)>', "\u202egnp.\x1b[31m"),
    mean=(0.5,),
    std=(0.25,),
    recipe={"network": "x\nimport os", "augmentation": "flip\n    evil()", "accuracy": 0.5, "<b>": "</pre><b>"},
    provenance={"dataset": "{{ 7 * 7 }}</td>"},
    extra={"x-<i>": "a" * 5000},
)


def facts_of(data: bytes, name: str = "x.ddz", **changes) -> FileFacts:
    """What a report needs to know about a file; changes: fields of `FileFacts` that are to be others."""
    found, dataset = pipeline.info(data), pipeline.decode(data)
    shown, stretched = display_levels(dataset)
    fields = {
        "name": name,
        "dataset": dataset,
        "file_bytes": found.file_bytes,
        "overhead_bytes": found.overhead_bytes,
        "section_bytes": found.section_bytes,
        "class_bytes": found.class_bytes,
        "group_of_class": found.header.group_of_class,
        "version": f"1.{found.header.minor}",
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "content_hash": dataset.content_hash().hex(),
        "hash_stored": "hash" in found.section_bytes,
        "shown": shown,
        "stretched": stretched,
    }
    return FileFacts(**fields | changes)


def small_file(model="shared by some, shuffled", metadata=META, with_hash=True) -> bytes:
    return encode_set(MODELS[model], metadata, with_hash=with_hash)


def plain_set(counts=(2, 3), shape=(3, 4, 5), seed=0, low=0, high=256, soft=None, **metadata):
    """A set that no file holds: random pixels low..high - 1 of peak 255; soft: kind of random soft labels."""
    rng = np.random.default_rng(seed)
    images = sum(counts)
    if soft is not None:
        values = rng.integers(-3000, 3000, (images, len(counts))).astype(np.int16)
        metadata["soft"] = SoftLabels(values, 1000, soft)
    return make_set(rng.integers(low, high, (images, *shape)), 255, counts, **metadata)


def facts_about(dataset, **changes) -> FileFacts:
    """Facts with invented sizes about a set that no file holds."""
    shown, stretched = display_levels(dataset)
    classes = dataset.class_count
    fields = {
        "name": "y.ddz",
        "dataset": dataset,
        "file_bytes": 5000 + classes,
        "overhead_bytes": 50,
        "section_bytes": {"NETS": 50, "LATN": 4900 + classes},
        "class_bytes": tuple(100 + number for number in range(classes)),
        "group_of_class": (0,) * classes,
        "version": "1.0",
        "file_sha256": "ab" * 32,
        "content_hash": dataset.content_hash().hex(),
        "hash_stored": False,
        "shown": shown,
        "stretched": stretched,
    }
    return FileFacts(**fields | changes)
