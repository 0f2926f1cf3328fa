"""Which sub-task comes next: few changes of sub-task in a slot, and yet no slot idle at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def next_task(
    waiting: Sequence[int], left: Mapping[int, float], slots: int, slice_share: float, current: int | None = None
) -> int:
    """Choose what a free slot shall do.

    All could be over after T = max(the longest, all work / slots). A slot goes on with what it has, as a change costs
    time, unless another sub-task would come too late for T if it had to wait for one more slice: then the longest
    goes first (McNaughton's rule, cut into slices).

    Args:
        waiting: numbers of sub-tasks that do not run, one or more.
        left: work left of every unfinished one, those that run, too; any unit.
        slots: how many run at once; slice_share: work of a slice, in that unit; current: what the slot ran last.
    """
    longest = max(waiting, key=lambda number: (left[number], -number))
    if current not in waiting or current is None:
        return longest
    rest = max(max(left.values()), sum(left.values()) / slots)
    is_late = left[longest] + min(slice_share, left[current]) > rest * (1 + 1e-9)
    return longest if is_late and left[longest] > left[current] + slice_share / 2 else current
