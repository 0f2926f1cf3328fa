"""Blocks put together and taken apart again: bytes, labels, notes and refusals."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddcodec.dataset import SoftLabels
from ddcodec.errors import InputError
from ddcodec.format.constants import MAX_METADATA_BYTES
from ddcodec.format.container import read_container
from ddcodec.limits import Limits
from ddcodec.merging.coded_file import take_apart
from ddcodec.merging.merge import merge
from ddcodec.merging.notes import in_words, numbers_of, runs_of
from ddcodec.merging.split import split
from ddcodec.merging.words import difference, with_difference
from ddcodec.pipeline import EncodedModel, Metadata, decode, encode_set, verify
from tests.calls import call, complaint
from tests.small_models import GREY, PYRAMID, TRANSFORM, model, networks

NAMES = "abcdefghij"


def part(data, name="x.ddz"):
    return take_apart(data, name, Limits())


def merged(*files, **options):
    return merge([part(data, f"{number}.ddz") for number, data in enumerate(files)], **options)


def block(classes, of=10, counts=None, groups=None, soft=None, order=None, names=True, with_hash=True, **words):
    """A file of some classes of a set; networks and latents depend on the classes alone."""
    counts = counts or [1 + number % 3 for number in classes]
    groups = groups or [0] * len(classes)
    nets = [networks((PYRAMID, TRANSFORM)[g % 2], seed=100 * g + classes[0]) for g in range(max(groups) + 1)]
    rng = np.random.default_rng(classes[0])
    latents = [
        rng.integers(-30, 31, (n, nets[g].latents_per_image)).astype(np.int16)
        for n, g in zip(counts, groups, strict=True)
    ]
    order = None if order is None else np.array(order, np.int64)
    coded = EncodedModel(nets, groups, latents, order, soft)
    provenance = {"dataset": "digits", "seed": classes[0]}
    if of:
        provenance["block"] = [of, *runs_of(classes)]
    metadata = Metadata(
        classes=tuple(NAMES[number] for number in classes) if names else None,
        mean=(0.5,),
        std=(0.25,),
        recipe={"epochs": 5, "accuracy": 0.1 * classes[0]},
        provenance=provenance,
    )
    return encode_set(coded, dataclasses.replace(metadata, **words), with_hash=with_hash)


def streams(data):
    taken = part(data)
    return taken.streams, taken.blobs


def test_two_blocks_become_one_file():
    a, b = block([0, 1, 2], 5, groups=[0, 1, 0]), block([3, 4], 5)
    found = merged(b, a)  # the order of the files means nothing
    assert found.notes == ()
    whole, first, second = decode(found.data), decode(a), decode(b)
    assert np.array_equal(whole.pixels, np.concatenate([first.pixels, second.pixels]))
    assert whole.class_counts == first.class_counts + second.class_counts
    assert whole.classes == ("a", "b", "c", "d", "e")
    assert streams(found.data) == tuple(x + y for x, y in zip(streams(a), streams(b), strict=True))
    assert read_container(found.data).header.group_of_class == (0, 1, 0, 2, 2)
    assert whole.recipe == {"epochs": 5}
    assert whole.provenance["dataset"] == "digits"
    assert "seed" not in whole.provenance
    assert verify(found.data).hash_stored
    assert split(part(found.data)) == ([a, b], [])
    assert len(found.data) < len(a) + len(b)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=6), st.booleans(), st.booleans(), st.data())
def test_any_partition_comes_back(holder, names, shuffled, data):
    parts = [[n for n, held in enumerate(holder) if held == number] for number in sorted(set(holder))]
    files = []
    for classes in parts:
        counts = [1 + number % 2 for number in classes]
        order = data.draw(st.permutations(np.repeat(np.arange(len(classes)), counts).tolist())) if shuffled else None
        groups = [number % 2 for number in range(len(classes))]
        files.append(block(classes, len(holder), counts, groups, order=order, names=names, with_hash=names))
    found = merged(*reversed(files)).data
    if len(files) > 1:
        assert split(part(found))[0] == [data for _, data in sorted(zip(parts, files, strict=True))]
    whole = decode(found)
    for number, held in enumerate(holder):
        own = decode(files[sorted(set(holder)).index(held)])
        place = parts[sorted(set(holder)).index(held)].index(number)
        start, begin = sum(whole.class_counts[:number]), sum(own.class_counts[:place])
        count = whole.class_counts[number]
        assert np.array_equal(whole.pixels[start : start + count], own.pixels[begin : begin + count])


def test_files_without_notes_are_taken_in_their_order():
    b, a = block([3, 4], None), block([0, 1], None)
    found = merged(b, a).data
    assert decode(found).classes == ("d", "e", "a", "b")
    assert split(part(found))[0] == [b, a]
    noted = block([3, 4], 7), block([0, 1], 9)
    found = merged(*noted, in_order=True).data
    assert decode(found).classes == ("d", "e", "a", "b")
    assert split(part(found))[0] == [*noted]


def test_what_is_missing_is_named():
    blocks = block([0, 1]), block([2, 3]), block([6, 7]), block([9])
    with pytest.raises(InputError, match=r"classes 4..5, 8 of 10 are missing: no block has them; --partial"):
        merged(*blocks)
    found = merged(*blocks, partial=True).data
    assert decode(found).provenance["block"] == [10, 0, 4, 6, 2, 9, 1]
    assert split(part(found))[0] == [*blocks]
    whole = merged(found, block([4, 5]), block([8])).data  # merged files are blocks, too
    assert decode(whole).classes == tuple(NAMES)
    assert split(part(whole))[0][0] == found


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (block([0, 1], 4), block([1, 2, 3], 4, names=False), "1.ddz: holds class 1, 0.ddz does, too"),
        (block([0, 1], None), block([1, 2], None), "1.ddz: has a class 'b', 0.ddz has, too"),
        (block([0, 1], 3), block([2], 4), "a block of 4 classes, 0.ddz one of 3"),
        (block([0, 1], None), block([2], 3), "0.ddz: does not say which classes of a whole set it holds, 1.ddz does"),
        (block([0], 2), block([1], 2, mean=(0.4,)), "1.ddz: has another mean than 0.ddz; --take-metadata-of"),
        (block([0], 2), block([1], 2, whitening={"kind": "zca"}), "1.ddz: has another whitening than 0.ddz"),
    ],
)
def test_blocks_that_do_not_go_together(first, second, problem):
    with pytest.raises(InputError, match=problem):
        merged(first, second)


def test_shapes_are_held_against_each_other():
    net = networks(PYRAMID, dataclasses.replace(GREY, height=7))
    other = encode_set(EncodedModel([net], [0], [np.zeros((1, net.latents_per_image), np.int16)]))
    with pytest.raises(InputError, match=r"1.ddz: images of 1 x 7 x 6, peak 255, those of 0.ddz are 1 x 5 x 6"):
        merged(block([0], None), other)


@pytest.mark.parametrize(
    "note",
    [
        "text",
        [],
        [2],
        [2, 0],
        [2, 0, 3],
        [2, -1, 2],
        [2, 0, 1, 0, 1],
        [2, 0, 0],
        [20_000, 0, 2],
        [2, 0, 2.0],
        [9, 3, 1],
    ],
)
def test_notes_on_blocks_that_make_no_sense(note):
    data = block([0, 1], None, provenance={"block": note})
    with pytest.raises(InputError, match=r"0.ddz: provenance.block"):
        merged(data, block([2], None))


@pytest.mark.parametrize(
    "notes",
    [[], 5, [5], [[0, 2]], [[0, 1], [0, 1], [2, 1]], [["{", 0, 3]], [[0, 2], [2, 1, "{"]], [[0, 2], [2, 1, "[]"]]],
)
def test_notes_of_merged_files_that_make_no_sense(notes):
    data = encode_set(model(groups=(0, 0, 1), configs=(PYRAMID, TRANSFORM)), Metadata(provenance={"blocks": notes}))
    if notes == []:
        assert len(split(part(data))[0]) == 2
    else:
        with pytest.raises(InputError, match=r"x.ddz: provenance.blocks"):
            split(part(data))


def test_whose_normalisation_holds():
    a, b = block([0], 2), block([1], 2, mean=(0.4,))
    found = merge([part(a, "a"), part(b, "b")], metadata_of="b").data
    assert decode(found).mean == (0.4,)
    assert split(part(found))[0] == [a, b]
    with pytest.raises(InputError, match="--take-metadata-of c: is none of the files"):
        merge([part(a, "a"), part(b, "b")], metadata_of="c")


def soft(counts, classes, kind="probabilities", unit=16):
    values = np.random.default_rng(len(counts)).integers(0, 17, (sum(counts), classes)).astype(np.int16)
    return SoftLabels(values, unit, kind)


def test_soft_labels_are_padded():
    a = block([0, 2], 4, [2, 2], soft=soft([2, 2], 2), order=[0, 1, 1, 0])
    b = block([1, 3], 4, [1, 2], soft=soft([1, 2], 2))
    found = merged(a, b)
    assert found.notes == ()
    whole, first, second = decode(found.data), decode(a), decode(b)
    assert whole.labels.tolist() == [0, 2, 2, 0, 1, 3, 3]
    assert np.array_equal(whole.soft.values[:4, [0, 2]], first.soft.values)
    assert np.array_equal(whole.soft.values[4:, [1, 3]], second.soft.values)
    assert not whole.soft.values[:4, [1, 3]].any()
    assert split(part(found.data))[0] == [a, b]
    assert verify(found.data).hash_stored


def test_soft_labels_follow_samples_that_are_sorted_by_class():
    a, b = (block(classes, 4, [1, 1], soft=soft([1, 1], 2)) for classes in ([0, 2], [1, 3]))
    found = merged(a, b).data
    whole = decode(found)
    assert whole.order is None
    assert np.array_equal(whole.soft.values[[0, 2]][:, [0, 2]], decode(a).soft.values)
    assert split(part(found))[0] == [a, b]


@pytest.mark.parametrize(
    "other",
    [None, soft([2], 1, kind="logits"), soft([2], 1, unit=8), soft([2], 1, kind="scores")],
)
def test_soft_labels_that_do_not_go_together_are_left_out(other):
    found = merged(block([0], 2, [2], soft=soft([2], 1)), block([1], 2, [2], soft=other))
    assert decode(found.data).soft is None
    assert "ddcodec labels relabel" in found.notes[0]


def test_a_recipe_that_differs():
    a, b = block([0], 2, recipe={"epochs": 5, "width": 8}), block([1], 2, recipe={"epochs": 6, "width": 8})
    found = merged(a, b)
    assert decode(found.data).recipe == {"width": 8}
    assert found.notes == ("of the recipe epochs left out: blocks differ in it",)
    assert split(part(found.data))[0] == [a, b]


def test_words_that_only_one_block_has():
    a = block([0], 2, extra={"x-note": {"deep": {}}, "x-a": 1})
    b = block([1], 2, extra={"x-note": {"deep": {}}, "x-a": 1.0}, names=False, with_hash=False)
    found = merged(a, b)
    assert decode(found.data).extra == {"x-note": {"deep": {}}}
    assert not verify(found.data).hash_stored
    assert found.notes == ("class names are left out: not all blocks have them",)
    assert split(part(found.data))[0] == [a, b]


def test_too_many_words_for_one_file():
    long = "x" * (MAX_METADATA_BYTES // 2)
    found = merged(block([0], 2, extra={"x-a": "1" + long}), block([1], 2, extra={"x-a": "2" + long}))
    assert "too much for one file" in found.notes[-1]
    assert [decode(data).extra for data in split(part(found.data))[0]] == [{}, {}]


def test_an_ordinary_file_splits_by_its_networks():
    data = encode_set(model((PYRAMID, TRANSFORM), (0, 1, 0)), Metadata(classes=("a", "b", "c")), with_hash=True)
    first, second = split(part(data))[0]
    assert decode(first).classes == ("a", "c")
    assert decode(second).classes == ("b",)
    assert verify(first).hash_stored
    assert decode(merged(second, first).data).content_hash() == decode(data).content_hash()
    with pytest.raises(InputError, match="nothing to split"):
        split(part(encode_set(model())))


def test_labels_about_other_classes_do_not_survive_a_split():
    for kind in ("probabilities", "logits"):
        counts = (1, 1, 1)
        coded = dataclasses.replace(model((PYRAMID, TRANSFORM), (0, 1, 0), counts), soft=soft(counts, 3, kind))
        files, notes = split(part(encode_set(coded)))
        assert len(notes) == 1
        assert all(decode(data).soft is None for data in files)


@given(st.sets(st.integers(0, 30), min_size=1))
def test_runs(numbers):
    ascending = sorted(numbers)
    assert list(numbers_of(runs_of(ascending), 31)) == ascending
    with pytest.raises(ValueError, match="below"):
        numbers_of(runs_of(ascending), ascending[-1])


PLAIN = st.dictionaries(
    st.sampled_from("abc"), st.one_of(st.integers(0, 1), st.dictionaries(st.sampled_from("de"), st.integers(0, 1)))
)


@given(PLAIN, PLAIN)
def test_differences(common, own):
    assert with_difference(common, difference(common, own)) == own


def test_words_for_numbers():
    assert in_words([4, 5, 9]) == "4..5, 9"


def test_the_commands(tmp_path):
    files = {f"block-{n}.ddz": block(classes, 5) for n, classes in enumerate([[0, 1], [2], [3, 4]])}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    names, out = [tmp_path / name for name in files], tmp_path / "all.ddz"
    done = call("merge", *names, out)
    assert done.stdout == f"{out}: {out.stat().st_size} bytes, 5 classes from 3 blocks\n"
    call("merge", *reversed(names), out)  # a merged file may be replaced
    call("verify", out)
    call("split", out, tmp_path / "parts")
    assert [path.read_bytes() for path in sorted((tmp_path / "parts").iterdir())] == list(files.values())


def test_what_the_commands_refuse(tmp_path):
    a, b, out = tmp_path / "a.ddz", tmp_path / "b.ddz", tmp_path / "out.ddz"
    a.write_bytes(block([0, 1], 4))
    b.write_bytes(block([2], 4))
    assert complaint("merge", a, b, out) == ("class 3 of 4 is missing: no block has it; --partial merges what there is")
    assert (
        complaint("merge", a, b)
        == f"{b}: exists and is no merged file; the last argument is the output, is it missing?"
    )
    assert "is one of the blocks" in complaint("merge", a, b, a)
    assert complaint("merge", a, tmp_path / "c.ddz", out).startswith(f"{tmp_path / 'c.ddz'}: ")
    b.write_bytes(b"\x89DDZ")
    assert complaint("merge", a, b, out, code=65).startswith(f"{b}: ")
    assert "nothing to split" in complaint("split", a, tmp_path / "parts")
    assert not out.exists()
    assert not (tmp_path / "parts").exists()
    call("merge", out, code=2)
