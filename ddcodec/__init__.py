"""A codec for distilled image data sets; reading needs numpy, msgpack and constriction, but never torch."""

from typing import TYPE_CHECKING, Any

from ddcodec.errors import DdzError

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet
    from ddcodec.pipeline import load
    from ddcodec.views.torch_dataset import TorchDataset

__version__ = "0.1.0"
__all__ = ["DdzError", "DistilledSet", "TorchDataset", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import the rest on first use, so that `import ddcodec` costs next to nothing."""
    if name == "load":
        from ddcodec.pipeline import load

        return load
    if name == "DistilledSet":
        from ddcodec.dataset import DistilledSet

        return DistilledSet
    if name == "TorchDataset":
        from ddcodec.views.torch_dataset import TorchDataset

        return TorchDataset
    raise AttributeError(f"module 'ddcodec' has no attribute {name!r}")
