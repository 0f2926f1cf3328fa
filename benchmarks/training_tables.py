"""Tables on training: a step of distribution matching, and what each loss does in a short run."""

from __future__ import annotations

from benchmarks.rows import RESULTS, latest


def _lines(caption: list[str], head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    """A caption and a table."""
    first, *rest = ("| " + " | ".join(cells) + " |" for cells in (list(head), *rows))
    return [*caption, "", first, "|---" * len(head) + "|", *rest]


def dm_step() -> list[str]:
    """Seconds and memory of a step."""
    found = latest(RESULTS / "dm_step.tsv", "device", "variant")
    if not found:
        return []
    first = found[0]
    names = {"plain": "plain reference", "random": "ours, the same work", "pool": "ours, real statistics taken once"}
    rows = []
    for row in found:
        kind, precision = row["variant"].split()
        rows.append([f"{names[kind]}, {precision}", row["step_cpu_s"], row["peak_mib"], row["times_as_fast"]])
    caption = [
        f"**A step of distribution matching**, width {first['width']}, {first['images_per_class']} synthetic and"
        f" {first['real_per_class']} real images a class, {first['device']}; the variants took",
        "turns in one run (CPU seconds, since the machine was busy). Preparing the pool is not in it.",
    ]
    return _lines(caption, ("step", "CPU s", "peak MiB", "times as fast"), rows)


def losses() -> list[str]:
    """Accuracy after a short run of each loss."""
    found = latest(RESULTS / "losses.tsv", "loss", "kib_per_class", "images_per_class")
    if not found:
        return []
    first = found[0]
    rows = [
        [
            "real images" if row["loss"] == "start" else row["loss"],
            row["joint_steps"],
            f"{int(row['file_bytes']):,}",
            f"{float(row['accuracy_percent']):.1f}",
        ]
        for row in found
    ]
    caption = [
        f"**Losses**, untuned, minutes each: {first['kib_per_class']} KiB and {first['images_per_class']} images a"
        f" class, {int(first['real_images']):,} real images,",
        "networks of width 32, one seed; only whether each improves on its start is meant to be seen.",
    ]
    return _lines(caption, ("loss", "steps", "file bytes", "accuracy %"), rows)
