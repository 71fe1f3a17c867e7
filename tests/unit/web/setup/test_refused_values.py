"""What is refused on the set-up page is said in its language."""

from __future__ import annotations

import pytest

from edge.config.explanation import SAID_ON_THE_PAGE
from edge.config.value_check import RefusedChangeError, check_value
from edge.languages.catalogue import texts
from edge.text import Sentence

REFUSED = [
    ("device.name", "a/b"),
    ("device.name", ""),
    ("device.prefix", "a+b"),
    ("privacy.min_faces", 0),
    ("privacy.min_faces", 1001),
    ("privacy.min_faces", "5"),
    ("privacy.time_zone", "Europe/Berlinn"),
    ("privacy.time_zone", "MEZ"),
    ("privacy.time_zone", "x" * 65),
    ("mqtt.broker", "192.168.1.10"),
    ("mqtt.broker", "http://192.168.1.10"),
    ("mqtt.broker", "mqtt://jane:secret@192.168.1.10"),
    ("mqtt.broker", "mqtt://192.168.1.10/rooms"),
    ("mqtt.broker", "mqtt://192.168.1.10:70000"),
    ("camera.source", "webcam"),
    ("camera.source", "rtsp://"),
    ("camera.source", "rtsp://10.0.0.9:0/x"),
]


def refusal(key: str, value: object) -> RefusedChangeError:
    with pytest.raises(RefusedChangeError) as refused:
        check_value(key, value)
    return refused.value


@pytest.mark.parametrize(("key", "value"), REFUSED)
def test_it_is_said_in_german(key: str, value: object) -> None:
    for each in refusal(key, value).told:
        said = each.template if isinstance(each, Sentence) else str(each)
        assert not said or said in texts("de")


@pytest.mark.parametrize(
    ("key", "value"),
    [("device.name", "a/b"), ("device.prefix", "a+b"), ("privacy.min_faces", 0), ("camera.source", "webcam")],
)
def test_the_catalogue_has_what_the_schema_allows(key: str, value: object) -> None:
    assert refusal(key, value).remedy == SAID_ON_THE_PAGE[key]
