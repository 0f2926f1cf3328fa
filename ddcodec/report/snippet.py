"""Python and shell lines that train on a file. What comes from the file enters them as literals only."""

import shlex
from collections.abc import Mapping
from typing import Any

from ddcodec.report.facts import FileFacts
from ddcodec.report.text import plain
from ddcodec.views.generator import ViewGenerator

_SAMPLES = 50  # of each class that has priors
_DEFAULTS: dict[str, Any] = {
    "epochs": 300,
    "batch_size": 256,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0005,
}


def stated(recipe: Mapping[str, Any]) -> dict[str, int | float]:
    """Numbers of the recipe that training needs, ours where the file states none."""
    found = {name: recipe.get(name) for name in _DEFAULTS}
    return {name: v if type(v) in (int, float) else _DEFAULTS[name] for name, v in found.items()}  # type: ignore[misc]


def python_lines(facts: FileFacts) -> str:
    """A training loop as its recipe states it; only the model is the reader's."""
    recipe, views = facts.dataset.recipe, trains_on_views(facts)
    numbers = stated(recipe)
    lines = ["import ddcodec", "import torch", "from torch.nn import functional as F"]
    lines += [] if views else ["from torch.utils.data import DataLoader, TensorDataset"]
    lines += ["", f"s = ddcodec.load({facts.name!r})", *([] if views else _loaded(facts)), *_prepared(facts, views), ""]
    if views:
        lines.append(f"T = {_temperature(facts)!r}  # temperature of the labels")
    else:
        lines.append(f"loader = DataLoader(TensorDataset(x, y), batch_size={numbers['batch_size']!r}, shuffle=True)")
    rest = {name: plain(recipe[name], 40) for name in ("network", "width", "depth") if name in recipe}
    network = ", ".join(f"{name} {text}" for name, text in rest.items())
    lines += [
        f"model = ...  # {network or 'the file names no network'}",
        "optimiser = torch.optim.SGD(",
        f"    model.parameters(), lr={numbers['learning_rate']!r}, momentum={numbers['momentum']!r},"
        f" weight_decay={numbers['weight_decay']!r}",
        ")",
        f"epochs = {numbers['epochs']!r}",
        "schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [epochs // 2 + 1])",
        "for epoch in range(epochs):",
        *_step(facts, views),
        "    schedule.step()",
    ]
    return "\n".join(lines)


def trains_on_views(facts: FileFacts) -> bool:
    """Whether the set has soft labels of views that can be drawn; see `ViewEpochs` for what that takes."""
    views = facts.dataset.label_views
    if views is None or views.made is None or _whitens(facts):
        return False
    return bool(views.head.views) or (views.sample_of_row is not None and not isinstance(views.made, ViewGenerator))


def _temperature(facts: FileFacts) -> float:
    views = facts.dataset.label_views
    return 1.0 if views is None else views.head.temperature or 1.0


def _step(facts: FileFacts, views: bool) -> list[str]:
    """Batches of an epoch, and what is done with each."""
    dataset, recipe = facts.dataset, facts.dataset.recipe
    if views:
        inputs = "(images - mean) / std" if dataset.normalize is not None else "images"
        batches = f"s.view_batches(epoch, {stated(recipe)['batch_size']!r}):  # the views that were labelled"
        loss = f"        (T * T * F.cross_entropy(model({inputs}) / T, targets)).backward()"
    else:
        words = f"  # augmentation: {plain(recipe['augmentation'], 40)}" if "augmentation" in recipe else ""
        batches = f"loader:{words}"
        name = "mse_loss" if dataset.soft is not None and dataset.soft.kind == "scores" else "cross_entropy"
        loss = f"        F.{name}(model(images), targets).backward()"
    zero = "        optimiser.zero_grad()"
    return [f"    for images, targets in {batches}", zero, loss, "        optimiser.step()"]


def _loaded(facts: FileFacts) -> list[str]:
    """Images and targets as tensors, mosaics cut."""
    dataset, drawn = facts.dataset, list[str]()
    count, *shape = dataset.pixels.shape
    factor, soft = dataset.recipe.get("factor"), dataset.soft
    if dataset.priors is not None:
        drawn.append(
            f"s = s.sampled({_SAMPLES}, seed=0)  # images drawn from its priors; other seeds give other images"
        )
        count = _SAMPLES * sum(number > 0 for number in dataset.class_counts)
    if type(factor) is int and factor > 1:
        lines = [f"x, y, soft = s.expanded()  # mosaics cut into {factor} x {factor} tiles, enlarged"]
        lines.append("x, y = torch.from_numpy(x), torch.from_numpy(y)")
    else:
        lines = [f"x, y = s.torch()  # float32 {(count, *shape)}, int64 ({count},)"]
        lines += [] if soft is None else ["soft = s.soft.floats"]
    if soft is not None:
        probable = ".softmax(1)" if soft.kind == "logits" else ""
        lines.append(f"y = torch.from_numpy(soft){probable}  # the file has {soft.kind}")
    return drawn + lines


def _prepared(facts: FileFacts, views: bool) -> list[str]:
    """Normalisation, or why there is none; that of views comes where they are used."""
    dataset, lines = facts.dataset, []
    if _whitens(facts):
        lines += [
            "t = s.eval_transform(train_images=...)  # ZCA, fitted on the real training images",
            "x = t(x)  # test images, too",
        ]
    elif dataset.normalize is not None:
        lines += [
            "mean, std = (torch.tensor(part).view(1, -1, 1, 1) for part in s.normalize)"
            + ("  # test images: s.eval_transform()" if views else ""),
            *([] if views else ["x = (x - mean) / std  # test images: s.eval_transform()"]),
        ]
    elif dataset.whitening:
        lines.append(f"# {'images are' if views else 'x is'} whitened; test images: s.eval_transform(train_images=...)")
    else:
        lines.append("# the file states no normalisation")
    return lines


def _whitens(facts: FileFacts) -> bool:
    """Whether the recipe whitens pictures."""
    zca = facts.dataset.recipe.get("zca")
    return isinstance(zca, float | int) and zca > 0 and not facts.dataset.whitening


def shell_lines(facts: FileFacts) -> str:
    """The same in one command."""
    whitening = " --zca-from npz:train.npz" if facts.dataset.whitening or _whitens(facts) else ""
    return f"ddcodec eval {shlex.quote(plain(facts.name))} --test npz:test.npz{whitening}"
