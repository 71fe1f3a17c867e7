"""Broker addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.address_redaction import without_password
from edge.config.broker_url import BrokerUrl
from edge.config.loader import load_config
from edge.errors import ConfigError


def test_passwords_in_urls_are_hidden() -> None:
    assert without_password("rtsp://me:pa:ss@cam:554/1") == "rtsp://***@cam:554/***"
    for secret in (
        "http://cam/v.cgi?user=a&pwd=hush", "rtsp://user:hu@sh@cam/x", "rtsp://user:hu/hush@cam/x", "rtsp//u:hush@cam",
        "user:hush@cam:1883", "mqtt://user:a//hush@cam",
        "souphttpsrc proxy-pw = hush ! cam",
    ):  # fmt: skip
        assert "hush" not in without_password(secret)
        assert "cam" in without_password(secret)
    assert without_password("/dev/v4l/by-id/usb-0") == "/dev/v4l/by-id/usb-0"


@pytest.mark.parametrize("address", ["rtsps://10.0.0.1:7441/hush7sD8?enableSrtp", "RTMP://10.0.0.1:7441/live/hush"])
def test_a_path_that_may_be_the_key_is_hidden(address: str) -> None:
    shown = f"{address.partition('://')[0]}://10.0.0.1:7441/***"
    assert without_password(address) == shown
    assert without_password(shown) == shown
    assert without_password(repr(shown)) == repr(shown)
    assert without_password("http://10.0.0.1:7441/") == "http://10.0.0.1:7441/"
    with pytest.raises(ConfigError) as caught:
        load_config(None, [f"camera.source={address} x"])
    assert "hush" not in str(caught.value)


@given(st.text())
def test_broker_urls_never_crash(text: str) -> None:
    try:
        url = BrokerUrl.parse(text)
    except ValueError:
        return
    assert BrokerUrl.parse(str(url)) == url
