"""Our reason codes against those of paho."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.mqtt.reason_codes import Reason


def test_our_numbers_are_those_of_mqtt() -> None:
    packets = (PacketTypes.CONNACK, PacketTypes.DISCONNECT, PacketTypes.PUBACK)
    for reason in Reason:
        names = {
            name for name, used in ReasonCode.names[reason.value].items() if any(packet in used for packet in packets)
        }
        assert {name.upper().replace(" ", "_") for name in names} == {reason.name}
