"""Sorted lists of keys: unions and intersections, read a block at a time from any key on.

What a list is asked for is a page: a hundred keys out of a hundred thousand. So nothing here looks at more
keys than it has to: a block of the shortest group is held against the same stretch of the others, and
where these have nothing there, all are left behind up to what they have next.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

Keys = list[str]
Group = Sequence[Keys]
"""Lists of which any will do."""
Stretch = tuple[Keys, int, int]
"""A part of a list: from, to."""

_FIRST, _LARGEST = 128, 4096
"""Keys of a block: it grows, so that a short page is cheap and a long search is, too."""


def add(keys: Keys, key: str) -> None:
    """Put the key in its place, once."""
    if not keys or keys[-1] < key:
        keys.append(key)
    elif keys[bisect_left(keys, key)] != key:
        insort(keys, key)


def discard(keys: Keys, key: str) -> None:
    """Take the key out, where it is there."""
    at = bisect_left(keys, key)
    if at < len(keys) and keys[at] == key:
        del keys[at]


def between(lists: Group, block: Keys) -> set[str]:
    """The keys of any of the lists from the first key of the block to its last."""
    low, high = block[0], block[-1]
    return _all([(keys, bisect_left(keys, low), bisect_right(keys, high)) for keys in lists])


def blocks(groups: Sequence[Group], after: str, first: int = _FIRST) -> Iterator[Keys]:
    """The keys after `after` that are in a list of each group, in order, `first` or so at first. The lists
    must not change meanwhile."""
    driver, *others = sorted(groups, key=lambda group: sum(map(len, group)))
    size = first
    starts = [bisect_right(keys, after) for keys in driver] if after else [0] * len(driver)
    while True:
        block = _union([keys[at : at + size] for keys, at in zip(driver, starts, strict=True)])
        # Of each list the first `size` are in it: up to there nothing is missing.
        del block[size:]
        if not block:
            return
        common, following = _common(block, others)
        if common:
            yield common
        if following is None:
            starts = [bisect_right(keys, block[-1], lo=at) for keys, at in zip(driver, starts, strict=True)]
        elif following:
            starts = [bisect_left(keys, following, lo=at) for keys, at in zip(driver, starts, strict=True)]
        else:
            return
        size = min(size * 2, max(_LARGEST, first))


def _common(block: Keys, groups: Sequence[Group]) -> tuple[Keys, str | None]:
    """What of the block is in each group too. Where a group has nothing of it: the key that the group has
    next, "" where it has none; else None."""
    low, high = block[0], block[-1]
    common = block
    for group in groups:
        stretches = [(keys, bisect_left(keys, low), bisect_right(keys, high)) for keys in group]
        total = sum(end - start for _, start, end in stretches)
        if not total:
            return [], min((keys[end] for keys, _, end in stretches if end < len(keys)), default="")
        # To look each up is less than to go through a stretch that is much longer.
        members = _look_up(common, stretches) if total > 8 * len(common) else _all(stretches)
        common = [key for key in common if key in members]
    return common, None


def _all(stretches: Sequence[Stretch]) -> set[str]:
    return set().union(*(keys[start:end] for keys, start, end in stretches))


def _look_up(wanted: Keys, stretches: Sequence[Stretch]) -> set[str]:
    held: set[str] = set()
    for keys, at, end in stretches:
        for key in wanted:
            at = bisect_left(keys, key, at, end)
            if at == end:
                break
            if keys[at] == key:
                held.add(key)
    return held


def _union(slices: Sequence[Keys]) -> Keys:
    return slices[0] if len(slices) == 1 else sorted(set().union(*slices))
