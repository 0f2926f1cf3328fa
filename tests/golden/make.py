"""Makes the golden files, once: `python -m tests.golden.make FOLDER`, where FOLDER must not exist yet.

Nothing calls this in a test run, and it never touches a file that is there: golden files are only ever added,
by hand, from such a folder. A file that has to change is a change of the format.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from ddcodec.codecs.configs import PyramidConfig, Shape, TransformConfig
from ddcodec.codecs.networks import GroupNetworks
from ddcodec.format.container import read_container
from ddcodec.format.metadata import Metadata
from ddcodec.pipeline import EncodedModel, decode, encode_set
from ddcodec.reading import labels_of
from tests.codecs.generate import read_model
from tests.golden.make_exact import invalid_exact_files, valid_exact_files
from tests.golden.make_priors import invalid_prior_files, valid_prior_files
from tests.golden.make_row_faults import invalid_row_files
from tests.golden.make_rows import valid_row_files
from tests.golden.make_views import invalid_view_files, valid_view_files
from tests.golden.parts import (
    FIELDS,
    ROW,
    TENSORS,
    TRANSFORM,
    TRANSFORM_TENSORS,
    changed,
    draft,
    escape,
    labelled,
    latn,
    longer,
    model,
    nets,
    networks,
    stream,
    weights,
)
from tests.hostile.mutate import parse

META = Metadata(
    classes=("cat", "dög", "owl"),
    mean=(0.5, 0.25, 0.125),
    std=(0.25, 0.5, 1.0),
    recipe={"network": "convnet", "epochs": 300, "learning_rate": 0.01, "accuracy": 0.5},
    provenance={"dataset": "none", "seed": 7, "version": "0.1.0"},
    extra={"x-list": [1, -2, 0.5, True, "é"]},
)


def valid_files():
    """Name -> bytes."""
    grey, odd, colour, four = Shape(1, 6, 5, 255), Shape(2, 7, 9, 1023), Shape(3, 9, 11, 255), Shape(4, 5, 4, 32_767)
    plain = TransformConfig(4, (7, 3, 3))
    based = TransformConfig(8, (6, 3, 3), (24, 24, 24), 2)
    pyramids = [
        networks(grey, PyramidConfig((1, 1), False, (), 0), 1),
        networks(odd, PyramidConfig((2, 0, 3, 1), True, (8,), 2), 2, (6, 4)),
        networks(four, PyramidConfig((0, 2), True, (3, 4, 2), 1), 3, (2, 2, 2, 2), 0, 0.5),
    ]
    bases = (32, 32)
    transforms = [
        networks(colour, plain, 4, (4,)),
        networks(colour, TransformConfig(16, (5, 2, 2), (3,)), 5, (4, 3), 0, 0.3),
        networks(colour, TransformConfig(4, (7, 0, 1), (4, 4, 4)), 6, bases, 1),
        networks(colour, based, 7, bases, 1),
        networks(colour, based, 8, bases, 1, 0.02),
        networks(Shape(1, 12, 7, 255), TransformConfig(32, (9,)), 9, bases, 1),
    ]
    mixed = [networks(colour, PyramidConfig((1, 2), True, (4,), 1), 10), transforms[3], transforms[0]]
    wild = [networks(four, PyramidConfig((2, 1), True, (3,), 1), 11, (3,), reach=32_000, shift=15)]
    files = {
        "pyramid-template-0": encode_set(model(pyramids[:1], (0, 0), (2, 2), 1)),
        "pyramid-template-1": encode_set(model(pyramids[1:2], (0, 0, 0), (2, 0, 1), 2, 40), with_hash=True),
        "pyramid-deep": encode_set(model(pyramids[2:], (0,), (3,), 3, 400)),
        "transform-no-filter": encode_set(model(transforms[:1], (0, 0), (1, 2), 4)),
        "transform-own-filter": encode_set(model(transforms[1:2], (0, 0), (1, 1), 5), with_hash=True),
        "transform-base-context": encode_set(model(transforms[2:3], (0, 0), (2, 2), 6)),
        "transform-both-bases": encode_set(model(transforms[3:4], (0, 0), (2, 1), 7), with_hash=True),
        "transform-deltas-on-bases": encode_set(model(transforms[4:5], (0, 0), (1, 1), 8)),
        "transform-block-32": encode_set(model(transforms[5:6], (0,), (2,), 9)),
        "groups-array-everything": encode_set(
            model(mixed[:2], (0, 1, 0), (2, 3, 1), 10, order=True), META, with_hash=True
        ),
        "groups-one-each": encode_set(model(mixed, (0, 1, 2), (1, 1, 1), 11, order=True)),
        "extreme-values": encode_set(model(wild, (0, 0), (1, 2), 12, 30_000), with_hash=True),
        "no-images": encode_set(model(pyramids[:1], (0, 0), (0, 0), 13), with_hash=True),
        "stream-00": empty_stream(),
    }
    later = parse(files["pyramid-template-0"])
    later.minor, later.compatible, later.more = 3, 255, [1, [2, "x"]]
    later.payloads += [["hash", 2, b"another codec"], ["zzzz", 1, b"unknown"]]
    return files | {"later-minor-version": later.build()}


def empty_stream():
    """The stream that would be empty: constant latents whose checksum is zero, each the first symbol."""
    table = np.array([(lambda c: c)(n) for n in range(256)], dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1)
    whole = np.arange(-1_000, 1_001)
    values = (whole - 31).astype("<i2").view(np.uint8).reshape(-1, 2)
    crc = np.full(len(whole), 0xFFFFFFFF, np.uint32)
    for count in range(1, 100_000):
        for byte in values.T:
            crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
        hits = np.flatnonzero((~crc & 0xFFFFFF) == 0)
        sides = [(n, count // n) for n in range(1, 4_097) if count % n == 0 and count // n <= 4_096]
        if len(hits) and sides:
            break
    height, width = sides[len(sides) // 2]
    shape, config = Shape(1, height, width, 255), PyramidConfig((1,), False, (), 0)
    net = networks(shape, config, 0, (1,))
    tensors = [np.zeros_like(tensor) for tensor in net.tensors]
    tensors[0], tensors[1] = net.tensors[0], np.array([[2]])
    tensors[-1] = np.array([16 * int(whole[hits[0]]), 0])  # bias of the last layer: mean, scale index
    shifts = [7] + [0] * (len(tensors) - 1)
    net = GroupNetworks(shape, config, (1,), 0, tuple(tensors), tuple(shifts))
    latents = np.full((1, height * width), whole[hits[0]] - 31, np.int16)
    data = encode_set(EncodedModel([net], (0,), [latents]))
    assert data.endswith(b"\x01\x00")  # the size of the one stream, and the stream
    return data


def invalid_files():
    """Name (rule first) -> (draft, error class, payload and place in it of the fault)."""
    net, lat, lab = range(3)  # payloads
    huge = [1, 1, 16, 1, 3, 640, 640, 640, 2, 0, 4, 128, 128, 128, 128]
    large = nets(huge, b"\xff" * 23)
    good, two = stream([0]), (2, (1, 0), (1, 1, 1, 1), 0)
    coded, size = nets(FIELDS, *weights([32_798, 0, 0, 0])), len(FIELDS) + TENSORS + 1
    steps = [nets(TRANSFORM, *weights([first, *[0] * 7], count=TRANSFORM_TENSORS)) for first in (64, -65)]
    bad = "FormatError"
    return {
        "E1-empty": (draft(None, latn(b"")), bad, lat, 1),
        "E1-zero-at-the-end": (draft(None, latn(good + b"\0")), bad, lat, 1 + len(good)),
        "E1-two-zeros": (draft(None, latn(b"\0\0")), bad, lat, 2),
        "E2-latents": (draft(None, latn(stream([0], checksum=1))), "ChecksumError", lat, 1),
        "E2-labels": (labelled([1, 0], checksum=1), "ChecksumError", lab, 0),
        "E2-weights": (
            draft(nets(FIELDS, weights([1, 0, 0, 0])[0], stream([1, 0, 0, 0], np.repeat(ROW, 4), 1, "<i4"))),
            *("ChecksumError", net, size),
        ),
        "E3-more-data": (draft(None, latn(longer())), "ChecksumError", lat, 1),
        "E4-exponent": (draft(None, latn(escape(15))), bad, lat, 1),
        "E5-weight": (draft(coded), bad, net, size),
        "W1-long-form": (draft(b"\x90\x00" + nets()[1:]), bad, net, 0),
        "W1-six-bytes": (draft(None, b"\x80\x80\x80\x80\x80\x00"), bad, lat, 0),
        "W1-too-large": (draft(None, b"\xff\xff\xff\xff\x1f"), bad, lat, 0),
        "W2-varint": (draft(None, b"\x80"), "TruncatedError", lat, 0),
        "W2-no-varint": (draft(None, b""), "TruncatedError", lat, 0),
        "W2-field": (draft(nets([1], b"")), "TruncatedError", net, 2),
        "W2-descriptor": (draft(nets(FIELDS, b"")), "TruncatedError", net, 1 + len(FIELDS)),
        "W2-shift": (draft(nets(FIELDS, b"\xff\x00")), "TruncatedError", net, 3 + len(FIELDS)),
        "G1-bytes-left": (draft(nets() + b"\0"), bad, net, len(nets())),
        "G1-size-too-large": (draft(b"\x7f"), "TruncatedError", net, 1),
        "G2-synthesis-0": (draft(nets([0], b"")), "TooNewError", net, 1),
        "G2-synthesis-3": (draft(nets([3], b"")), "TooNewError", net, 1),
        "G3-context": (draft(changed(FIELDS, 6, 999)), "TooNewError", net, 7),
        "G3-context-of-other-synthesis": (draft(changed(FIELDS, 6, 1)), bad, net, 7),
        "G3-filter": (draft(changed(TRANSFORM, 3, 999)), "TooNewError", net, 4),
        "G3-filter-is-a-context": (draft(changed(TRANSFORM, 3, 1)), bad, net, 4),
        "G3-filter-of-other-channels": (draft(changed(TRANSFORM, 3, 2)), bad, net, 4),
        "G4-descriptor-64": (draft(nets(FIELDS, b"\x40")), bad, net, 1 + len(FIELDS)),
        "G4-descriptor-254": (draft(nets(FIELDS, b"\xfe")), bad, net, 1 + len(FIELDS)),
        "G5-stream-of-nothing": (draft(nets(coded=b"\1")), bad, net, size),
        "G6-weights": (draft(large * 19, latn(*[b""] * 19), (19, 0, (1, 1, 1, 1), 1)), "weights", net, None),
        "N1-shift": (draft(nets(FIELDS, b"\xff\x00\x10")), bad, net, 3 + len(FIELDS)),
        "N2-weight": (draft(nets(FIELDS, *weights([0, 32_767, 0, 0]))), bad, net, 1),
        "N3-no-layer": (draft(changed(FIELDS, 7, 0)), bad, net, 8),
        "N3-five-layers": (draft(changed(FIELDS, 7, 5)), bad, net, 8),
        "N3-no-width": (draft(changed(FIELDS, 8, 0)), bad, net, 9),
        "N3-width-129": (draft(changed(FIELDS, 8, 129)), bad, net, 9),
        "P1-no-level": (draft(changed(FIELDS, 1, 0)), bad, net, 2),
        "P1-13-levels": (draft(changed(FIELDS, 1, 13)), bad, net, 2),
        "P2-17-channels": (draft(changed(FIELDS, 2, 17)), bad, net, 3),
        "P2-no-channel": (draft(changed(FIELDS, 2, 0)), bad, net, 3),
        "P3-template": (draft(changed(FIELDS, 3, 2)), bad, net, 4),
        "P4-four-layers": (draft(changed(FIELDS, 4, 4)), bad, net, 5),
        "P4-no-width": (draft(changed(FIELDS, 4, 1, 0)), bad, net, 6),
        "P4-width-641": (draft(changed(FIELDS, 4, 1, 641)), bad, net, 6),
        "P5-three-layers": (draft(changed(FIELDS, 5, 3)), bad, net, 6),
        "T1-block-2": (draft(changed(TRANSFORM, 1, 1)), bad, net, 2),
        "T1-block-64": (draft(changed(TRANSFORM, 1, 6)), bad, net, 2),
        "T2-diagonals": (draft(changed(TRANSFORM, 2, 8)), bad, net, 3),
        "T3-one-layer": (draft(changed(TRANSFORM, 4, 1)), bad, net, 5),
        "T3-five-layers": (draft(changed(TRANSFORM, 4, 5)), bad, net, 5),
        "T3-no-width": (draft(changed(TRANSFORM, 4, 2, 0)), bad, net, 6),
        "T3-width-65": (draft(changed(TRANSFORM, 4, 2, 65)), bad, net, 6),
        "T4-step-128": (draft(steps[0]), bad, net, 1),
        "T4-step-below-0": (draft(steps[1]), bad, net, 1),
        "L1-bytes-left": (draft(None, latn(good) + b"\1"), bad, lat, 0),
        "L1-stream-too-long": (draft(None, b"\x7f"), bad, lat, 0),
        "L2-no-images": (draft(None, latn(good, b"\1"), two), bad, lat, 2 + len(good)),
        "L2-no-latents": (
            draft(nets([2, 2, 0, *TRANSFORM[3:]], b"\xff" * TRANSFORM_TENSORS), latn(b"\1")),
            *(bad, lat, 1),
        ),
        "L3-frequencies": (labelled([1, 1]), bad, lab, 0),
        "L4-sorted": (labelled([0, 1]), bad, lab, 0),
        "L4-one-class": (draft(labels=b"\1"), bad, lab, 0),
        "L4-no-images": (draft(None, latn(b"", b""), (2, 0, (1, 1, 1, 1), 0), b"\1"), bad, lab, 0),
        "limit-latents": (draft(changed(FIELDS, 2, 5), None, (1, 1, (1, 4096, 4096, 1), 0)), "latents", lat, None),
        "limit-pixels": (draft(header=(1, 17, (1, 4096, 4096, 1), 0)), "pixels", net, None),
        "limit-images": (draft(header=(1, 2**22 + 1, (1, 1, 1, 1), 0)), "images", net, None),
    }


def describe(data):
    """What hashes.json says about a valid file: latents and pixels where it has images, draw 5 under
    seed 7 where it has priors, rows where it has rows."""
    header, parts = read_container(data).header, {"file": data}
    if not header.labels_only:
        parts["latents"] = b"".join(part.astype("<i2").tobytes() for part in read_model(data).latents)
        found = decode(data)
        parts["pixels"] = found.pixels.astype("<i2").tobytes()
        if found.priors is not None:
            parts["draw"] = found.priors.draw(5, 7).astype("<i2").tobytes()
    if header.row_codec is not None:
        rows = labels_of(data)
        parts["rows"] = rows.numbers(0, len(rows)).astype("<i4").tobytes()
    return {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}


def main(folder):
    """Write everything into a new folder."""
    for part in ("valid", "invalid"):
        (folder / part).mkdir(parents=True, exist_ok=False)
    hashes, index = {}, {}
    valid = valid_files() | valid_exact_files() | valid_row_files() | valid_view_files() | valid_prior_files()
    for name, data in valid.items():
        hashes[f"{name}.ddz"] = describe(data)
        (folder / "valid" / f"{name}.ddz").write_bytes(data)
    invalid = invalid_files() | invalid_exact_files() | invalid_row_files() | invalid_view_files()
    invalid |= invalid_prior_files()
    for name, (made, error, payload, place) in invalid.items():
        entry = {"rule": name.split("-")[0], "error": error, "offset": None}
        if place is None:
            entry |= {"error": "LimitError", "limit": error}
        else:
            entry["offset"] = made.payload_place(payload) + place
        index[f"{name}.ddz"] = entry
        (folder / "invalid" / f"{name}.ddz").write_bytes(made.build())
    for name, content in (("hashes", hashes), ("invalid", index)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
