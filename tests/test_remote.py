"""Sets far away: what is transferred, and that it is the same set in the end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ddcodec
from ddcodec import inspection
from ddcodec.cli import main
from ddcodec.codecs.configs import Shape, TransformConfig
from ddcodec.errors import ChecksumError, FormatError, InputError, LimitError
from ddcodec.format.container import read_container
from ddcodec.format.metadata import Metadata
from ddcodec.limits import Limits
from ddcodec.pipeline import EncodedModel, decode, encode_set, info, load, read_file, verify
from ddcodec.storage import bounded
from ddcodec.storage.cached import FRONT_BYTES
from tests.hostile.mutate import parse
from tests.small_models import networks
from tests.storage.server import cut, plain, serving

ROOT = Path(__file__).parents[1]
CLASSES = 10
NAMES = ("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
META = Metadata(classes=NAMES, mean=(0.5,) * 3, std=(0.25,) * 3)


def coded_set(images, diagonals, meta=META, shuffled=False, groups=(0,) * CLASSES):
    """A file of ten classes of random latents."""
    nets = [networks(TransformConfig(8, diagonals), Shape(3, 32, 32, 255), seed=n) for n in range(max(groups) + 1)]
    rng = np.random.default_rng(3)
    shape = (images, nets[0].latents_per_image)
    latents = [np.rint(rng.laplace(0, 9, shape)).astype(np.int16) for _ in range(CLASSES)]
    order = rng.permutation(np.repeat(np.arange(CLASSES), images)) if shuffled else None
    return encode_set(EncodedModel(nets, groups, latents, order), meta, with_hash=True)


FILES = {
    "10 kB, nothing but images": coded_set(2, (6, 4, 4), meta=None),
    "60 kB, names and order": coded_set(5, (8, 6, 6), shuffled=True),
    "networks for each class": coded_set(6, (8, 6, 6), groups=tuple(range(CLASSES))),
}
DATA = FILES["60 kB, names and order"]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    monkeypatch.setattr(bounded, "PAUSES_S", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")


def assert_same(found, expected):
    assert np.array_equal(found.pixels, expected.pixels)
    assert found.labels.tolist() == expected.labels.tolist()
    assert (found.class_counts, found.classes) == (expected.class_counts, expected.classes)
    assert found.content_hash() == expected.content_hash()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", range(0, CLASSES, 3))
def test_one_class_of_ten(name, number):
    data = FILES[name]
    with serving(data) as server:
        found = load(server.url, classes=[number])
        assert server.sent <= 0.15 * len(data) + info(data).overhead_bytes
        assert server.requests <= 4
    assert_same(found, decode(data, classes=[number]))
    whole = decode(data)
    start = sum(whole.class_counts[:number])
    assert np.array_equal(found.pixels, whole.pixels[start : start + len(found)])


def test_the_files_are_of_the_sizes_that_are_meant():
    assert 9_000 < len(FILES["10 kB, nothing but images"]) < 14_000
    assert all(len(data) > 50_000 for name, data in FILES.items() if "10 kB" not in name)


def test_a_file_as_a_whole_takes_two_requests():
    with serving(DATA) as server:
        assert_same(load(server.url), decode(DATA))
        assert (server.sent, server.requests) == (len(DATA), 2)
        assert_same(load(server.url, per_class=2), decode(DATA, per_class=2))
        assert read_file(server.url) == DATA
        assert verify(server.url) == verify(DATA)


def test_neighbouring_classes_come_together():
    with serving(DATA) as server:
        assert_same(load(server.url, classes=["cat", 4, "5", "truck"]), decode(DATA, classes=[3, 4, 5, 9]))
        assert server.requests == 4  # front with tables, order and names, three classes, one class


def test_info_needs_only_tables():
    with serving(DATA) as server:
        assert info(server.url) == info(DATA)
        found = info(DATA)
        used = found.overhead_bytes + found.section_bytes["meta"] + found.section_bytes["LATN"] - sum(found.class_bytes)
        assert server.sent <= used + FRONT_BYTES
        assert server.requests <= 3


@pytest.mark.parametrize("whole", [True, False])
def test_info_on_several_networks(monkeypatch, whole):
    """They come at once where they are small, else the front of each."""
    data = FILES["networks for each class"]
    if not whole:
        monkeypatch.setattr(inspection, "_WHOLE_NETS_BYTES", 0)
    with serving(data) as server:
        assert info(server.url) == info(data)
        assert len(info(data).groups) == CLASSES
        networks_bytes = info(data).section_bytes["NETS"]
        assert server.requests <= (4 if whole else 4 + CLASSES)
        assert (server.sent > networks_bytes) is whole


def test_what_is_no_such_file_is_not_fetched_whole():
    data = b"\x89PNG" + bytes(100_000)
    for act in (load, verify, info):
        with serving(data) as server:
            with pytest.raises(FormatError) as caught:
                act(server.url)
            assert caught.value.rule == "C1"
            assert server.sent == FRONT_BYTES


def test_a_server_without_ranges():
    with serving(DATA, plain) as server:
        assert_same(load(server.url, classes=["dog"]), decode(DATA, classes=[5]))
        assert (server.sent, server.requests) == (len(DATA), 1)
        with pytest.raises(LimitError):
            load(server.url, Limits(file_bytes=10_000), classes=["dog"])


def test_cut_connections_and_absent_files():
    with serving(DATA, cut) as server, pytest.raises(InputError, match="the connection was cut") as caught:
        load(server.url, classes=[1])
    assert server.url in str(caught.value)
    with serving(DATA, lambda handler: handler.head(404)) as server, pytest.raises(InputError, match="404 Not Found"):
        load(server.url)


def test_a_file_that_was_cut_where_it_lies():
    with serving(DATA[:-1]) as server, pytest.raises(FormatError) as caught:
        load(server.url, classes=[1])
    assert (caught.value.rule, caught.value.offset) == ("C5", len(DATA) - 1)


def stream_place(data, number):
    """Place of a class's stream in the file, and its size."""
    section, sizes = read_container(data).section("LATN"), info(data).class_bytes
    return section.offset + section.size - sum(sizes[number:]), sizes[number]


def test_damage_in_a_wanted_stream_is_found_and_placed():
    place, size = stream_place(DATA, 4)
    broken = bytearray(DATA)
    broken[place + size // 2] ^= 1
    with serving(bytes(broken)) as server:
        with pytest.raises(FormatError) as caught:
            load(server.url, classes=[4])
        assert caught.value.offset == place
        assert caught.value.rule in ("E2", "E3", "E4", "E5")
        assert_same(load(server.url, classes=[3, 5]), decode(DATA, classes=[3, 5]))
        with pytest.raises(ChecksumError) as caught:
            load(server.url)
        assert (caught.value.rule, caught.value.offset) == ("H8", read_container(DATA).section("LATN").offset)


def test_a_wrong_content_hash():
    draft = parse(DATA)
    draft.payloads[3][2] = bytes(32)
    with serving(draft.build()) as server:
        assert_same(load(server.url), decode(DATA))  # nobody asked
        with pytest.raises(ChecksumError) as caught:
            verify(server.url)
    assert (caught.value.rule, caught.value.offset) == ("M4", draft.payload_place(3))


@pytest.mark.parametrize("kind", ["NETS", "LABL", "meta"])
def test_damage_in_a_section_that_is_needed_whole(kind):
    section = read_container(DATA).section(kind)
    broken = bytearray(DATA)
    broken[section.offset + section.size - 1] ^= 1
    with serving(bytes(broken)) as server, pytest.raises(ChecksumError) as caught:
        load(server.url, classes=[4])
    assert (caught.value.rule, caught.value.offset) == ("H8", section.offset)


def test_another_file_in_the_middle_of_it():
    """Neither a tag nor the size tells; the checksum within the stream does."""
    place, size = stream_place(DATA, 4)
    other = DATA[: place + size // 2] + b"another" + DATA[place + size // 2 + 7 :]

    def swapping(handler):
        start, stop = handler.wanted()
        data = other if handler.server.requests > 2 else DATA
        handler.head(206, Content_Range=f"bytes {start}-{stop - 1}/{len(DATA)}", Content_Length=stop - start)
        handler.body(data[start:stop])

    with serving(DATA, swapping) as server:
        with pytest.raises(FormatError) as caught:
            load(server.url, classes=[4])
        assert caught.value.offset == place
        assert server.requests == 3


def test_a_local_file_in_parts(tmp_path):
    path = tmp_path / "a.ddz"
    path.write_bytes(DATA)
    for place in (path, str(path), path.as_uri()):
        assert_same(load(place, classes=["bird"], per_class=3), decode(DATA, classes=[2], per_class=3))
        assert info(place) == info(DATA)
        assert verify(place) == verify(DATA)


def test_memory_urls():
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe_file("/ddcodec-remote/a.ddz", DATA)
    url = "memory://ddcodec-remote/a.ddz"
    assert_same(load(url, classes=["ship"]), decode(DATA, classes=[8]))
    assert_same(load(url), decode(DATA))
    assert info(url) == info(DATA)
    fsspec.filesystem("memory").rm("/ddcodec-remote", recursive=True)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("classes", [None, [7], [2, 3, 9]])
@pytest.mark.parametrize("per_class", [1, 2, 5, 99])
def test_the_first_images_of_each_class(shuffled, classes, per_class):
    data = DATA if shuffled else FILES["networks for each class"]
    whole, found = decode(data), decode(data, classes=classes, per_class=per_class)
    seen, kept = dict.fromkeys(range(CLASSES), 0), []
    for sample, label in enumerate(whole.labels.tolist()):
        seen[label] += 1
        if seen[label] <= per_class and (classes is None or label in classes):
            kept.append(sample)
    assert found.labels.tolist() == whole.labels[kept].tolist()
    assert np.array_equal(found.images, whole.images[kept])
    assert found.classes == whole.classes
    assert found.class_count == CLASSES


def test_classes_and_numbers_of_images_that_make_no_sense():
    with pytest.raises(InputError, match=r"^there is no class 'Shipp'; expected a name or 0\.\.9; nearest: 'ship'$"):
        decode(DATA, classes=["Shipp"])
    for wanted in ([10], [-1], ["10"], ["zzz"], [2.0], ["9" * 5_000]):
        with pytest.raises(InputError, match="there is no class"):
            decode(DATA, classes=wanted)
    with pytest.raises(InputError, match="per_class: 0 is not at least 1"):
        decode(DATA, per_class=0)


def call(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_commands_take_urls(tmp_path):
    with serving(DATA) as server:
        assert json.loads(call("info", server.url, "--json").stdout)["file_bytes"] == len(DATA)
        assert "intact: 50 images" in call("verify", server.url).stdout
        assert call("sheet", server.url, tmp_path / "s.png").exit_code == 0
        out = tmp_path / "images"
        done = call("decode", server.url, out, "--class", "cat", "--class", "9", "--per-class", 2)
        assert done.stdout == f"{out}: 4 images\n"
        assert len(list(out.rglob("*.png"))) == 4
        done = call("decode", server.url, tmp_path / "none", "--class", "cta")
        assert done.stderr == (
            f"ddcodec: {server.url}: there is no class 'cta'; expected a name or 0..9; nearest: 'cat', 'car'\n"
        )
    done = call("decode", server.url, tmp_path / "none")
    assert done.exit_code == 1
    assert done.stderr == f"ddcodec: {server.url}: cannot read: Connection refused\n"
    assert not (tmp_path / "none").exists()


LEAN = """
import sys, ddcodec
assert ddcodec.load(sys.argv[1], classes=["cat"]).class_counts[3] == 5
assert not {"torch", "fsspec", "aiohttp"} & set(sys.modules)
"""


def test_a_url_brings_in_neither_torch_nor_fsspec():
    with serving(DATA) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", LEAN, server.url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_offers_it():
    with serving(DATA) as server:
        assert ddcodec.load(server.url, classes="cat").class_counts == (0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
