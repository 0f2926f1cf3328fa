"""How projects train on their sets, by name: what `eval` then follows."""

import difflib
from collections.abc import Mapping
from typing import Any

from ddcodec.errors import InputError

_DSA = "color_crop_cutout_flip_scale_rotate"
# One evaluation script has served these projects since 2021; they differ in epochs and augmentation, and MTT brings
# its own learning rate.
_COMMON: dict[str, Any] = {
    "network": "convnet",
    "width": 128,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "batch_size": 256,
}
PROTOCOLS: dict[str, Mapping[str, Any]] = {
    "dc": _COMMON | {"epochs": 300, "augmentation": "none"},
    "dsa": _COMMON | {"epochs": 1000, "augmentation": _DSA},
    "dm": _COMMON | {"epochs": 1000, "augmentation": _DSA},
    "mtt": _COMMON | {"epochs": 1000, "augmentation": _DSA},
}


def find_protocol(name: str) -> dict[str, Any]:
    """The recipe under a name of `PROTOCOLS`; the depth of the network follows from the images' size.

    Raises: InputError that lists the names.
    """
    if name in PROTOCOLS:
        return dict(PROTOCOLS[name])
    near = difflib.get_close_matches(name, PROTOCOLS, n=1, cutoff=0.4)
    hint = f"; nearest: {near[0]}" if near else ""
    raise InputError(f"no protocol is called {name!r}; expected one of {', '.join(PROTOCOLS)}{hint}")
