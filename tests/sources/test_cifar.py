"""CIFAR archives: both versions, packed and unpacked, and what is wrong with one."""

import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources import archive
from ddcodec.sources.cifar_names import CIFAR10, CIFAR100
from ddcodec.sources.spec import load_spec
from tests.sources.cifar_files import binary10, binary100, old_pickle, python10, python100, rows, tar_bytes

VERSIONS = {
    ("cifar10", "py"): (python10, "cifar-10-batches-py", "cifar-10-python.tar.gz"),
    ("cifar10", "bin"): (binary10, "cifar-10-batches-bin", "cifar-10-binary.tar.gz"),
    ("cifar100", "py"): (python100, "cifar-100-python", "cifar-100-python.tar.gz"),
    ("cifar100", "bin"): (binary100, "cifar-100-binary", "cifar-100-binary.tar.gz"),
}


def put(folder, files):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(params=VERSIONS, ids=" ".join)
def version(request):
    make, folder, packed = VERSIONS[request.param]
    return request.param[0], *make(), folder, packed


def holds(source, content, kind):
    pixels, labels = np.concatenate(content[0]), content[1]
    assert source.images.dtype == np.float32
    assert np.array_equal(source.images, (pixels.reshape(-1, 3, 32, 32) / np.float32(255)).astype(np.float32))
    assert source.labels.tolist() == labels
    assert source.labels.dtype == np.int64
    assert source.classes == {"cifar10": CIFAR10, "cifar100": CIFAR100}[kind]


@pytest.mark.parametrize("form", ["archive", "plain tar", "folder", "parent of folder", "parent of archive"])
def test_all_forms(version, form, tmp_path):
    kind, files, content, folder, packed = version
    path = tmp_path / "data"
    if form in ("archive", "plain tar"):
        path.write_bytes(tar_bytes(files, folder, "w:gz" if form == "archive" else "w"))
    elif form == "folder":
        put(path, files)
    elif form == "parent of folder":
        put(path / folder, files)
    else:
        put(path, {packed: tar_bytes(files, folder)})
    before = sorted(tmp_path.rglob("*"))
    for split in ("train", "test"):
        holds(load_spec(f"{kind}:{path}:{split}"), content[split], kind)
        holds(load_spec(f"{kind}:{path}", split), content[split], kind)
    assert load_spec(f"{kind}:{path}").name == f"{kind}:{path}"
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked to disk


def test_pixels_are_planes_of_rows(tmp_path):
    row = np.zeros((1, 3072), dtype=np.uint8)
    row[0, 1024 + 32 * 5 + 7] = 255
    files = python10()[0] | {"test_batch": old_pickle({b"data": row, b"labels": [4]})}
    source = load_spec(f"cifar10:{put(tmp_path / 'd', files)}", "test")
    assert np.argwhere(source.images).tolist() == [[0, 1, 5, 7]]


def test_names_come_from_the_archive_or_are_the_usual_ones(tmp_path):
    files, _ = python10()
    other = [f"n{k}".encode() for k in range(10)]
    put(tmp_path / "a", files | {"batches.meta": old_pickle({b"label_names": other})})
    assert load_spec(f"cifar10:{tmp_path / 'a'}").classes == tuple(f"n{k}" for k in range(10))
    put(tmp_path / "b", {name: data for name, data in files.items() if name != "batches.meta"})
    assert load_spec(f"cifar10:{tmp_path / 'b'}").classes == CIFAR10
    put(tmp_path / "c", python100()[0] | {"meta": old_pickle({b"fine_label_names": [b"x"] * 100})})
    with pytest.raises(InputError, match="same name"):
        load_spec(f"cifar100:{tmp_path / 'c'}")


def test_archives_written_by_python_3(tmp_path):
    files, content = python10()
    test = {"data": content["test"][0][0], "labels": content["test"][1]}
    for protocol in (2, 4):
        path = put(tmp_path / str(protocol), files | {"test_batch": pickle.dumps(test, protocol)})
        holds(load_spec(f"cifar10:{path}:test"), content["test"], "cifar10")


class Command:
    def __reduce__(self):
        return os.mkdir, ("ran",)


BATCHES = {
    "no rows": ({b"data": rows(0), b"labels": []}, "shape of an array"),
    "wrong row length": ({b"data": rows(2)[:, :3071], b"labels": [1, 2]}, "rows of 3072"),
    "one dimension": ({b"data": rows(2)[0], b"labels": [1, 2]}, "rows of 3072"),
    "a label missing": ({b"data": rows(2), b"labels": [1]}, "expected 2 of them"),
    "label too great": ({b"data": rows(2), b"labels": [1, 10]}, r"expected 0\.\.9, found 10 at row 1"),
    "label below 0": ({b"data": rows(2), b"labels": [-1, 0]}, r"expected 0\.\.9, found -1 at row 0"),
    "label of text": ({b"data": rows(2), b"labels": [b"1", 0]}, "expected integers"),
    "no data": ({b"labels": [1]}, "array data"),
    "labels of CIFAR-100": ({b"data": rows(1), b"fine_labels": [1]}, "list labels"),
    "a list": ([1, 2], "dict"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_bad_batches(tmp_path, name):
    value, words = BATCHES[name]
    path = put(tmp_path / "d", python10()[0] | {"test_batch": old_pickle(value)})
    with pytest.raises(InputError, match=words) as caught:
        load_spec(f"cifar10:{path}:test")
    assert str(caught.value).startswith(f"{path}: test_batch: ")
    assert load_spec(f"cifar10:{path}:train").images.shape == (10, 3, 32, 32)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "found 0 bytes"), (bytes(3072), "found 3072 bytes"), (b"\x0a" + bytes(3072), r"0\.\.9, found 10")],
)
def test_bad_binary_batches(tmp_path, data, words):
    path = put(tmp_path / "d", binary10()[0] | {"test_batch.bin": data})
    with pytest.raises(InputError, match=words):
        load_spec(f"cifar10:{path}:test")


@pytest.mark.parametrize("place", ["test_batch", "batches.meta"])
def test_a_pickle_with_a_command_is_refused_and_not_run(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    files = python10()[0] | {place: pickle.dumps({b"data": Command(), b"label_names": Command()}, 2)}
    (tmp_path / "x.tar.gz").write_bytes(tar_bytes(files, "cifar-10-batches-py"))
    with pytest.raises(InputError, match=r"refused: it names (posix|nt)\.mkdir") as caught:
        load_spec("cifar10:x.tar.gz:test")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_members_that_are_missing(tmp_path):
    files, _ = python10()
    del files["data_batch_3"]
    for path in (put(tmp_path / "d", files), tmp_path / "x.tar.gz"):
        if path.name == "x.tar.gz":
            path.write_bytes(tar_bytes(files, "cifar-10-batches-py"))
        with pytest.raises(InputError, match="has no file data_batch_3"):
            load_spec(f"cifar10:{path}")
        assert len(load_spec(f"cifar10:{path}:test").images) == 3
        with pytest.raises(InputError, match="expected cifar100 in its Python or binary version"):
            load_spec(f"cifar100:{path}")


def test_damaged_archives(tmp_path):
    whole = tar_bytes(python10()[0], "cifar-10-batches-py")
    plain = tar_bytes(python10()[0], "cifar-10-batches-py", "w")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    cases = {
        "cut": whole[: len(whole) // 2],
        "cut plain": plain[: len(plain) // 3],
        "flipped": bytes(flipped),
        "empty": b"",
        "text": b"hello" * 300,
        "only gzip": whole[:3],
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError) as caught:
            load_spec(f"cifar10:{tmp_path / name}")
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        load_spec(f"cifar10:{tmp_path / 'nowhere'}")


def link(name, target, kind=tarfile.SYMTYPE):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_links_and_paths_outside_are_harmless(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    files, content = python10()
    extra = [
        link("cifar-10-batches-py/test_batch", str(tmp_path / "secret")),
        link("cifar-10-batches-py/test_batch", "../../secret", tarfile.LNKTYPE),
        link("cifar-10-batches-py/data_batch_1", "/dev/null", tarfile.CHRTYPE),
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo(str(tmp_path / "absolute")),
    ]
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_bytes(files, "cifar-10-batches-py", extra=extra))
    holds(load_spec(f"cifar10:{path}:test"), content["test"], "cifar10")
    assert {entry.name for entry in tmp_path.iterdir()} == {"secret", "x.tar.gz"}
    del files["test_batch"]
    path.write_bytes(tar_bytes(files, "cifar-10-batches-py", extra=extra))
    with pytest.raises(InputError, match="has no file test_batch"):
        load_spec(f"cifar10:{path}:test")


def test_a_name_twice_is_refused(tmp_path):
    files, _ = python10()
    files["again/data_batch_1"] = files["data_batch_1"]
    (tmp_path / "x").write_bytes(tar_bytes({"a/data_batch_1": b""} | files, "d"))
    with pytest.raises(InputError, match="data_batch_1 twice"):
        load_spec(f"cifar10:{tmp_path / 'x'}")


def test_sizes_are_limited(tmp_path, monkeypatch):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_bytes(python10()[0], "cifar-10-batches-py"))
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 6000)
    with pytest.raises(InputError, match="at most 6,000"):
        load_spec(f"cifar10:{path}")
    with pytest.raises(InputError, match="at most 6,000"):
        load_spec(f"cifar10:{put(tmp_path / 'd', python10()[0])}")
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 10**6)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 30_000)
    with pytest.raises(InputError, match="unpacks to more than 30,000"):
        load_spec(f"cifar10:{path}")


def test_a_long_name_cannot_ask_for_memory(tmp_path, monkeypatch):
    """A header may claim a name of any length; it is read in small steps, up to the limit."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    stream = io.BytesIO(entry.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 100_000)
    (tmp_path / "x").write_bytes(stream.getvalue())
    with pytest.raises(InputError, match="unpacks to more"):
        load_spec(f"cifar10:{tmp_path / 'x'}")


def test_a_folder_that_holds_nothing(tmp_path):
    with pytest.raises(InputError, match="has no file data_batch_1"):
        load_spec(f"cifar10:{tmp_path}")
