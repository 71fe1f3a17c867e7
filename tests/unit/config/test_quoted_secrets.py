"""A secret in quotation marks, as GStreamer has them, is hidden whole."""

from __future__ import annotations

import pytest

from edge.config.schema import without_password


@pytest.mark.parametrize("mark", ["'", '"'])
def test_what_stands_behind_a_space_is_hidden_as_well(mark: str) -> None:
    shown = without_password(f"gstreamer:rtspsrc user-pw={mark}hush hash{mark} ! fakesink")
    assert shown == "gstreamer:rtspsrc user-pw=*** ! fakesink"
