"""Scene: a drawn classroom full of seated people with real faces, and the truth about every face in it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edge.sample.rhythm import Rhythm
from edge.sample.sprites import DESK, Chance, seated
from edge.sample.turned_head import turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from edge.sample.portraits import Portrait
    from edge.sample.sprites import Sprite

_FADE = 0.3  # seconds to appear or vanish; half-way, at alpha 0.5, the truth changes
_GAP = 1.2  # seconds a seat stays empty between two people
_CHANGE = 5.0  # seconds between two changes of people
_WAVE = 300.0  # seconds in which a varying class fills and empties once
_FEWEST, _MOST = 6, 40  # of a varying class


@dataclass(frozen=True)
class Person:
    """One face that is there."""

    box: tuple[float, float, float, float]
    """x, y, width, height in pixels of the frame, as a face detector would box it."""
    emotion: str
    """What the face shows; nobody can tell it while `front` is false."""
    front: bool = True
    """Turned to the camera, so that both eyes are visible."""


@dataclass(frozen=True)
class _Seat:
    x: float
    y: float
    face: float
    """Height of the face in pixels; every other length of a person is given in it."""
    desk: int
    """The row of pixels at which the desk begins to hide the person."""
    sway: tuple[float, float, float]
    """Seconds of one sway to the side, seconds of one nod, phase in radians."""


@dataclass(frozen=True, eq=False)
class _Stay:
    start: float
    end: float
    front: Portrait
    aside: Portrait | None
    face: float
    """Height of the face box in pixels."""
    chance: Chance

    @cached_property
    def sprite(self) -> Sprite:
        """Drawn when this person comes: a room that is drawn at once takes long to open, mostly for people of later."""
        return seated(self.front, self.face, self.chance, self.aside)


class _Shown(NamedTuple):
    seat: _Seat
    sprite: Sprite
    alpha: float
    """0 to 1, how visible."""
    aside: float
    """0 to 1, how far the head is turned."""


class _Views(NamedTuple):
    front: Portrait
    aside: Portrait | None
    smallest: float
    """Pixels; lower faces never turn."""


class Scene:
    """A classroom that is a pure function of the time.

    Args:
        portraits: The faces to seat.
        size: Width and height in pixels. Faces are 24 to 96 px high at 1280x720 and grow with the size.
        faces: How many people (1 to 100), one of them changing every few seconds; None: 6 to 40 in slow waves.
        seed: The same seed gives the same frames and the same truth.
        turning: People look aside now and then; False: everybody faces the camera all the time.
    """

    def __init__(
        self,
        portraits: Sequence[Portrait],
        *,
        size: tuple[int, int] = (1280, 720),
        faces: int | None = None,
        seed: int = 1,
        turning: bool = True,
    ) -> None:
        if faces is not None and not 1 <= faces <= 100:
            raise ValueError(f"faces must be 1 to 100, not {faces}")
        random = np.random.default_rng(seed)
        count = _MOST if faces is None else faces
        grid = _seats(size, random, crowded=count > 45)
        order = random.permutation(len(grid))[:count].tolist()
        spans, self._cycle = _waves(random) if faces is None else _changes(faces)
        views = [_views(portrait, size, turning=turning) for portrait in portraits]
        self._people = [
            (grid[place], [_stay(a, b, views, grid[place].face, random) for a, b in spans[rank]])
            for rank, place in enumerate(order)
        ]
        self._rhythms = _rhythms(self._people)
        self._people.sort(key=lambda person: person[0].y)  # the front hides the back
        self._room = _room(size, grid, random)
        self._sun = _sun(size[0])

    def render(self, seconds: float) -> NDArray[np.uint8]:
        """Draw the room at this time.

        Returns:
            (height, width, 3) uint8 BGR, the caller's own.
        """
        frame = self._room.copy()
        for seat, sprite, alpha, aside in self._present(seconds):
            _paste(frame, _turned(sprite, aside), _position(seat, seconds), seat.desk, alpha)
        gain, sun = _light(seconds)
        for top in range(0, len(frame), len(self._sun)):
            band = frame[top : top + len(self._sun)]
            cv2.addWeighted(band, gain, self._sun[: len(band)], sun, 0.0, dst=band)
        return frame

    def truth(self, seconds: float) -> tuple[Person, ...]:
        """Who is there at this time: everybody who is at least half visible, from the back to the front."""
        people = []
        for seat, sprite, alpha, aside in self._present(seconds):
            if alpha >= 0.5:
                x, y = _position(seat, seconds)
                (width, height), (right, down), front = sprite.size, (0.0, 0.0), True
                if sprite.aside is not None and aside >= 0.5:
                    (width, height), (right, down), front = sprite.aside.size, sprite.aside.shift, False
                box = (x + right - width / 2, y + down - height / 2, width, height)
                people.append(Person(box, sprite.emotion, front))
        return tuple(people)

    def _present(self, seconds: float) -> Iterator[_Shown]:
        now = seconds % self._cycle
        for seat, stays in self._people:
            for stay in stays:
                alpha = max(_alpha(stay, now + shift) for shift in (-self._cycle, 0.0, self._cycle))
                if alpha > 0.0:
                    aside = 0.0 if stay.aside is None else self._rhythms[seat].aside(seconds)
                    yield _Shown(seat, stay.sprite, alpha, aside)


def _alpha(stay: _Stay, now: float) -> float:
    return min(1.0, 0.5 + min(now - stay.start, stay.end - now) / _FADE)


def _position(seat: _Seat, seconds: float) -> tuple[int, int]:
    side, nod, phase = seat.sway
    return (
        round(seat.x + 0.08 * seat.face * math.sin(math.tau * seconds / side + phase)),
        round(seat.y + 0.025 * seat.face * math.sin(math.tau * seconds / nod + 2.0 * phase)),
    )


def _light(seconds: float) -> tuple[float, float]:
    """The gain of the whole picture, 0.6 to 1.15, and the share of the sun, 0 to 1."""
    day = 0.94 + 0.16 * math.sin(math.tau * seconds / 97.0) + 0.06 * math.sin(math.tau * seconds / 23.0)
    into = (seconds + 25.0) % 80.0  # a lamp is off in the last 12 of every 80 seconds
    off = min(1.0, max(0.0, min(into - 68.0, 80.0 - into) / 0.2))
    sun = 0.5 - 0.5 * math.cos(math.tau * seconds / 150.0)
    return min(1.15, max(0.6, day * (1.0 - 0.28 * off))), sun


def _changes(faces: int) -> tuple[list[list[tuple[float, float]]], float]:
    """Stays of a class of fixed size: one seat after another changes hands, each twice in a cycle."""
    half = faces * _CHANGE
    firsts = [(rank + 0.5) * _CHANGE for rank in range(faces)]
    return [[(t + _GAP, t + half), (t + half + _GAP, t + 2.0 * half)] for t in firsts], 2.0 * half


def _waves(random: np.random.Generator) -> tuple[list[list[tuple[float, float]]], float]:
    """Stays of a class whose number follows a cosine; a seat of higher rank is taken later and left earlier."""
    mean, swing = (_MOST + _FEWEST) / 2.0, (_MOST - _FEWEST) / 2.0
    spans = []
    for rank in range(_MOST):
        reach = 0.5 if rank < _FEWEST else math.acos((rank + 0.5 - mean) / swing) / math.tau
        spans.append([(_WAVE * (0.25 - reach), _WAVE * (0.25 + reach))])  # fullest after a quarter
    for rank in range(_FEWEST):
        spans[rank] = [(-math.inf, math.inf)]
    for change in range(int(_WAVE / _CHANGE)):
        now = (change + 0.5) * _CHANGE
        rank = int(random.integers(_MOST))
        start, end = spans[rank][-1]
        if start + 3.0 < now < end - _GAP - 3.0 and end < math.inf:
            spans[rank][-1:] = [(start, now), (now + _GAP, end)]
    return spans, _WAVE


def _seats(size: tuple[int, int], random: np.random.Generator, *, crowded: bool) -> list[_Seat]:
    """Places in rows, from the back to the front; far enough apart that nobody hides another's face."""
    width, height = size
    scale = min(width / 1280.0, height / 720.0)
    rows, small, large, pitch = (7, 26.0, 38.0, (2.55, 2.55)) if crowded else (6, 28.0, 90.0, (3.3, 2.4))
    faces = [scale * small * (large / small) ** (row / (rows - 1)) for row in range(rows)]
    tops = [0.0]
    for behind, front in itertools.pairwise(faces):
        tops.append(tops[-1] + 0.65 * behind + 1.1 * front)
    first, last = height * 0.25, height - 1.25 * faces[-1]
    seats: list[_Seat] = []
    for row, (face, top) in enumerate(zip(faces, tops, strict=True)):
        apart = face * float(np.interp(row, (0, rows - 1), pitch))
        number = int((width - 0.4 * face) // apart)
        middle = first + (last - first) * top / tops[-1]
        seats += [
            _Seat(
                x=width / 2 + (place - (number - 1) / 2) * apart + face * random.uniform(-0.08, 0.08),
                y=middle + face * random.uniform(-0.06, 0.06),
                face=face * random.uniform(0.95, 1.05),
                desk=round(middle + (DESK - 0.1) * face),
                sway=(random.uniform(4.0, 9.0), random.uniform(3.0, 7.0), random.uniform(0.0, math.tau)),
            )
            for place in range(number)
        ]
    return seats


def _views(portrait: Portrait, size: tuple[int, int], *, turning: bool) -> _Views:
    if not turning or portrait.aside is None:
        return _Views(portrait, None, math.inf)
    scale = min(size[0] / 1280.0, size[1] / 720.0)
    return _Views(portrait, turned(portrait, portrait.aside), scale * portrait.aside.smallest)


def _stay(start: float, end: float, views: Sequence[_Views], face: float, random: np.random.Generator) -> _Stay:
    view = views[int(random.integers(len(views)))]
    aside = view.aside if face >= view.smallest else None
    return _Stay(start, end, view.front, aside, face, Chance.of(face, random))


def _rhythms(people: Sequence[tuple[_Seat, Sequence[_Stay]]]) -> dict[_Seat, Rhythm]:
    able = {seat: sum(stay.aside is not None for stay in stays) for seat, stays in people}
    share = sum(able.values()) / sum(len(stays) for _, stays in people)
    return {seat: Rhythm.of(rank, share) for rank, seat in enumerate(sorted(able, key=lambda seat: -able[seat]))}


def _turned(sprite: Sprite, aside: float) -> Sprite:
    """The person as seen while the head is so far aside; half-way both views show through each other."""
    patch = sprite.aside
    if patch is None or aside == 0.0:
        return sprite
    light, mask = sprite.light.copy(), sprite.mask.copy()
    (left, top), (height, width) = patch.corner, patch.mask.shape
    for whole, part in ((light, patch.light), (mask, patch.mask)):
        there = whole[top : top + height, left : left + width]
        there[:] = cv2.addWeighted(there, 1.0 - aside, part, aside, 0.0)
    return replace(sprite, light=light, mask=mask)


def _paste(frame: NDArray[np.uint8], sprite: Sprite, at: tuple[int, int], floor: int, alpha: float) -> None:
    """Blend a sprite into the frame with its face centred at x, y = `at`, hidden below the row `floor`."""
    x, y = at[0] - sprite.centre[0], at[1] - sprite.centre[1]
    height, width = sprite.mask.shape
    top, bottom = max(0, y), min(frame.shape[0], floor, y + height)
    left, right = max(0, x), min(frame.shape[1], x + width)
    cut = np.s_[top - y : bottom - y, left - x : right - x]
    light, mask = sprite.light[cut], sprite.mask[cut]
    if alpha < 1.0:
        light, mask = (np.asarray(cv2.convertScaleAbs(part, alpha=alpha), np.uint8) for part in (light, mask))
    there = frame[top:bottom, left:right]
    shown = cv2.cvtColor(cv2.bitwise_not(mask), cv2.COLOR_GRAY2BGR)
    there[:] = cv2.add(cv2.multiply(there, shown, scale=1.0 / 255.0), light)


def _room(size: tuple[int, int], seats: Sequence[_Seat], random: np.random.Generator) -> NDArray[np.uint8]:
    """The empty room: a wall with windows, a board and posters, a floor, and a desk and a chair for every seat."""
    width, height = size
    unit = height / 720.0
    skirting = round(height * 0.285)
    room = np.empty((height, width, 3), np.uint8)
    surfaces = (
        (0, skirting, (206, 216, 220), (186, 198, 204)),
        (skirting, height, (92, 118, 138), (120, 146, 166)),
    )
    for top, bottom, upper, lower in surfaces:
        blend = np.linspace(0.0, 1.0, bottom - top)[:, None]
        room[top:bottom] = ((1.0 - blend) * np.array(upper) + blend * np.array(lower))[:, None, :].astype(np.uint8)

    def box(x: float, y: float, w: float, h: float, colour: tuple[int, int, int]) -> None:
        cv2.rectangle(room, (round(x), round(y)), (round(x + w), round(y + h)), colour, cv2.FILLED)

    for step in range(-14, 15):  # floor boards run towards the back
        far, near = (round(width / 2 + step * apart * unit) for apart in (60, 230))
        cv2.line(room, (far, skirting), (near, height), (88, 112, 130), 1, cv2.LINE_AA)
    box(0, skirting - 7 * unit, width, 7 * unit, (128, 138, 142))
    for pane in range(3):  # windows on the left
        x, w = width * (0.02 + 0.115 * pane), width * 0.1
        box(x - 4 * unit, 14 * unit, w + 8 * unit, 136 * unit, (232, 236, 238))
        box(x, 18 * unit, w, 126 * unit, (236, 214, 178))
        box(x, 104 * unit, w, 40 * unit, (104, 150, 112))
        box(x + w / 2 - 2 * unit, 18 * unit, 4 * unit, 126 * unit, (232, 236, 238))
    box(width * 0.4, 22 * unit, width * 0.32, 116 * unit, (96, 130, 150))
    box(width * 0.4 + 6 * unit, 28 * unit, width * 0.32 - 12 * unit, 104 * unit, (78, 92, 64))
    for line in range(4):  # something written on the board
        box(width * 0.43, (47 + 20 * line) * unit, width * (0.22 - 0.035 * line), 2 * unit, (150, 160, 142))
    for poster, colour in enumerate(((150, 130, 90), (96, 140, 176))):
        box(width * (0.77 + 0.085 * poster), 40 * unit, width * 0.065, 92 * unit, colour)
        box(width * (0.775 + 0.085 * poster), 48 * unit, width * 0.055, 34 * unit, (206, 212, 208))
    for seat in seats:
        face, x = seat.face, seat.x
        box(x - 0.62 * face, seat.desk - 0.72 * face, 1.24 * face, 0.72 * face, (110, 96, 84))
        box(x - 0.52 * face, seat.desk - 0.64 * face, 1.04 * face, 0.64 * face, (134, 118, 102))
        box(x - 1.08 * face, seat.desk + 0.1 * face, 2.16 * face, 0.7 * face, (96, 132, 160))
        box(x - 1.08 * face, seat.desk + 0.1 * face, 2.16 * face, 0.05 * face, (74, 104, 128))
        box(x - 1.15 * face, seat.desk, 2.3 * face, 0.1 * face, (142, 182, 208))
    texture = np.empty((height, width), np.float32)
    for row in texture:  # a row at a time here and below: the whole room as floats would be the daemon's peak of memory
        row[:] = random.normal(0.0, 6.0, width)
    cv2.GaussianBlur(texture, (0, 0), 0.8, dst=texture)
    for pixels, roughness in zip(room, texture, strict=True):
        pixels[:] = np.clip(pixels + roughness[:, None], 0, 255)
    return room


def _sun(width: int) -> NDArray[np.uint8]:
    """The light that the sun adds, strongest at the windows on the left: 48 rows of it, (48, width, 3) uint8 BGR."""
    fall = np.exp(-np.linspace(0.0, 3.2, width))[None, :, None]
    return np.asarray(np.repeat(fall, 48, axis=0) * np.array((26.0, 38.0, 44.0)), np.uint8)
