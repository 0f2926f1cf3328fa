"""Dealing with places that are not to be trusted: reading up to a limit, trying again, what to say in the end."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from ddcodec.limits import Limits

PART_BYTES = 1 << 20
PAUSES_S = (0.1, 0.4)
"""Before the second and the third attempt."""

_LONGEST_REASON = 120  # characters

Result = TypeVar("Result")


class Readable(Protocol):
    """An open file or answer."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes, none at the end."""
        ...


def read_up_to(stream: Readable, count: int) -> bytes:
    """`count` bytes, or fewer where the stream ends first."""
    parts, left = [], count
    while left and (part := stream.read(min(left, PART_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def read_all(stream: Readable, limits: Limits) -> bytes:
    """Everything to the end.

    Raises: LimitError as soon as there is more than file_bytes.
    """
    data = read_up_to(stream, limits.file_bytes + 1)
    limits.check("file_bytes", len(data))
    return data


def persistently(attempt: Callable[[], Result], passing: Callable[[Exception], bool]) -> Result:
    """Try up to three times.

    Args:
        attempt: what to do.
        passing: whether a failure may be gone next time; others, and the last one, are raised.
    """
    for pause in PAUSES_S:
        try:
            return attempt()
        except Exception as error:
            if not passing(error):
                raise
        time.sleep(pause)
    return attempt()


def first_line(error: BaseException) -> str:
    """What a foreign failure says, fit for a user's screen; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 3]}..."
