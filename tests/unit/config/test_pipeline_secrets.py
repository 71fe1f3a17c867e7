"""A secret in a pipeline of GStreamer is hidden whole, whatever is in it."""

from __future__ import annotations

import pytest

from edge.config.address_redaction import without_password
from edge.config.difference import difference

SECRETS = ("'hush hash'", '"hush hash"', "hu/hush", "hu&hush", "hu!hush", r"hu\ hush", "hu@hush", "hu?hush", "hu=hush")


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_is_shown_behind_the_first_value(secret: str) -> None:
    source = f"gstreamer:rtspsrc location=rtsp://10.0.0.9/1 user-id=jane user-pw={secret} ! decodebin"
    assert without_password(source) == "gstreamer:rtspsrc location=***"
    assert without_password(f"camera {source} gave no frame") == "camera gstreamer:rtspsrc location=***"
    assert without_password(f"gstreamer:rtspsrc user-pw = {secret} ! x") == "gstreamer:rtspsrc user-pw =***"
    changed = difference("", f"camera:\n  source: {source}\n", "config.yaml")
    assert "+  source: gstreamer:rtspsrc location=***\n" in changed
    assert "hush" not in changed


def test_what_has_no_values_is_shown() -> None:
    assert without_password("gstreamer:csi:1") == "gstreamer:csi:1"
    assert without_password("gstreamer:videotestsrc ! queue") == "gstreamer:videotestsrc ! queue"
