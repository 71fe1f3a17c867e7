"""`edge watch` for technicians: troubles with remedies, filters, columns of any script, colours of any terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from edge.cli.board import View
from edge.cli.columns import cell
from edge.cli.inbox import Inbox
from edge.cli.machine_lines import version_line
from edge.cli.terminal_palette import contrast, terminal_palette
from edge.contract.examples import ALERT, HEALTH, INFO
from edge.reporting.machine_report import Version
from edge.reporting.palette import DARK, LIGHT
from tests.support.watching import NOW, VIEW, picture, room, stamp, state

LONG = "कक्षा हिन्दी बारह उत्तर भवन का बड़ा कमरा"
WIDE = "音乐教室二楼东侧的大房间和走廊尽头"


def school() -> Inbox:
    """Forty rooms: one without its camera, one offline, one hot."""
    inbox = room(*(f"room-{number}" for number in range(1, 39)), LONG, WIDE)
    for name in inbox.devices:
        inbox.receive(f"classroom/{name}/info", INFO.to_json())
        inbox.receive(f"classroom/{name}/health", HEALTH.model_copy(update={"time": stamp(NOW)}).to_json())
    inbox.receive("classroom/room-17/alert/camera", ALERT.to_json())
    inbox.receive("classroom/room-17/state", state("camera_lost"))
    inbox.receive("classroom/room-30/availability", b"offline")
    hot = HEALTH.model_copy(update={"time": stamp(NOW), "temperature_c": 84.5})
    inbox.receive(f"classroom/{WIDE}/health", hot.to_json())
    assert inbox.invalid == 0
    return inbox


def view(*, machines: bool = False, only: str = "", find: str = "") -> View:
    return View(VIEW.palette, machines, only, find)


@pytest.mark.parametrize("size", [(60, 30), (80, 24), (160, 50)])
def test_troubles_stand_first_with_what_to_do(size: tuple[int, int]) -> None:
    rows = picture(school(), *size).splitlines()
    assert rows[1].startswith("▲ room-17 ")
    assert "no frame for 5 s from usb:0 → check" in " ".join(rows[1:4])
    text = " ".join(" ".join(rows).split())
    assert "The device is offline → See whether it has power" in text
    assert text.index("room-30") < text.index("room-1 ")
    assert f"... and {40 - sum('27.4' in row for row in rows)}" not in text or size[0] > 60


def test_a_small_terminal_says_how_many_troubles_it_leaves_out() -> None:
    inbox = room(*(f"room-{number}" for number in range(1, 41)))
    for name in inbox.devices:
        inbox.receive(f"classroom/{name}/alert/camera", ALERT.to_json())
    text = picture(inbox)
    troubles = text.count("no frame for 5 s")
    assert 1 <= troubles <= 7
    assert f"... and {40 - troubles} more in trouble" in text


@pytest.mark.parametrize("width", [60, 120])
def test_machines_in_columns_of_any_script(width: int) -> None:
    rows = picture(school(), width, 60, view=view(machines=True)).splitlines()
    head = next(row for row in rows if " state " in row)
    for name in (LONG[:4], WIDE[:4], "room-17", "room-38"):
        row = next(row for row in rows if row[2:].startswith(name))
        at = cell_len(head[: head.index("state")])
        assert cell_len(row[: row.index(next(word for word in ("running", "camera lost") if word in row))]) == at
    assert ("version" in head) == (width == 120)
    assert "84.5" in "".join(rows)
    assert any(row.startswith("versions: 0.1.0 in 40 rooms") for row in rows)


def test_rooms_that_wait_for_an_upgrade_are_named() -> None:
    found = [Version("0.2.0", "", ["room-1", "room-2"], False), Version("0.1.0", "", ["room-3", "room-7"], True)]
    assert version_line(found, 120).plain.rstrip() == (
        "versions: 0.2.0 in 2 rooms, 0.1.0 in 2 rooms; to upgrade: 0.1.0: room-3, room-7"
    )


def test_only_the_rooms_that_are_asked_for() -> None:
    inbox = school()
    troubled = picture(inbox, 120, 60, view=view(machines=True, only="troubled"))
    assert [row[2:9] for row in troubled.splitlines() if row[:1] in "▲!"] == ["room-17", "room-30", WIDE[:7]]
    for words, names in (("ROOM-17 cable", ["room-17"]), (WIDE[3:6], [WIDE[:7]]), ("offline", ["room-30"])):
        found = picture(inbox, 120, 60, view=view(machines=True, find=words))
        assert [row[2:9] for row in found.splitlines() if row[:1] in "▲!●"] == names
    assert "no room has 'nobody' in its name, state or alerts; there are room-" in picture(
        inbox, view=view(find="nobody")
    )
    assert "no room is in trouble" in picture(room("room-1"), view=view(only="troubled"))
    tiles = picture(inbox, 80, 40, view=view(only="troubled"))
    assert "classroom/room-30" in tiles
    assert "classroom/room-1 " not in tiles


@pytest.mark.parametrize("text", ["room-1", LONG, WIDE, "", "a\u0301" * 30, "👩‍👩‍👧 family"])
@pytest.mark.parametrize("width", [1, 5, 12, 40])
def test_a_cell_is_as_wide_as_it_is(text: str, width: int) -> None:
    assert cell_len(cell(text, width)) == width
    assert "…" in cell(text, width) or cell_len(text) <= width


@pytest.mark.parametrize("size", [(10, 3), (39, 8), (400, 200)])
@pytest.mark.parametrize("machines", [True, False])
def test_any_size_of_terminal(size: tuple[int, int], *, machines: bool) -> None:
    picture(school(), *size, view=view(machines=machines))


def test_colours_are_those_of_the_pages_on_a_ground_that_is_known() -> None:
    assert terminal_palette("light", {}) == LIGHT
    assert terminal_palette("auto", {"COLORFGBG": "0;15"}) == LIGHT
    assert DARK.items() <= terminal_palette("auto", {"COLORFGBG": "15;default;0"}).items()
    assert terminal_palette("dark", {"COLORFGBG": "0;15"}) == terminal_palette("dark", {})


@pytest.mark.parametrize(
    ("ground", "background", "least"), [("light", "#ffffff", 4.5), ("dark", "#000000", 4.5), ("auto", "#ffffff", 3.0),
                                        ("auto", "#000000", 3.0)],
)  # fmt: skip
def test_words_in_colour_can_be_read(ground: str, background: str, least: float) -> None:
    palette = terminal_palette(ground, {})  # type: ignore[arg-type]
    for name in ("good", "warn", "bad"):
        assert contrast(palette[name], background) >= least, name
