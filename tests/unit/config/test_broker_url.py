"""Broker addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.config.broker_url import BrokerUrl
from edge.config.schema import without_password


def test_passwords_in_urls_are_hidden() -> None:
    assert without_password("rtsp://me:pa:ss@cam/1") == "rtsp://***@cam/1"
    for secret in (
        "http://cam/v.cgi?user=a&pwd=hush", "rtsp://user:hu@sh@cam/x", "rtsp://user:hu/hush@cam/x", "rtsp//u:hush@cam",
        "user:hush@cam:1883", "mqtt://user:a//hush@cam",
        "souphttpsrc proxy-pw = hush ! cam",
    ):  # fmt: skip
        assert "hush" not in without_password(secret)
        assert "cam" in without_password(secret)
    assert without_password("/dev/v4l/by-id/usb-0") == "/dev/v4l/by-id/usb-0"


@given(st.text())
def test_broker_urls_never_crash(text: str) -> None:
    try:
        url = BrokerUrl.parse(text)
    except ValueError:
        return
    assert BrokerUrl.parse(str(url)) == url
