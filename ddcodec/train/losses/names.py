"""Names of the losses a run can be told to minimise."""

import difflib
import re

from ddcodec.errors import InputError

KNOWN = ("dm", "dc", "ncfm", "tm", "mmd", "d3")
_OUTSIDE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_outside(name: str) -> bool:
    """Whether a name means a class of somebody else's, "package.module:Class"."""
    return ":" in name


def check_loss(option: str, name: str) -> None:
    """Insist on a known loss or the form "package.module:Class", which is not imported here.

    Args: option: what the name was given for, for the message.
    Raises: InputError naming the nearest known loss.
    """
    if name in KNOWN or _OUTSIDE.fullmatch(name):
        return
    if is_outside(name):
        raise InputError(f"{option}: expected package.module:Class, found {name!r}")
    near = difflib.get_close_matches(name.lower(), KNOWN, n=1, cutoff=0.0)
    known = ", ".join(KNOWN)
    raise InputError(f"{option}: unknown loss {name!r}; did you mean {near[0]!r}? Known: {known}, package.module:Class")
