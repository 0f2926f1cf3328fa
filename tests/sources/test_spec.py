"""The texts behind --data and --test."""

import numpy as np
import pytest

from ddcodec.errors import InputError
from ddcodec.sources.spec import Spec, label_of, load_spec, parse_spec, subject_of


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("npz:a.npz", Spec("npz", "a.npz", None)),
        ("npz:a:test", Spec("npz", "a:test", None)),
        ("digits", Spec("digits", "", None)),
        ("digits:test", Spec("digits", "", "test")),
        ("cifar10:a/b", Spec("cifar10", "a/b", None)),
        ("cifar10:C:\\a:test", Spec("cifar10", "C:\\a", "test")),
        ("cifar100:a:b", Spec("cifar100", "a:b", None)),
        ("imagefolder:a:val", Spec("imagefolder", "a", "val")),
    ],
)
def test_parts(text, spec):
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    "text", ["", "npz", "npz:", "cifar10", "cifar10:", "cifar10::test", "digits:val", "digits:", "imagenet:x", "a.npz"]
)
def test_texts_that_mean_nothing(text):
    if text == "digits:":
        assert parse_spec(text) == Spec("digits", "", None)
        return
    with pytest.raises(InputError, match=r"expected one of npz:FILE, digits.*imagefolder") as caught:
        load_spec(text)
    assert str(caught.value).startswith(f"{text}: ")
    assert subject_of(text) == text


def test_names_for_messages_and_files():
    assert subject_of("cifar10:a/b:test") == "a/b"
    assert subject_of("digits:test") == "digits:test"
    assert label_of("cifar10:/secret/place", "test") == "cifar10:test"
    assert label_of("cifar10:/secret/place:train", "test") == "cifar10:train"
    assert label_of("npz:/secret/place/x.npz", "test") == label_of(r"npz:c:\secret\x.npz") == "npz:x.npz"
    assert label_of("digits", "test") == "digits:test"
    assert label_of("imagefolder:/x:val") == "imagefolder:val"


def test_the_split_that_a_text_does_not_name():
    train, test = load_spec("digits"), load_spec("digits", "test")
    assert np.array_equal(test.images, load_spec("digits:test").images)
    assert np.array_equal(train.images, load_spec("digits:train", "test").images)
    assert len(train.images) != len(test.images)
