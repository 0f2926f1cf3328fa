"""A second device that is none: tensors remember where they would be, and what would fail on a GPU fails."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

FAR = torch.device("cuda", 0)
_CPU = torch.device("cpu")
_INDEXING = {torch.Tensor.__getitem__, torch.Tensor.__setitem__}
_SYNCHRONISE = {Tensor.__float__, Tensor.__int__, Tensor.__bool__, Tensor.item, Tensor.tolist, Tensor.__index__}


class Misplaced(AssertionError):
    """An operation that a GPU would refuse."""


def tensors_in(values) -> Iterable[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from tensors_in(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from tensors_in(value)


def home(value: Tensor) -> str:
    """far, near, or "" where nobody knows (inside `torch.func`)."""
    return getattr(value, "_home", "")


def marked(values, place: str):
    for value in tensors_in(values):
        value._home = place
    return values


class Pretend(TorchFunctionMode):
    """Makes `FAR` a device; everything is computed on the CPU. waits: times that the host asked for a far value."""

    def __init__(self):
        super().__init__()
        self.waits = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        given = list(tensors_in([args, kwargs]))
        if func == Tensor.device.__get__:
            return FAR if home(args[0]) == "far" else _CPU
        if func == Tensor.data.__set__:
            func(*args)
            args[0]._home = home(args[1])
            return None
        if func in (Tensor.to, Tensor.cpu):
            return self.moved(func, args, kwargs)
        if func is Tensor.numpy and home(args[0]) == "far":
            raise Misplaced("numpy of a far tensor")
        if func in _SYNCHRONISE:
            self.waits += home(args[0]) == "far"
            return func(*args, **kwargs)
        wanted = kwargs.get("device")
        if wanted is not None:
            kwargs["device"] = _CPU
            return marked(func(*args, **kwargs), "far" if torch.device(wanted).type == "cuda" else "near")
        if func is torch.autograd.grad:
            found = func(*args, **kwargs)
            for slope, leaf in zip(found, tensors_in(args[1]), strict=True):
                marked(slope, home(leaf))
            return found
        self.check(func, args, given)
        found = func(*args, **kwargs)
        places = {home(value) for value in given}
        place = "far" if "far" in places else "" if "" in places else "near"
        return marked(found, place) if isinstance(found, Tensor | tuple | list) else found

    def check(self, func, args, given):
        places = {home(value) for value in given if value.ndim}
        if {"far", "near"} <= places and not (func in _INDEXING and home(args[0]) == "far"):
            raise Misplaced(f"{getattr(func, '__name__', func)} of tensors on two devices")

    def moved(self, func, args, kwargs):
        source, *rest = args
        target = "near" if func is Tensor.cpu else home(source)
        for place, value in enumerate(rest):
            if isinstance(value, str | torch.device):
                target, rest[place] = ("far" if torch.device(value).type == "cuda" else "near"), _CPU
            elif isinstance(value, Tensor):
                target = home(value)
        if kwargs.get("device") is not None:
            target = "far" if torch.device(kwargs["device"]).type == "cuda" else "near"
            kwargs["device"] = _CPU
        self.waits += target == "near" and home(source) == "far"
        found = func(source, *rest, **kwargs)
        return marked(found.clone() if found is source and target != home(source) else found, target)
