"""How much a reader grants to one file (spec section 11)."""

from dataclasses import dataclass

from ddcodec.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Absolute ceilings; a file beyond one is refused before memory is allocated.

    Fields: latents (of the set), pixels (pixels x channels of the set), images (of the set), groups,
    weights (of all groups), soft_labels (numbers of the set, or of a block of rows), label_rows (rows of soft
    labels), view_rows (records of views), file_bytes. Raise one with `dataclasses.replace` or `Limits(images=...)`.
    """

    latents: int = 2**26
    pixels: int = 2**28
    images: int = 2**22
    groups: int = 10_000
    weights: int = 2**24
    soft_labels: int = 2**26
    label_rows: int = 2**24
    view_rows: int = 2**24
    file_bytes: int = 2**30

    def check(self, name: str, value: int) -> None:
        """Hold one count against its limit.

        Args:
            name: a field of this class.
            value: what the file asks for.
        Raises: LimitError when `value` is greater than the limit; AttributeError for an unknown name.
        """
        allowed: int = getattr(self, name)
        if value > allowed:
            raise LimitError(
                f"the file has {value:,} {name}, the limit is {allowed:,}",
                limit=name,
                allowed=allowed,
                found=value,
            )
