"""Test-time preprocessing: the same numbers for pictures, arrays and tensors; whitening by another formula."""

import pickle

import numpy as np
import pytest
from PIL import Image

from ddcodec.dataset import make_set
from ddcodec.errors import InputError
from ddcodec.views.zca import fit_zca
from tests.views.small_sets import full_set, small_set

RNG = np.random.default_rng(3)
BYTES = RNG.integers(0, 256, (7, 3, 4, 6)).astype(np.uint8)
FLOATS = BYTES.astype(np.float32) / np.float32(255)
MEAN, STD = (np.float32(part)[:, None, None] for part in ((0.5, 0.4, 0.25), (0.5, 0.25, 2.0)))
EXPECTED = (FLOATS - MEAN) / STD
WHITENED = {"kind": "zca", "epsilon": 0.1, "fitted_on": "cifar10 train"}


def test_own_images_come_out_as_the_set_gives_them():
    s = full_set()
    assert np.array_equal(s.eval_transform()(s.images), s.normalised())


def test_arrays():
    transform = full_set().eval_transform()
    for given in (BYTES, FLOATS, FLOATS.astype(np.float64)):
        found = transform(given)
        assert found.dtype == np.float32
        assert np.array_equal(found, EXPECTED)
        assert np.array_equal(transform(given[2]), EXPECTED[2])
    assert np.array_equal(FLOATS, BYTES.astype(np.float32) / np.float32(255))  # left as it was


def test_tensors():
    torch = pytest.importorskip("torch")
    transform = full_set().eval_transform()
    for given in (BYTES, FLOATS):
        found = transform(torch.from_numpy(given))
        assert isinstance(found, torch.Tensor)
        assert found.dtype == torch.float32
        assert np.allclose(found.numpy(), EXPECTED, atol=1e-6, rtol=0)
        assert np.array_equal(transform(torch.from_numpy(given[2])).numpy(), found[2].numpy())
    assert transform(torch.zeros(3, 4, 6, dtype=torch.float16)).dtype == torch.float32
    assert transform(torch.zeros(3, 4, 6, device="meta")).device.type == "meta"
    with pytest.raises(InputError, match=r"torch\.int64"):
        transform(torch.zeros(3, 4, 6, dtype=torch.int64))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_pictures_of_any_mode_and_size(channels, mode):
    transform = small_set(channels).eval_transform()
    source = Image.fromarray(RNG.integers(0, 256, (9, 5, 4)).astype(np.uint8))
    for given in ("L", "RGB", "RGBA", "P", "CMYK", "1"):
        picture = source.convert(given)
        found = transform(picture)
        expected = np.asarray(picture.convert(mode).resize((6, 4), Image.Resampling.BILINEAR))
        assert found.shape == (channels, 4, 6)
        assert np.array_equal(found, expected.reshape(4, 6, channels).transpose(2, 0, 1) / np.float32(255))


def test_a_picture_of_the_right_size_is_not_resampled():
    found = full_set().eval_transform()(Image.fromarray(BYTES[0].transpose(1, 2, 0)))
    assert np.array_equal(found, EXPECTED[0])


def test_pictures_that_cannot_be_scaled():
    transform = small_set(1).eval_transform()
    for mode in ("I", "F", "I;16"):
        with pytest.raises(InputError, match=f"mode {mode}"):
            transform(Image.new(mode, (6, 4)))
    with pytest.raises(InputError, match="the set 5"):
        small_set(5).eval_transform()(Image.new("L", (6, 4)))


@pytest.mark.parametrize("given", [BYTES.transpose(0, 2, 3, 1), BYTES[:, :, :, :5], BYTES[0, 0], BYTES[None]])
def test_other_shapes_are_refused(given):
    with pytest.raises(InputError, match=r"expected shape \(3, 4, 6\) or \(N, 3, 4, 6\), found "):
        full_set().eval_transform()(given)


@pytest.mark.parametrize("given", [BYTES.astype(np.int64), BYTES > 3, FLOATS.tolist(), None])
def test_other_types_are_refused(given):
    with pytest.raises(InputError, match=r"^expected .* found (int64|bool|list|NoneType)$"):
        full_set().eval_transform()(given)


def test_only_one_of_mean_and_std():
    assert np.array_equal(small_set(std=(0.5, 0.25, 2.0)).eval_transform()(FLOATS), FLOATS / STD)
    assert np.array_equal(small_set(mean=(0.5, 0.4, 0.25)).eval_transform()(FLOATS), FLOATS - MEAN)
    assert np.array_equal(small_set().eval_transform()(FLOATS), FLOATS)


def test_it_can_be_read_and_pickled():
    transform = full_set().eval_transform()
    assert repr(transform) == "EvalTransform(3x4x6, mean=(0.5, 0.4, 0.25), std=(0.5, 0.25, 2.0))"
    assert np.array_equal(pickle.loads(pickle.dumps(transform))(BYTES), EXPECTED)


def whitened_by_definition(train, test, epsilon):
    """By the singular values of the covariance, in float64."""
    rows = train.reshape(len(train), -1).astype(np.float64)
    mean = rows.mean(axis=0)
    left, values, _ = np.linalg.svd(np.cov(rows, rowvar=False))
    matrix = left @ np.diag(1 / np.sqrt(values + epsilon)) @ left.T
    return ((test.reshape(len(test), -1) - mean) @ matrix).reshape(test.shape)


def test_whitening_of_kip_adds_a_share_of_the_mean_variance():
    train = np.random.default_rng(5).random((40, 1, 3, 3), dtype=np.float32)
    covariance = np.cov(train.reshape(40, -1), rowvar=False)
    same = fit_zca(train, 0.1 * np.trace(covariance) / 9)
    assert np.allclose(fit_zca(train, 0.0, trace_fraction=0.1).matrix, same.matrix, rtol=1e-5)
    assert not np.allclose(fit_zca(train, 0.1).matrix, same.matrix, rtol=1e-2)
    pixels = np.zeros((1, 1, 3, 3), np.int16)
    whitened = make_set(pixels, 255, [1], whitening={"kind": "zca", "trace_fraction": 0.1})
    assert np.allclose(whitened.eval_transform(train_images=train).zca.matrix, same.matrix, rtol=1e-5)


@pytest.mark.parametrize("count", [30, 2_500])  # fewer images than numbers; more than are summed at a time
def test_whitening(count):
    train = RNG.random((count, 3, 4, 6)).astype(np.float32)
    train[:, 0, 0, 0] = 0.5  # a number that never changes
    s = small_set(whitening=WHITENED)
    transform = s.eval_transform(train_images=train)
    expected = whitened_by_definition(train, FLOATS, 0.1)
    assert np.allclose(transform(FLOATS), expected, atol=1e-5, rtol=0)
    assert np.allclose(transform(BYTES[1]), expected[1], atol=1e-5, rtol=0)
    assert transform(FLOATS).dtype == np.float32
    assert np.array_equal(pickle.loads(pickle.dumps(transform))(FLOATS), transform(FLOATS))
    assert "whitening=zca, epsilon 0.1" in repr(transform)
    assert "cifar10 train" in repr(transform)


def test_whitening_of_tensors():
    torch = pytest.importorskip("torch")
    transform = small_set(whitening=WHITENED).eval_transform(train_images=torch.from_numpy(FLOATS))
    found = transform(torch.from_numpy(BYTES))
    assert np.allclose(found.numpy(), transform(BYTES), atol=1e-5, rtol=0)
    assert np.allclose(transform(torch.from_numpy(BYTES[0])).numpy(), found[0].numpy(), atol=1e-6, rtol=0)


def test_whitening_takes_bytes_for_255ths():
    of_bytes, of_floats = (fit_zca(images, 0.1) for images in (BYTES, FLOATS))
    assert np.allclose(of_bytes.matrix, of_floats.matrix, atol=1e-5)
    assert np.array_equal(of_bytes.matrix, of_bytes.matrix.T) or np.allclose(of_bytes.matrix, of_bytes.matrix.T)


def test_whitened_sets_say_which_images_they_need():
    with pytest.raises(InputError) as caught:
        small_set(whitening=WHITENED).eval_transform()
    assert "'cifar10 train'" in str(caught.value)
    assert "(M, 3, 4, 6)" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("whitening", "train", "words"),
    [
        ({"kind": "pca", "epsilon": 0.1}, FLOATS, r"whitening\.kind: expected 'zca', found 'pca'"),
        ({"kind": "zca"}, FLOATS, r"whitening\.epsilon: .* found 'None'"),
        ({"kind": "zca", "epsilon": 0.0}, FLOATS, r"whitening\.epsilon: .* found '0\.0'"),
        (WHITENED, FLOATS[0], r"train_images: expected \(M, 3, 4, 6\) .* found float32 of shape \(3, 4, 6\)"),
        (WHITENED, BYTES.astype(np.int64), r"train_images: .* found int64"),
        (WHITENED, FLOATS[:1], r"at least 2 images"),
        (WHITENED, FLOATS * np.float32("nan"), r"not finite"),
    ],
)
def test_whitening_that_cannot_be_fitted(whitening, train, words):
    with pytest.raises(InputError, match=words):
        small_set(whitening=whitening).eval_transform(train_images=train)


def test_whitening_large_images_is_refused_before_memory_is_asked_for():
    with pytest.raises(InputError, match="16,384"):
        fit_zca(np.zeros((2, 3, 128, 128), np.uint8), 0.1)


def test_a_recipe_that_whitens():
    """In place of mean and std; for the set's own images, too."""
    s = full_set(recipe={"zca": 0.1}, provenance={"dataset": "cifar10:train"})
    train = RNG.random((30, 3, 4, 6)).astype(np.float32)
    with pytest.raises(
        InputError, match=r"^the recipe whitens images \(recipe\.zca 0\.1\).* of 'cifar10:train', \(M, 3"
    ):
        s.eval_transform()
    transform = s.eval_transform(train_images=train)
    for images in (FLOATS, s.images):
        assert np.allclose(transform(images), whitened_by_definition(train, images, 0.1), atol=1e-5, rtol=0)
    assert transform.note == "zca, epsilon 0.1, fitted on 30 images of 'cifar10:train'"
    assert full_set(recipe={"zca": 0}).eval_transform().zca is None
    already = small_set(whitening=WHITENED | {"epsilon": 0.3}, recipe={"zca": 0.1})
    assert already.eval_transform(train_images=train).note.startswith("zca, epsilon 0.3")


@pytest.mark.parametrize("value", [-0.1, "0.1", True, float("inf"), float("nan"), None])
def test_a_recipe_that_whitens_by_nonsense(value):
    with pytest.raises(InputError, match=r"^recipe\.zca: expected a number of at least 0, found "):
        full_set(recipe={"zca": value}).eval_transform()


def test_train_images_are_not_used_without_whitening():
    assert np.array_equal(full_set().eval_transform(train_images=FLOATS)(FLOATS), EXPECTED)
