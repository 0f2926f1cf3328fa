"""What images must go through before a network that is trained on a set sees them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ddcodec.errors import InputError
from ddcodec.views.zca import Zca, fit_zca, recipe_epsilon

if TYPE_CHECKING:
    from torch import Tensor

    from ddcodec.dataset import DistilledSet

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_DEEP_MODES = ("I", "F")  # and I;16 and its kin: more than 8 bits, of unknown scale
_UNNAMED = "its training images"


@dataclass(frozen=True, eq=False, repr=False)
class EvalTransform:
    """Test-time preprocessing of one set; make it with `DistilledSet.eval_transform`. It can be pickled.

    Call it with
        a PIL picture: brought to the set's number of channels and size (bilinear), then as uint8;
        a numpy array or torch tensor, (channels, height, width) or (N, channels, height, width): uint8 counts as
            255ths, floats are taken to be in [0, 1].
    Returns: (x - mean) / std, or the whitened images; a float32 tensor on the same device for a tensor, else a
        float32 numpy array, of the shape that was given.
    Raises: InputError for another type or shape.

    Fields: shape (channels, height, width); mean, std: a float per channel; zca: the whitening, or None;
        note: which whitening it is, in words.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    zca: Zca | None = None
    note: str = ""

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        steps = [f"mean={self.mean}, std={self.std}"] if self.zca is None else [f"whitening={self.note}"]
        return f"EvalTransform({size}, {', '.join(steps)})"

    @overload
    def __call__(self, image: "Tensor") -> "Tensor": ...
    @overload
    def __call__(self, image: Image.Image | NDArray[Any]) -> NDArray[np.float32]: ...
    def __call__(self, image: Any) -> Any:
        """Preprocess one image or a batch, as the class says."""
        torch = sys.modules.get("torch")  # nobody can have a tensor without it
        if torch is not None and isinstance(image, torch.Tensor):
            return self._tensor(image)
        if isinstance(image, Image.Image):
            image = self._from_picture(image)
        if not isinstance(image, np.ndarray):
            raise InputError(f"expected a PIL picture, a numpy array or a torch tensor, found {type(image).__name__}")
        self._check(image.shape, image.dtype == np.uint8, image.dtype.kind == "f", image.dtype)
        scaled = image.astype(np.float32)
        if image.dtype == np.uint8:
            scaled /= np.float32(255)
        if self.zca is not None:
            whitened = (scaled.reshape(-1, len(self.zca.mean)) - self.zca.mean) @ self.zca.matrix
            return whitened.reshape(scaled.shape)
        return (scaled - _column(self.mean)) / _column(self.std)

    def _tensor(self, image: "Tensor") -> "Tensor":
        import torch

        of_bytes = image.dtype == torch.uint8
        self._check(tuple(image.shape), of_bytes, image.is_floating_point(), image.dtype)
        scaled = image.to(torch.float32)
        if of_bytes:
            scaled = scaled / 255
        if self.zca is not None:
            mean, matrix = (torch.from_numpy(part).to(image.device) for part in (self.zca.mean, self.zca.matrix))
            return ((scaled.reshape(-1, len(mean)) - mean) @ matrix).reshape(scaled.shape)
        mean, std = (torch.from_numpy(_column(part)).to(image.device) for part in (self.mean, self.std))
        return (scaled - mean) / std

    def _from_picture(self, picture: Image.Image) -> NDArray[np.uint8]:
        channels, height, width = self.shape
        if channels not in _MODES:
            raise InputError(f"a picture has 1..4 channels, the set {channels}; give an array")
        if picture.mode.startswith(_DEEP_MODES):
            raise InputError(f"a picture of mode {picture.mode} has more than 8 bits; give an array of floats in 0..1")
        picture = picture.convert(_MODES[channels])
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(picture).reshape(height, width, channels).transpose(2, 0, 1)

    def _check(self, shape: Sequence[int], of_bytes: bool, of_floats: bool, kind: object) -> None:
        if not (of_bytes or of_floats):
            raise InputError(f"expected uint8, or floats in 0..1, found {kind}")
        if len(shape) not in (3, 4) or tuple(shape[-3:]) != self.shape:
            wanted = ", ".join(map(str, self.shape))
            raise InputError(f"expected shape ({wanted}) or (N, {wanted}), found {tuple(shape)}")


def _column(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)[:, None, None]


def eval_transform_of(dataset: "DistilledSet", train_images: Any = None) -> EvalTransform:
    """The transform of a set; arguments and errors as `DistilledSet.eval_transform`."""
    channels, height, width = dataset.pixels.shape[1:]
    mean, std = dataset.normalize or ((0.0,) * channels, (1.0,) * channels)
    shape = (channels, height, width)
    if dataset.whitening:
        name, strength, fitted_on = _stated_whitening(dataset.whitening)
        need = "the set is whitened, and test images need the same"
    elif epsilon := recipe_epsilon(dataset.recipe):
        name, strength = "epsilon", epsilon
        fitted_on = str(dataset.provenance.get("dataset", _UNNAMED))[:80]
        need = f"the recipe whitens images (recipe.zca {epsilon:g}), those of the set and of the test"
    else:
        return EvalTransform(shape, mean, std)
    wanted = f"(M, {channels}, {height}, {width}) floats in 0..1"
    if train_images is None:
        raise InputError(f"{need}: give eval_transform(train_images=...) the images of {fitted_on!r}, {wanted}")
    images = np.asarray(train_images)
    if images.ndim != 4 or images.shape[1:] != shape or not (images.dtype.kind == "f" or images.dtype == np.uint8):
        raise InputError(f"train_images: expected {wanted}, found {images.dtype} of shape {images.shape}")
    note = f"zca, {name.replace('_', ' ')} {strength:g}, fitted on {len(images)} images of {fitted_on!r}"
    fitted = fit_zca(images, **({"epsilon": 0.0} | {name: strength}))
    return EvalTransform(shape, mean, std, fitted, note)


def _stated_whitening(whitening: Mapping[str, Any]) -> tuple[str, float, str]:
    """Name and value of what is added to the variances, and the images it was fitted on; raises InputError."""
    kind = whitening.get("kind")
    name = "trace_fraction" if "trace_fraction" in whitening else "epsilon"
    strength = whitening.get(name)
    if kind != "zca":
        raise InputError(f"whitening.kind: expected 'zca', found {str(kind)[:40]!r}")
    if not isinstance(strength, float | int) or not strength > 0:
        raise InputError(f"whitening.{name}: expected a number greater than 0, found {str(strength)[:40]!r}")
    return name, float(strength), str(whitening.get("fitted_on", _UNNAMED))[:80]
