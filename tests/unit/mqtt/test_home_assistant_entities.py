"""What Home Assistant makes of a window: the templates of the discovery payload, rendered by Jinja as it does.

Home Assistant itself is asked by tests/system/homeassistant/check.sh.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.examples import ALERTS, EMOTIONS_WITHHELD, HEADCOUNT, SUPPRESSED, WINDOW
from edge.contract.labels import LABELS, UNKNOWN
from edge.contract.payloads import Alerts, ShareEstimate, WindowPayload
from edge.contract.shares import window_shares
from edge.mqtt.home_assistant_entities import identifier
from tests.support.home_assistant import COMPONENTS, attributes, components, rendered, state

NO_ALERTS = Alerts(number=0, alerts=[])
COUNTED = WINDOW.model_copy(update={"estimate": None, "estimate_absent": "few"})
NOT_WINDOWS: list[Any] = [{}, {"x": 1}, [], [1], 3, "text", None, {"counts": 3, "estimate": "x", "withheld": 4}]


@pytest.mark.parametrize("window", [WINDOW, COUNTED, SUPPRESSED, EMOTIONS_WITHHELD, HEADCOUNT])
def test_home_assistant_states_the_share_that_everybody_states(window: WindowPayload) -> None:
    shares = window_shares(window)
    for label in LABELS:
        shown, told = state(f"share_{label}", window), attributes(f"share_{label}", window)
        if shares is None:
            assert (shown, told) == ("None", {"basis": None, "low": None, "high": None})
            continue
        share = shares.by_label[label]
        assert float(shown) == pytest.approx(100 * share.share, abs=0.005)
        assert told["basis"] == shares.basis
        for limit, value in (("low", share.low), ("high", share.high)):
            assert told[limit] is None if value is None else told[limit] == pytest.approx(100 * value, abs=0.005)


def test_faces_turned_to_the_front_are_told_where_poses_are_measured() -> None:
    assert float(state("front", WINDOW)) == pytest.approx(511 / 28, abs=0.01)
    assert float(state("front_share", WINDOW)) == pytest.approx(100 * 511 / 736, abs=0.1)
    assert float(state("front_share", EMOTIONS_WITHHELD)) == pytest.approx(100 * 84 / 736, abs=0.1)
    for window in (SUPPRESSED, HEADCOUNT):
        assert (state("front", window), state("front_share", window)) == ("None", "None")
    for message in NOT_WINDOWS:
        assert rendered(COMPONENTS["front"]["value_template"], value_json=message) == "None"


counts = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 10**6), max_size=5)
fractions = st.floats(0, 1, allow_subnormal=False)


@given(named=counts, unknown=st.integers(0, 1000), data=st.data(), estimated=st.booleans())
def test_whatever_the_counts_the_share_is_the_same(
    named: dict[str, int],
    unknown: int,
    data: st.DataObject,
    *,
    estimated: bool,
) -> None:
    named.pop(UNKNOWN, None)
    labels = tuple(named)
    estimate = {
        label: ShareEstimate(share=data.draw(fractions), low=0.0, high=1.0) for label in labels
    } if estimated else None  # fmt: skip
    window = WINDOW.model_copy(update={"counts": {**named, UNKNOWN: unknown}, "estimate": estimate})
    shares, known = window_shares(window), components(labels)
    for label in labels:
        shown = state(f"share_{identifier(label)}", window, known)
        if shares is None:
            assert shown == "None"
        else:
            assert float(shown) == pytest.approx(100 * shares.by_label[label].share, abs=0.00501)


def test_alerts_are_counted_and_told_with_their_remedies() -> None:
    alerts = COMPONENTS["alerts"]
    for summary in (ALERTS, NO_ALERTS):
        message = json.loads(summary.to_json())
        assert rendered(alerts["value_template"], value_json=message) == str(summary.number)
        told = json.loads(rendered(alerts["json_attributes_template"], value_json=message))
        assert [each["remedy"] for each in told["alerts"]] == [each.remedy for each in summary.alerts]
    for message in NOT_WINDOWS:
        assert rendered(alerts["value_template"], value_json=message) == "None"


def test_what_is_withheld_is_unknown_and_never_zero() -> None:
    figures = [key for key in COMPONENTS if key.startswith(("emotion_", "share_"))]
    assert len(figures) == 15
    for window in (SUPPRESSED, EMOTIONS_WITHHELD, HEADCOUNT):
        assert {state(key, window) for key in figures} == {"None"}
    assert state("faces", SUPPRESSED) == "None"
    assert state("faces", EMOTIONS_WITHHELD) == state("faces", HEADCOUNT) == "27.39"
    # A zero that was measured is one.
    assert (state("emotion_disgust", WINDOW), state("share_disgust", WINDOW)) == ("0.0", "0.0")


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)
parts = st.one_of(leaves, st.dictionaries(st.sampled_from([*LABELS, UNKNOWN, "front", "away", "mean", "what"]), leaves))
shares_of_label = st.dictionaries(st.sampled_from(["share", "low", "high"]), leaves)
messages = st.dictionaries(st.sampled_from([
    "frames", "faces", "facing", "counts", "people", "withheld",
    "number", "alerts", "fps", "temperature_c", "rss_mb", "outbox_depth", "mode", "reason", "since",
]), parts)  # fmt: skip
estimates = st.one_of(leaves, st.dictionaries(st.sampled_from(LABELS), st.one_of(leaves, shares_of_label)))


@settings(max_examples=60, deadline=None)
@given(message=messages, estimate=estimates)
def test_whatever_a_room_sends_is_a_number_or_unknown(message: dict[str, Any], estimate: object) -> None:
    """Home Assistant logs a template that fails, and a measurement that is no number, at each message."""
    for component in COMPONENTS.values():
        if "value_template" in component:
            shown = rendered(component["value_template"], value_json={**message, "estimate": estimate})
            if "state_class" in component and shown != "None":
                assert math.isfinite(float(shown))
        if "json_attributes_template" in component:
            rendered(component["json_attributes_template"], value_json={**message, "estimate": estimate})


def test_too_few_people_is_on_while_figures_are_withheld_and_says_why() -> None:
    assert [state("suppressed", window) for window in (WINDOW, SUPPRESSED, EMOTIONS_WITHHELD, HEADCOUNT)] == [
        "OFF", "ON", "OFF", "OFF",
    ]  # fmt: skip
    unseen = SUPPRESSED.model_copy(update={"frames": 0})
    assert state("suppressed", unseen) == "None", "nobody knows"
    assert attributes("suppressed", unseen) == {"what": "figures", "reason": None}
    assert attributes("suppressed", SUPPRESSED) == {"what": "figures", "reason": "few_people"}
    assert attributes("suppressed", EMOTIONS_WITHHELD) == {"what": "emotions", "reason": "few_front"}
    assert attributes("suppressed", WINDOW) == {"what": None, "reason": None}


def test_a_message_that_is_no_window_is_unknown() -> None:
    for key in ("faces", "suppressed", "emotion_happy", "share_happy"):
        template = COMPONENTS[key]["value_template"]
        assert rendered(template) == "None"  # an empty message: `latest` was removed
        for payload in NOT_WINDOWS:
            assert rendered(template, value_json=payload) in ("None", "OFF"), payload
        assert rendered(template, value_json={}) == "None"
    for key in ("suppressed", "share_happy"):
        for payload in NOT_WINDOWS:
            told = json.loads(rendered(COMPONENTS[key]["json_attributes_template"], value_json=payload))
            assert set(told.values()) == {None}


# Without Jinja


def test_people_read_adjectives_and_ids_stay() -> None:
    names = {key: component.get("name") for key, component in COMPONENTS.items()}
    assert (names["emotion_fear"], names["share_fear"]) == ("Afraid", "Afraid share")
    assert (names["emotion_disgust"], names["emotion_surprise"]) == ("Disgusted", "Surprised")
    assert names["emotion_unknown"] == "Unknown emotion"
    assert COMPONENTS["emotion_fear"]["unique_id"] == "edge_classroom_room-204_emotion_fear"
    assert COMPONENTS["suppressed"]["unique_id"] == "edge_classroom_room-204_suppressed"
    assert names["suppressed"] == "Too few people"
    assert f"share_{UNKNOWN}" not in COMPONENTS


def test_no_label_leaves_its_string_in_a_share() -> None:
    for label in ("it's", "{{ 1 }}", "x%}"):
        component = components((label,))[f"share_{identifier(label)}"]
        for template in (component["value_template"], component["json_attributes_template"]):
            assert label not in template
