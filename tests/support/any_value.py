"""A window with any value in one of its places."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from edge.contract.validation import DeviceMessage
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from tests.support.recordings import message

ANY_VALUE = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4)


def window_with(value: Any, data: st.DataObject) -> DeviceMessage | None:
    """As the recorder takes it; None: it is refused."""
    content = message(7)
    places = [content, content["window"], content["faces"], content["counts"], content["estimate"], content["quality"]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    payload = json.dumps(content).encode()
    try:
        found = examine("classroom", Delivery("classroom/room-1/window", payload, 1, 1, 1))
    except ValueError:
        return None
    assert found is not None
    return found
