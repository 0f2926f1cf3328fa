"""What a report is made from; whoever asks for one gathers it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ddcodec.dataset import DistilledSet


@dataclass(frozen=True)
class SizeRow:
    """One section: bits training believed in (None: none), bits of the integer model, bytes in the file."""

    section: str
    training_bits: float | None
    ideal_bits: float
    actual_bytes: int


@dataclass(frozen=True)
class Sizes:
    """Estimates of a run against its file.

    Fields: run, name of the run; rows, one per section; training_bytes, ideal_bytes, allowed_bytes, of the whole
    file; training_error, training's estimate over the file's size, minus 1; problems, one line each.
    """

    run: str
    rows: tuple[SizeRow, ...]
    training_bytes: float
    ideal_bytes: float
    allowed_bytes: float
    training_error: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class PriorRow:
    """Priors that share a decoder: their number, dimensions, and bytes; its weights, and bytes."""

    priors: int
    dimensions: int
    latent_bytes: int
    decoder_weights: int
    decoder_bytes: int


@dataclass(frozen=True, eq=False)
class FileFacts:
    """One file.

    Fields:
        name: what to call it; dataset: its decoded content.
        file_bytes, overhead_bytes (all before the first payload), section_bytes (payload by kind, file order).
        class_bytes: size of each class's stream, C integers; empty where the file has no such streams.
        group_of_class: number of the networks each class uses, C integers.
        version: of the format; file_sha256, content_hash: hex digits; hash_stored: whether the file has the latter.
        shown: for each channel the pixel values that are drawn black and white; stretched: whether they were
            chosen by the content instead of 0 and peak.
        sizes: how the file agrees with its run, None without one.
        priors: a row for each group of priors.
    """

    name: str
    dataset: DistilledSet
    file_bytes: int
    overhead_bytes: int
    section_bytes: Mapping[str, int]
    class_bytes: tuple[int, ...]
    group_of_class: tuple[int, ...]
    version: str
    file_sha256: str
    content_hash: str
    hash_stored: bool
    shown: tuple[tuple[float, float], ...]
    stretched: bool = False
    sizes: Sizes | None = None
    priors: tuple[PriorRow, ...] = ()

    @property
    def bytes_per_class(self) -> float:
        """Size of the file over the number of classes."""
        return self.file_bytes / self.dataset.class_count

    @property
    def accuracy(self) -> float | None:
        """Accuracy the recipe states, a fraction; None without one, or where it is none of 0..1."""
        stated = self.dataset.recipe.get("accuracy")
        return stated if isinstance(stated, float) and 0 <= stated <= 1 else None
