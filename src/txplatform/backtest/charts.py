"""Bar charts as inline SVG: what is newly declined against what is newly approved.

Colours are the page's CSS variables, so that one drawing does in light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE, NARROW = 1000, 470
"""Of a chart over the whole page, and of one of two side by side: letters keep their size."""
_ROW, _BAR = 40, 14
_SIDE = 64  # room for a number beside a bar
_HEIGHT, _FOOT, _HEAD = 220, 34, 18
_MOST_LABELS = 14
_LETTER = 7  # about as wide as one is


@dataclass(frozen=True, slots=True)
class Bar:
    """One name with its two numbers."""

    name: str
    declined: int
    approved: int


def rows(bars: Sequence[Bar], label: str, width: int) -> str:
    """One bar under the other: declined to the left of the middle, approved to the right.

    Where nothing goes one way, the other has all the room.
    """
    most_declined = max(bar.declined for bar in bars)
    most_approved = max(bar.approved for bar in bars)
    room = width - _SIDE * (bool(most_declined) + bool(most_approved))
    unit = room / max(most_declined + most_approved, 1)
    middle = (_SIDE if most_declined else 0) + most_declined * unit
    if not most_approved:  # alone it grows from the left, as people read
        middle = 0.0
    parts = []
    for nth, bar in enumerate(bars):
        top = nth * _ROW
        parts.append(
            f"<g><title>{escape(bar.name)}: {bar.declined:,} newly declined, "
            f"{bar.approved:,} newly approved</title>"
            f'<text x="0" y="{top + 15}">{escape(_short(bar.name, width // _LETTER))}</text>'
        )
        y = top + 21
        if bar.declined:
            wide = max(bar.declined * unit, 1)
            left = middle - wide if most_approved else 0.0
            number = (left - 5, "end") if most_approved else (wide + 5, "start")
            parts.append(_rectangle("declined", left, y, wide, _BAR))
            parts.append(_number(number[0], y + 11, number[1], bar.declined))
        if bar.approved:
            wide = max(bar.approved * unit, 1)
            parts.append(_rectangle("approved", middle, y, wide, _BAR))
            parts.append(_number(middle + wide + 5, y + 11, "start", bar.approved))
        parts.append("</g>")
    height = len(bars) * _ROW + 4
    if most_declined and most_approved:
        parts.append(
            f'<line class="axis" x1="{middle:.1f}" y1="18" x2="{middle:.1f}" y2="{height}"/>'
        )
    return _svg(label, (width, height), parts)


def columns(bars: Sequence[Bar], label: str, width: int) -> str:
    """One bar beside the other, for times: approved upwards, declined downwards."""
    most_declined = max(bar.declined for bar in bars)
    most_approved = max(bar.approved for bar in bars)
    unit = (_HEIGHT - 2 * _HEAD) / max(most_declined + most_approved, 1)
    middle = _HEAD + most_approved * unit
    step = width / len(bars)
    wide = min(step * 0.7, 56)
    every = -(-len(bars) // _MOST_LABELS)
    parts = []
    for nth, bar in enumerate(bars):
        centre = step * (nth + 0.5)
        left = centre - wide / 2
        parts.append(
            f"<g><title>{escape(bar.name)}: {bar.declined:,} newly declined, "
            f"{bar.approved:,} newly approved</title>"
        )
        up, down = bar.approved * unit, bar.declined * unit
        if bar.approved:
            parts.append(_rectangle("approved", left, middle - up, wide, up))
        if bar.declined:
            parts.append(_rectangle("declined", left, middle, wide, down))
        if nth % every == 0:
            if bar.approved:
                parts.append(_number(centre, middle - up - 5, "middle", bar.approved))
            if bar.declined:
                parts.append(_number(centre, middle + down + 14, "middle", bar.declined))
            parts.append(
                f'<text x="{centre:.1f}" y="{_HEIGHT + 22}" text-anchor="middle">'
                f"{escape(bar.name)}</text>"
            )
        parts.append("</g>")
    parts.append(f'<line class="axis" x1="0" y1="{middle:.1f}" x2="{width}" y2="{middle:.1f}"/>')
    return _svg(label, (width, _HEIGHT + _FOOT), parts)


def _svg(label: str, size: tuple[int, int], parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _rectangle(colour: str, left: float, top: float, wide: float, high: float) -> str:
    return (
        f'<rect class="{colour}" x="{left:.1f}" y="{top:.1f}" '
        f'width="{wide:.1f}" height="{high:.1f}" rx="2"/>'
    )


def _number(x: float, y: float, anchor: str, number: int) -> str:
    return f'<text class="number" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{number:,}</text>'


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
