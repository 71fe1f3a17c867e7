"""The difference that the page shows before it saves has no secret in it, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.difference import difference
from edge.config.draft import Edits
from edge.config.loader import load_config
from edge.config.yaml_editor import edited

WRITTEN = {
    "folded": "source: >-\n    gstreamer:rtspsrc location=rtsp://cam/1\n    user-pw=hush-1\n    ! decodebin\n",
    "literal": "source: |-\n    rtsp://me:hush@cam/1\n",
    "quoted": 'source: "rtsp://me:\\\n    hush@cam/1"\n',
    "plain": "source: gstreamer:rtspsrc location=rtsp://cam/1\n    user-pw=hush-1 ! decodebin\n",
    "escaped": 'source: "rtsp:\\/\\/me:hush\\x40cam/1"\n',
    "value below its key": "source:\n    rtsp://me:hush@cam/1\n",
    "path": "source: rtsps://cam:7441/hush\n",
}


@pytest.mark.parametrize("source", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_secret_is_hidden_on_every_line_that_it_touches(source: str, end: str, tmp_path: Path) -> None:
    text = f"mode: headcount # größer\ncamera:\n  width: 640\n  {source}  rotation: 0  # turned\n".replace("\n", end)
    file = tmp_path / "config.yaml"
    file.write_bytes(text.encode())
    assert "hush" in load_config(file).camera.source
    new = edited(text, Edits({"camera.rotation": 180, "camera.width": 1280}), "", file)
    shown = difference(text, new, "config.yaml")
    assert "hush" not in shown
    assert "***" in shown
    for line in ("-  width: 640", "+  width: 1280", "+  rotation: 180 # turned"):
        assert f"{line}\n" in shown


def test_what_is_no_secret_stays_as_it_is_written() -> None:
    before = "camera: {source: 'rtsp://me:hush@cam/1', width: 640} # left\ngpio: &x\n  led: 4\n"
    shown = difference(before, before.replace("640", "1280"), "config.yaml")
    assert "+camera: {source: rtsp://***@cam/***, width: 1280} # left\n gpio: &x\n   led: 4\n" in shown


def test_a_change_of_the_secret_alone_is_a_change() -> None:
    shown = difference("camera: {source: 'rtsp://a:hush@c/1'}", "camera: {source: 'rtsp://b:hash@c/2'}", "config.yaml")
    assert shown.splitlines()[-2:] == ["-camera: {source: rtsp://***@c/***}", "+camera: {source: rtsp://***@c/***}"]


@pytest.mark.parametrize(
    "text",
    [
        "mqtt: {password: hush}\n",
        "mqtt:\n  password: >\n    hush\n    hush\n",
        "mqtt: {pass: [hush, {a: hush}]}\n",
        "spare: &cam me:hush@cam\ncamera: {source: *cam}\n",
        "rtsp://me:hush@cam/1: nothing\n",
        '#  source: "rtsp://me:\\\n#    hush@cam/1"\n# pw=hush\n',
        "camera: {source: rtsp://me:hush@cam/1\n",  # no YAML
        "\ufeffcamera: {source: 'rtsp://me:hush@cam/1'}\n",
    ],
)
def test_whatever_else_may_be_a_secret_is_hidden(text: str) -> None:
    assert "hush" not in difference("", text, "config.yaml")
    assert "hush" not in difference(text, f"{text}# more\n", "config.yaml")
