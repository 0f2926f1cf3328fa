"""Keep freed memory: glibc's defaults hand every large tensor back to the kernel, only to ask again."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Raise malloc's thresholds; about twice the speed for training on a CPU. False where not possible."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 1 << 28))
    # before 2.35, glibc refuses more than 32 MiB
    known = mallopt(_MMAP_THRESHOLD, 1 << 30) == 1 or mallopt(_MMAP_THRESHOLD, 1 << 25) == 1
    return known and all(mallopt(name, value) == 1 for name, value in settings)
