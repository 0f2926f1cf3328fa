"""Pickles: what the official files need is read, everything else is refused and nothing is ever run."""

import os
import pickle
import struct
import warnings

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources import safe_pickle
from ddcodec.sources.safe_pickle import read_pickle
from tests.sources.cifar_files import old_pickle, rows

VALUE = {b"data": rows(2), b"labels": [3, 0, 70_000], b"text": b"x" * 300}


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert np.array_equal(found[key], value) if isinstance(value, np.ndarray) else found[key] == value
        assert type(found[key]) is type(value)


def test_what_python_2_wrote():
    data = old_pickle(VALUE)
    with warnings.catch_warnings():  # numpy frowns on the old way of writing a dtype
        warnings.simplefilter("ignore")
        same(pickle.loads(data, encoding="bytes"), VALUE)  # the test's own writer is right
    same(read_pickle(data), VALUE)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_python_3_writes(protocol):
    same(read_pickle(pickle.dumps(VALUE, protocol)), VALUE)
    plain = {"a": (1, -5, 2**40), "b": [None, True, "é", ()], "c": {"d": (1, 2, 3, 4)}}
    same(read_pickle(pickle.dumps(plain, protocol)), plain)


class Command:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_commands_are_not_run(tmp_path, protocol):
    path = tmp_path / "ran"
    data = pickle.dumps({b"data": Command(path)}, protocol)
    with pytest.raises(InputError, match=r"refused|damaged") as caught:
        read_pickle(data)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    pickle.loads(data)
    assert path.exists()  # the same bytes do harm elsewhere


@pytest.mark.parametrize(
    "name",
    [
        "os system",
        "builtins eval",
        "builtins getattr",
        "numpy load",
        "numpy.core.multiarray scalar",
        "copyreg _rebuild",
    ],
)
def test_names_are_refused(name):
    module, attribute = name.split()
    with pytest.raises(InputError, match=f"names {module}.{attribute}"):
        read_pickle(b"\x80\x02c" + f"{module}\n{attribute}\n.".encode())
    stacked = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(w)]) + w.encode() for w in (module, attribute)) + b"\x93."
    with pytest.raises(InputError, match=f"names {module}.{attribute}"):
        read_pickle(stacked)


INSTRUCTIONS = {
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(cnumpy\nndarray\no.",
    "NEWOBJ": b"cnumpy\nndarray\n)\x81.",
    "EXT1": b"\x82\x01.",
    "PERSID": b"Pabc\n.",
    "BINPERSID": b"K\x01Q.",
    "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2) + b"ab.",
    "DUP": b"K\x01" + b"2.",
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_are_refused(name):
    with pytest.raises(InputError, match=f"instruction {name}"):
        read_pickle(b"\x80\x04" + INSTRUCTIONS[name])


ARRAY = old_pickle(rows(1))
DAMAGED = {
    "empty": b"",
    "no end": b"\x80\x02}",
    "nothing left": b"\x80\x02.",
    "huge text": b"\x80\x02T\xff\xff\xff\x7fabc.",
    "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",
    "unknown memo": b"\x80\x02h\x07.",
    "no mark": b"\x80\x02t.",
    "item of a number": b"\x80\x02K\x01K\x02a.",
    "odd dict": b"\x80\x02}(K\x01u.",
    "list as key": b"\x80\x02}(]K\x01u.",
    "state of a number": b"\x80\x02K\x01K\x02b.",
    "state of a name": b"\x80\x02cnumpy\ndtype\n}b.",
    "call of a number": b"\x80\x02K\x01)R.",
    "call of ndarray": b"\x80\x02cnumpy\nndarray\n)R.",
    "no content": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",
    "name of numbers": b"\x80\x04K\x01K\x02\x93.",
    "unknown encoding": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
    "short": ARRAY[:-10],
    "floats": ARRAY.replace(b"U\x02u1", b"U\x02f4"),
    "objects": ARRAY.replace(b"U\x02u1", b"U\x01O"),
    "too few bytes": ARRAY.replace(b"K\x01M", b"K\x02M").replace(b"K\x01J\x00\x0c", b"K\x02J\x00\x0c"),
    "negative side": ARRAY.replace(b"J\x00\x0c\x00\x00", b"J\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_line(name):
    assert DAMAGED[name] != ARRAY
    with pytest.raises(InputError) as caught:
        read_pickle(DAMAGED[name])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_every_cut_is_noticed():
    data = old_pickle({b"labels": [1, 2], b"data": np.arange(4, dtype=np.uint8)})
    for length in range(len(data)):
        with pytest.raises(InputError):
            read_pickle(data[:length])


def test_sizes_are_limited(monkeypatch):
    monkeypatch.setattr(safe_pickle, "MAX_INSTRUCTIONS", 50)
    with pytest.raises(InputError, match="instructions"):
        read_pickle(pickle.dumps(list(range(100)), 2))
    monkeypatch.setattr(safe_pickle, "MAX_PICKLE_BYTES", 1000)
    with pytest.raises(InputError, match="at most 1,000"):
        read_pickle(bytes(1001))
    text = b"X" + struct.pack("<I", 400) + b"a" * 400 + b"q\x00"
    again = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(InputError, match="unpacks to more"):
        read_pickle(b"\x80\x02" + text + again * 3 + b".")


def test_nests_that_are_endless_as_text_are_not_written_out():
    nest = b"]q\x00" + b"".join(b"](h" + bytes([k]) + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(60))
    for data in (nest + b"h\x3c\x93.", nest + b"cnumpy\ndtype\nh\x3c\x85R."):
        with pytest.raises(InputError):
            read_pickle(b"\x80\x04" + data)
