"""A codec for distilled image data sets; reading needs numpy, msgpack and constriction, but never torch."""

from typing import TYPE_CHECKING, Any

from ddcodec.errors import DdzError

if TYPE_CHECKING:
    from ddcodec.dataset import DistilledSet
    from ddcodec.label_views import LabelViews
    from ddcodec.pipeline import load, load_labels
    from ddcodec.priors import Priors
    from ddcodec.views.torch_dataset import TorchDataset

__version__ = "0.1.0"
__all__ = ["DdzError", "DistilledSet", "LabelViews", "Priors", "TorchDataset", "__version__", "load", "load_labels"]


def __getattr__(name: str) -> Any:
    """Import the rest on first use, so that `import ddcodec` costs next to nothing."""
    if name in ("load", "load_labels"):
        from ddcodec import pipeline

        return getattr(pipeline, name)
    if name == "LabelViews":
        from ddcodec.label_views import LabelViews

        return LabelViews
    if name == "Priors":
        from ddcodec.priors import Priors

        return Priors
    if name == "DistilledSet":
        from ddcodec.dataset import DistilledSet

        return DistilledSet
    if name == "TorchDataset":
        from ddcodec.views.torch_dataset import TorchDataset

        return TorchDataset
    raise AttributeError(f"module 'ddcodec' has no attribute {name!r}")
