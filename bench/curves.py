"""Curves: figures over a growing number of things, and their drawing as SVG with two logarithmic axes.

Drawn by hand: a plotting library would bring a dozen packages for one kind of plot, and files that differ
from run to run in more than their figures.
"""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 560, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 34, 76
# Told apart by people who see red and green alike, too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")


@dataclass(slots=True)
class Curve:
    """`lines` has for each label one value for each of `x`. `name` is its file's."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: list[int]
    lines: dict[str, list[float]] = field(default_factory=dict)

    def add(self, label: str, value: float) -> None:
        self.lines.setdefault(label, []).append(value)


class _Axis:
    """From values to places, on a logarithmic scale."""

    def __init__(self, values: list[float], begin: float, end: float) -> None:
        positive = [value for value in values if value > 0] or [1.0]
        self._low = math.log10(min(positive))
        self._high = math.log10(max(positive))
        if self._high - self._low < 1:
            # Less than a power of ten would make noise look like a slope.
            middle = (self._high + self._low) / 2
            self._low, self._high = middle - 0.5, middle + 0.5
        margin = (self._high - self._low) * 0.04
        self._low -= margin
        self._high += margin
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        share = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[float]:
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        steps = (1, 2, 5) if self._high - self._low < 2.2 else (1,)
        found = [step * 10.0**power for power in powers for step in steps]
        return [one for one in found if self._low <= math.log10(one) <= self._high]


def svg(curve: Curve) -> str:
    """The drawing. The same curve gives the same bytes."""
    values = [value for line in curve.lines.values() for value in line]
    across = _Axis([float(one) for one in curve.x], _LEFT, WIDTH - _RIGHT)
    up = _Axis(values, HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 18, curve.title, "middle", "14"),
        _text(WIDTH / 2, HEIGHT - 42, curve.x_label, "middle"),
        f'<text transform="translate(14 {(HEIGHT - _BOTTOM + _TOP) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(curve.y_label)}</text>',
    ]
    bottom = HEIGHT - _BOTTOM
    for tick in across.ticks():
        x = across.at(tick)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, _short(tick), "middle"))
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, _short(tick), "end"))
    for place, (label, line) in enumerate(curve.lines.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        points = [(across.at(x), up.at(y)) for x, y in zip(curve.x, line, strict=True)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        left = _LEFT + place * (WIDTH - _LEFT - _RIGHT) / max(len(curve.lines), 1)
        parts.append(f'<path d="M{left:.0f} {HEIGHT - 18}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(left + 23, HEIGHT - 14, label, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, said: str, anchor: str, size: str = "12") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(said)}</text>'


def _short(value: float) -> str:
    """1000 -> 1k."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
