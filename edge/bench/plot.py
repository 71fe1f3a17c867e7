"""The cost of a frame against the number of faces, as an SVG drawn by hand: the device has no plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edge.bench.result import Result
from edge.reporting.palette import LIGHT

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 440, 64, 48, 24, 56
COLOURS = tuple(LIGHT[name] for name in ("faces", "angry", "disgust", "fear"))


def plot(results: Sequence[Result], title: str) -> str:
    """Draw results, one line per frame size; the floor is dashed.

    Args:
        results: At least one; those of one size are joined.
        title: Stands above.
    """
    far = max(1.0, *(result.classified for result in results))
    high = max(max(_cost(result), result.floor_ms) for result in results) * 1.08

    def at(faces: float, cost: float) -> str:
        x = LEFT + faces / far * (WIDTH - LEFT - RIGHT)
        return f"{x:.1f},{HEIGHT - BOTTOM - cost / high * (HEIGHT - TOP - BOTTOM):.1f}"

    def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#1f2328") -> str:
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        return f'<text {place} font-size="13" fill="{colour}">{escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        text(WIDTH / 2, 24, title),
        text(WIDTH / 2, HEIGHT - 14, "faces that were found and named"),
        text(LEFT - 44, TOP - 12, "CPU ms a frame", "start"),
    ]
    for step in range(6):
        x, y = (float(part) for part in at(far * step / 5, high * step / 5).split(","))
        parts.append(f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="#d8dee4" fill="none"/>')
        parts.append(text(LEFT - 8, y + 4, f"{high * step / 5:.3g}", "end"))
        parts.append(text(x, HEIGHT - BOTTOM + 20, f"{far * step / 5:.3g}"))
    for number, size in enumerate(sorted({result.size for result in results})):
        colour = COLOURS[number % len(COLOURS)]
        mine = sorted((result for result in results if result.size == size), key=lambda result: result.classified)
        costs = [at(result.classified, _cost(result)) for result in mine]
        floors = [at(result.classified, result.floor_ms) for result in mine]
        parts.append(f'<polyline points="{" ".join(costs)}" stroke="{colour}" stroke-width="2" fill="none"/>')
        parts.append(f'<polyline points="{" ".join(floors)}" stroke="{colour}" stroke-dasharray="5 4" fill="none"/>')
        for x, y in (map(float, dot.split(",")) for dot in costs):
            parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>')
        words = f"{size[0]}x{size[1]} (dashed: the models alone)"
        parts.append(text(LEFT + 12, TOP + 16 + 18 * number, words, "start", colour))
    return "\n".join((*parts, "</svg>", ""))


def _cost(result: Result) -> float:
    return result.ratio * result.floor_ms
