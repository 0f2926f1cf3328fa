"""Tiny files in exactly the structure of the official CIFAR archives."""

import io
import struct
import tarfile

import numpy as np

NAMES10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def rows(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def old_pickle(value):
    """A pickle as cPickle of Python 2 wrote it in protocol 2: strings without a type, numpy 1 names."""
    return b"\x80\x02" + _old(value) + b"."


def _old(value):
    if isinstance(value, dict):
        return b"}(" + b"".join(_old(key) + _old(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_old, value)) + b"e"
    if isinstance(value, bytes):
        return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))) + value
    if isinstance(value, int):
        return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)
    kind = b"cnumpy\ndtype\nq\x01U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    made = b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    shape = b"".join(map(_old, value.shape)) + (b"\x85" if value.ndim == 1 else b"\x86")
    return made + b"(K\x01" + shape + kind + b"\x89" + _old(value.tobytes()) + b"tb"


def python10(counts=(2, 2, 2, 2, 2), test=3):
    """Files of cifar-10-python.tar.gz, and what is in them: {split: (pixels, labels)}."""
    files, content = {}, {"train": ([], []), "test": ([], [])}
    names = [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]
    for seed, (name, count) in enumerate(zip(names, (*counts, test), strict=True), start=1):
        pixels, labels = rows(count, seed), [(seed + k) % 10 for k in range(count)]
        files[name] = old_pickle(
            {b"batch_label": b"batch", b"labels": labels, b"data": pixels, b"filenames": [b"x.png"] * count}
        )
        part = content["test" if name == "test_batch" else "train"]
        part[0].append(pixels)
        part[1].extend(labels)
    files["batches.meta"] = old_pickle(
        {b"num_cases_per_batch": 10000, b"label_names": [name.encode() for name in NAMES10], b"num_vis": 3072}
    )
    files["readme.html"] = b"<html>"
    return files, content


def binary10():
    """The same content in the files of cifar-10-binary.tar.gz."""
    files, content = {}, python10()[1]
    for split, names in {"train": [f"data_batch_{k}.bin" for k in range(1, 6)], "test": ["test_batch.bin"]}.items():
        labels = iter(content[split][1])
        for name, pixels in zip(names, content[split][0], strict=True):
            files[name] = b"".join(bytes([next(labels)]) + row.tobytes() for row in pixels)
    files["batches.meta.txt"] = ("\n".join(NAMES10) + "\n\n").encode()
    return files, content


def python100():
    files, content = {}, {}
    for seed, split in enumerate(("train", "test")):
        pixels, fine = rows(3, seed), [99, 0, 7 + seed]
        files[split] = old_pickle(
            {
                b"filenames": [b"a.png"] * 3,
                b"batch_label": b"b",
                b"fine_labels": fine,
                b"coarse_labels": [19, 0, 3],
                b"data": pixels,
            }
        )
        content[split] = ([pixels], fine)
    return files, content


def binary100():
    content = python100()[1]
    files = {
        f"{split}.bin": b"".join(
            bytes([19, label]) + row.tobytes() for row, label in zip(pixels[0], labels, strict=True)
        )
        for split, (pixels, labels) in content.items()
    }
    return files, content


def tar_bytes(files, folder, mode="w:gz", extra=()):
    """An archive of a folder of files; extra: TarInfo objects that come first."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        top = tarfile.TarInfo(folder)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for entry in extra:
            archive.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()
