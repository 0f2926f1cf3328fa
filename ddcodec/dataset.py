"""A distilled set in memory: pixel integers, labels, and how training expects them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ddcodec.label_views import LabelViews
from ddcodec.limits import Limits
from ddcodec.priors import Priors
from ddcodec.set_checks import MAX_PEAK, as_int16, as_order, check_soft, require
from ddcodec.soft_labels import SOFT_KINDS as SOFT_KINDS
from ddcodec.soft_labels import SoftLabels as SoftLabels

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from torch import device as Device

    from ddcodec.views.preprocessing import EvalTransform

_MAX_CLASSES = 10_000


@dataclass(frozen=True, eq=False)
class DistilledSet:
    """N images of C classes; build one with `make_set`, which checks what is given.

    Fields:
        pixels: (N, channels, height, width) int16, sorted by class; `peak` stands for 1.0.
        class_counts: images of each class, C integers with sum N.
        order: (N,) int64, class of each sample in the original order; None where that is the sorted order.
        classes: C names, or None.
        mean, std: one float per channel, in units of 1.0 = peak, or None.
        recipe, provenance, extra: metadata (spec section 9).
        soft: soft labels of the samples, or None.
        label_views: soft labels of many views of each sample, decoded when they are asked for, or None.
        whitening: how the images were whitened, {} where they were not (spec section 9): test images need it too.
        priors: what further images are drawn from; the pixels are the images of their means then. None without.
    """

    pixels: NDArray[np.int16]
    peak: int
    class_counts: tuple[int, ...]
    order: NDArray[np.int64] | None = None
    classes: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    soft: SoftLabels | None = None
    whitening: Mapping[str, Any] = field(default_factory=dict)
    label_views: LabelViews | None = None
    priors: Priors | None = None

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.class_counts)

    @property
    def names(self) -> tuple[str, ...]:
        """C names; numbers as texts where the classes have none."""
        return self.classes or tuple(str(number) for number in range(self.class_count))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, class of each sample in the original order."""
        return sample_labels(self.order, self.class_counts)

    @property
    def images(self) -> NDArray[np.float32]:
        """(N, channels, height, width) float32 in the original order, 1.0 = peak; computed on each call.

        The division is rounded correctly, so every machine gives the same floats.
        """
        images = np.empty(self.pixels.shape, dtype=np.float32)
        # image k of class c is the k-th sample of class c in the original order
        places = slice(None) if self.order is None else np.argsort(self.order, kind="stable")
        images[places] = self.pixels
        images /= np.float32(self.peak)
        return images

    @property
    def normalize(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """(mean, std), a float per channel each, as torchvision's Normalize takes them; None if none is stated.

        Where recipe["zca"] is greater than 0, `eval_transform` takes their place.
        """
        if self.mean is None and self.std is None:
            return None
        channels = self.pixels.shape[1]
        return self.mean or (0.0,) * channels, self.std or (1.0,) * channels

    def normalised(self) -> NDArray[np.float32]:
        """(images - mean) / std, float32; a missing mean counts as 0, a missing std as 1. Nothing is whitened."""
        images = self.images
        for values, apply in ((self.mean, np.subtract), (self.std, np.divide)):
            if values is not None:
                apply(images, np.array(values, dtype=np.float32)[:, None, None], out=images)
        return images

    def torch(self) -> "tuple[Tensor, Tensor]":
        """Images (N, channels, height, width) float32 and labels (N,) int64 as torch tensors; raises as `tensors`."""
        return self.tensors()

    def tensors(self, device: "str | Device | None" = None) -> "tuple[Tensor, Tensor]":
        """As `torch`, on a device ("cpu", "cuda:1", "mps"); None is the CPU.

        Raises: DdzError when torch is not installed; InputError when it cannot use the device.
        """
        from ddcodec.views.torch_dataset import to_tensors

        images, labels = to_tensors((self.images, self.labels), device)
        return images, labels

    def view_batches(
        self, epoch: int, batch_size: int, seed: int = 0, *, device: "str | Device | None" = None
    ) -> "Iterator[tuple[Tensor, Tensor]]":
        """Batches of an epoch of the views that soft labels were given to, which the file's rule of re-use chooses.

        Returns: images (n, channels, height, width) float32 in [0, 1] units, not normalised, and probabilities (n, C)
            float32 at the temperature that the file states, else 1; a student's outputs are to be divided by it, too.
        Raises: DdzError when torch is not installed; InputError where the views cannot be drawn, or as `tensors`.
        """
        from ddcodec.views.torch_dataset import view_batches

        return view_batches(self, epoch, batch_size, seed, device)

    def eval_transform(self, *, train_images: ArrayLike | None = None) -> "EvalTransform":
        """What images must go through before a network sees them: scaling, (x - mean) / std, or whitening.

        It is for test images, and for the set's own, but for those of a set with `whitening`: they went through it
        already. A recipe with `zca` whitens both, in place of mean and std.

        Args:
            train_images: (M, channels, height, width) floats in [0, 1] or uint8, not normalised: the images that
                the whitening was fitted on, as it is not in the file. Not used where nothing is whitened.
        Raises: InputError where something is whitened and they are missing, or by a whitening that is not known.
        """
        from ddcodec.views.preprocessing import eval_transform_of

        return eval_transform_of(self, train_images)

    def expanded(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32] | None]:
        """Images, labels, and soft labels or None, as a network sees them: mosaics cut and enlarged.

        Where recipe["factor"] is f, each image is a mosaic of f x f, and becomes f * f images of the full size
        with its label, one after the other.

        Returns: (N * f * f, channels, height, width) float32, (N * f * f,) int64, (N * f * f, C) float32 or None.
        Raises: InputError for a factor that is no integer from 1 up to the shorter side.
        """
        from ddcodec.views.mosaic import cut_and_enlarge, factor_of

        factor = factor_of(self.recipe, *self.pixels.shape[2:])
        soft = None if self.soft is None else self.soft.floats.repeat(factor**2, axis=0)
        return cut_and_enlarge(self.images, factor), self.labels.repeat(factor**2), soft

    def sampled(self, per_class: int, seed: int = 0, limits: Limits | None = None) -> "DistilledSet":
        """A set of images drawn from the priors, `per_class` of every class that has any, sorted by class.

        Each carries the soft labels of its prior; labels of views are left out, metadata is kept.

        Raises: InputError without priors, and as `Priors.samples`; LimitError.
        """
        require(self.priors is not None, "the set has no priors to draw samples from")
        assert self.priors is not None
        pixels, chosen = self.priors.samples(per_class, seed, limits)
        soft = self.soft
        if soft is not None:
            sample_of_image = np.argsort(self.labels, kind="stable")
            soft = replace(soft, values=soft.values[sample_of_image[chosen]])
        counts = tuple(per_class if count else 0 for count in self.class_counts)
        drawn = replace(self, pixels=pixels, class_counts=counts, soft=soft)
        return replace(drawn, order=None, label_views=None, priors=None)

    def to_hf(self) -> "Dataset":
        """A Hugging Face dataset with columns image (PNG), label (ClassLabel) and, with soft labels, soft.

        Values are clamped to 0..1 and rounded to 8 bits; `info.description` holds recipe, mean, std as JSON.

        Raises: DdzError without the library `datasets`; InputError for whitened images, for more than 4 channels,
            or when two classes have one name.
        """
        from ddcodec.views.hf import to_hf

        return to_hf(self)

    def content_hash(self) -> bytes:
        """SHA-256 of the decoded integers and labels, 32 bytes (spec section 9)."""
        from ddcodec.views.content_hash import content_hash

        return content_hash(self)


def sample_labels(order: NDArray[np.int64] | None, class_counts: Sequence[int]) -> NDArray[np.int64]:
    """(N,) int64, class of each sample in the original order; without one (None), sorted by class. A copy."""
    if order is not None:
        return order.copy()
    return np.repeat(np.arange(len(class_counts), dtype=np.int64), class_counts)


def make_set(
    pixels: ArrayLike,
    peak: int,
    class_counts: Sequence[int],
    *,
    order: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    recipe: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    soft: SoftLabels | None = None,
    whitening: Mapping[str, Any] | None = None,
    label_views: LabelViews | None = None,
    priors: Priors | None = None,
) -> DistilledSet:
    """Check the parts of a set and put them together.

    Args: as the fields of `DistilledSet`; pixels of any integer type; an order that is sorted becomes None.
    Raises: InputError naming the part that is wrong.
    """
    counts = tuple(int(count) for count in class_counts)
    require(1 <= len(counts) <= _MAX_CLASSES, f"class_counts: {len(counts)} classes, 1..{_MAX_CLASSES} allowed")
    require(min(counts) >= 0, "class_counts: a count is negative")
    require(1 <= peak <= MAX_PEAK, f"peak: {peak} is not in 1..{MAX_PEAK}")
    stored = as_int16(pixels)
    require(stored.ndim == 4, f"pixels: shape {stored.shape} is not (N, channels, height, width)")
    require(min(stored.shape[1:]) >= 1, f"pixels: shape {stored.shape} has an empty axis")
    require(sum(counts) == len(stored), f"class_counts: sum {sum(counts)} for {len(stored)} images")
    channels = stored.shape[1]
    for name, values in (("mean", mean), ("std", std)):
        if values is not None:
            require(len(values) == channels, f"{name}: {len(values)} numbers for {channels} channels")
            require(bool(np.isfinite(values).all()), f"{name}: a number is not finite")
    require(std is None or min(std) > 0, "std: a number is not greater than 0")
    if soft is not None:
        check_soft(soft, len(stored), len(counts))
    if label_views is not None:
        found = (label_views.samples, label_views.classes)
        require(found == (len(stored), len(counts)), f"label_views: of {found[0]} samples and {found[1]} classes")
    require(priors is None or priors.class_counts == counts, "priors: not those of the images")
    require(classes is None or len(classes) == len(counts), f"classes: not {len(counts)} names")
    return DistilledSet(
        stored,
        int(peak),
        counts,
        order=None if order is None else as_order(order, counts),
        classes=None if classes is None else tuple(classes),
        mean=None if mean is None else tuple(float(value) for value in mean),
        std=None if std is None else tuple(float(value) for value in std),
        recipe=dict(recipe or {}),
        provenance=dict(provenance or {}),
        extra=dict(extra or {}),
        soft=soft,
        whitening=dict(whitening or {}),
        label_views=label_views,
        priors=priors,
    )
