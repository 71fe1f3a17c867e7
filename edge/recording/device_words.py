"""What is stored of a batch beside windows: of what one device repeats or takes back at once, only what counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge.contract.causes import without_names
from edge.contract.machine_messages import MachineInfo
from edge.contract.payloads import State
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.recording.deleted_spans import DeletedSpans
from edge.recording.places import written_place

MOST_WORDS = 2
"""Changes of availability, and of what is hidden, that are kept of a device and batch: all would be of one moment, and
these say that it changed in it, and how it was in the end."""


class DeviceWords(NamedTuple):
    """By device, in order.

    Attributes:
        states: Each once, without the name of who paused. None is left out: they have times of their own.
        availability: Words of which none is as the one before.
        infos: As availability: what is hidden or withheld.
        newer: Windows of a schema that we do not know.
    """

    states: list[tuple[str, State]]
    availability: dict[str, list[bool]]
    infos: dict[str, list[MachineInfo]]
    newer: list[tuple[str, NewerWindow]]


def words_of(messages: Iterable[DeviceMessage], deleted: DeletedSpans) -> DeviceWords:
    """What counts of a batch.

    Args:
        messages: The batch; windows are passed over.
        deleted: Times of which nothing is stored any more.
    """
    states: dict[tuple[str, State], None] = {}
    moved: dict[tuple[str, str], State] = {}
    words = DeviceWords([], {}, {}, [])
    for message in messages:
        device, content = message.device, message.content
        if isinstance(content, State):
            content = content.model_copy(update={"reason": without_names(content.reason)})
            state = deleted.lasting(device, content)
            if state is not None and state.since != content.since:  # of several of a deleted time the last one lasts
                moved[device, state.since] = state
            elif state is not None:
                states[device, state] = None
        elif isinstance(content, bool):
            known = words.availability.setdefault(device, [])
            if known[-1:] != [content]:
                known.append(content)
                del known[:-MOST_WORDS]
        elif isinstance(content, MachineInfo):
            told = words.infos.setdefault(device, [])
            if not told or written_place(told[-1]) != written_place(content):
                told.append(content)
                del told[:-MOST_WORDS]
        elif isinstance(content, NewerWindow) and not deleted.covers_newer(device, content.payload):
            words.newer.append((device, content))
    words.states.extend(states)
    words.states.extend((device, state) for (device, _), state in moved.items())
    return words
