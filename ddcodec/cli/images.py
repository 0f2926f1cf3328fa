"""Real images that an option names."""

from typing import TYPE_CHECKING

from ddcodec.cli.failure import about

if TYPE_CHECKING:
    from ddcodec.sources.labelled import LabelledImages


def load_images(spec: str, split: str) -> "LabelledImages":
    """Load them; what is wrong concerns their path. split: taken where the text names none."""
    from ddcodec.sources.spec import load_spec, subject_of

    with about(subject_of(spec)):
        return load_spec(spec, split)
