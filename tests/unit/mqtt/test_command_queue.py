"""Commands: what is accepted, what is refused, and that nothing anybody sends does harm."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.config.schema import Config
from edge.contract.commands import REQUESTS, IntervalRequest, PauseRequest, Request
from edge.daemon.command_handlers import CommandHandlers
from edge.errors import ConfigError, EdgeError
from edge.mqtt.command_queue import CommandError, CommandQueue, Reply, parse
from edge.mqtt.properties import IncomingMessage
from tests.support.publishing import TOPICS


def incoming(payload: bytes, name: str = "pause", **more: Any) -> IncomingMessage:
    facts: dict[str, Any] = {"retained": False, "response_topic": None, "correlation": None, **more}
    return IncomingMessage(topic=TOPICS.command(name), payload=payload, **facts)


class Recorder:
    """The parts that commands reach, in one; it only records what they are asked to do."""

    def __init__(self, config: Config | None = None, *, fails: bool = False) -> None:
        self.config = config or Config()
        self.fails = fails
        self.done: list[tuple[str, Any]] = []
        self.reads = 0

    def _do(self, what: str, value: Any = None) -> None:
        self.done.append((what, value))
        if self.fails:
            raise EdgeError("the disk is full", "delete something")

    def read_config(self) -> Config:
        self.reads += 1
        if self.fails:
            raise ConfigError("config.yaml:3: found 0")
        return Config.model_validate({"window": {"seconds": 3}})

    @property
    def wanted(self) -> Config:
        return self.config

    def reload(self, by: str) -> None:
        self.apply(self.read_config(), by)

    def apply(self, config: Config, by: str) -> None:
        self._do("apply", config.window.seconds)
        self.config = config

    def pause(self, by: str) -> None:
        self._do("pause", by)

    def resume(self, by: str) -> None:
        self._do("resume", by)

    def publish(self) -> None:
        self._do("health")


def handlers_of(recorder: Any) -> CommandHandlers:
    return CommandHandlers(pauses=recorder, reload=recorder, health=recorder)


def give(daemon: Recorder, *messages: IncomingMessage) -> list[Reply]:
    replies: list[Reply] = []
    commands = CommandQueue(TOPICS, replies.append, ["homeassistant"])
    control = handlers_of(daemon)
    for message in messages:
        commands.receive(message)
    while True:
        before = len(replies)
        commands.serve(control.handlers)
        if len(replies) == before:
            return replies


@pytest.mark.parametrize(
    ("name", "payload", "done"),
    [
        ("pause", b"", ("pause", "somebody over MQTT")),
        ("pause", b"on", ("pause", "somebody over MQTT")),
        ("pause", b' {"by": "Mrs Doe"} ', ("pause", "Mrs Doe, over MQTT")),
        ("pause", b"OFF", ("resume", "somebody over MQTT")),
        ("pause", b'{"pause": false}', ("resume", "somebody over MQTT")),
        ("resume", b"", ("resume", "somebody over MQTT")),
        ("interval", b"2.5", ("apply", 2.5)),
        ("interval", b'{"seconds": 60}', ("apply", 60.0)),
        ("reload", b"", ("apply", 3.0)),
        ("health", b"", ("health", None)),
    ],
)
def test_a_command_is_carried_out_and_answered(name: str, payload: bytes, done: tuple[str, Any]) -> None:
    daemon = Recorder()
    replies = give(daemon, incoming(payload, name))
    assert daemon.done == [done]
    assert [(r.topic, json.loads(r.payload)) for r in replies] == [
        (f"classroom/room-9/cmd/{name}/response", {"status": "ok", "error": None, "id": None})
    ]


def test_a_flood_of_intervals_ends_a_few_windows_a_minute_and_the_next_minute_has_its_own() -> None:
    daemon, now = Recorder(), [1000.0]
    control = CommandHandlers(pauses=daemon, reload=daemon, health=daemon, monotonic=lambda: now[0])  # type: ignore[arg-type]
    interval = control.handlers["interval"]

    def refused(first: int, last: int) -> int:
        count = 0
        for seconds in range(first, last + 1):
            try:
                interval(IntervalRequest(seconds=seconds))
            except CommandError as error:
                assert "interval: at most 10 a minute" in str(error)
                count += 1
        return count

    assert refused(1, 100) == 90
    assert daemon.config.window.seconds == len(daemon.done) == 10
    now[0] += 59.0
    assert refused(10, 11) == 1  # the window has the first length already: nothing to do, so nothing to refuse
    now[0] += 1.0
    assert refused(101, 200) == 90


@pytest.mark.parametrize("fails", [False, True])
def test_a_flood_of_reloads_reads_the_file_a_few_times_a_minute(fails: bool) -> None:  # noqa: FBT001
    daemon, now = Recorder(fails=fails), [1000.0]
    control = CommandHandlers(pauses=daemon, reload=daemon, health=daemon, monotonic=lambda: now[0])  # type: ignore[arg-type]

    def flood() -> int:
        """How often the file has been read by now."""
        for _ in range(100):
            with contextlib.suppress(EdgeError):
                control.handlers["reload"](Request())
        return daemon.reads

    assert flood() == 10
    with pytest.raises(CommandError, match="reload: at most 10 a minute; try again later"):
        control.handlers["reload"](Request())
    now[0] += 60.0
    assert flood() == 20


@pytest.mark.parametrize(
    ("name", "payload", "more", "expected"),
    [
        ("dance", b"", {}, "there are pause, resume"),
        ("pause", b"on", {"retained": True}, "retain"),
        ("pause", b" " * 4097, {}, "4097 bytes are too many"),
        ("pause", b"perhaps", {}, "send on, off or nothing"),
        ("pause", b"\xff\xfe", {}, "send on, off or nothing"),
        ("pause", b'{"pause": 1}', {}, "pause: pause"),
        ("pause", b'{"paus": true}', {}, "paus"),
        ("pause", b'{"by": "\\u001b[2J"}', {}, "by"),
        ("pause", b'{"x\\n12:00:00 INFO resumed\\u001b[31m": 1}', {}, "x?12:00:00 INFO resumed?[31m"),
        ("pause", b"[" * 4000, {}, "send on, off"),
        ("pause", b'{"a":' * 600, {}, "pause"),
        ("resume", b"now", {}, "send nothing"),
        ("interval", b"", {}, "a number of seconds"),
        ("interval", b"nan", {}, "a number of seconds"),
        ("interval", b"1e999", {}, "a number of seconds"),
        ("interval", b'{"seconds": NaN}', {}, "seconds"),
        ("interval", b"0", {}, "from 1 to 3600"),
        ("interval", b"999999999", {}, "from 1 to 3600"),
        ("interval", b'{"seconds": "5"}', {}, "seconds"),
        ("interval", b'{"seconds": true}', {}, "seconds"),
        ("interval", b"true", {}, "a number of seconds"),
        ("interval", b"1:30", {}, "a number of seconds"),
        ("interval", b"1_0", {}, "a number of seconds"),
    ],
)
def test_what_is_wrong_is_refused_and_said(name: str, payload: bytes, more: dict[str, Any], expected: str) -> None:
    daemon = Recorder()
    (reply,) = give(daemon, incoming(payload, name, **more))
    answer = json.loads(reply.payload)
    assert not daemon.done
    assert answer["status"] == "error"
    assert expected in answer["error"]
    assert len(reply.payload) < 600


def test_what_fails_is_said_with_the_id_of_the_command() -> None:
    daemon = Recorder(fails=True)
    for name, text in (("pause", "the disk is full: delete something"), ("reload", "config.yaml:3: found 0")):
        (reply,) = give(daemon, incoming(b'{"id": "a7"}', name))
        assert json.loads(reply.payload) == {"status": "error", "error": text, "id": "a7"}


def test_resuming_over_mqtt_can_be_forbidden_and_pausing_cannot() -> None:
    config = Config.model_validate({"privacy": {"allow_remote_resume": False}})
    daemon = Recorder(config)
    answers = [json.loads(r.payload) for r in give(daemon, incoming(b"", "resume"), incoming(b"off"), incoming(b"on"))]
    assert [a["status"] for a in answers] == ["error", "error", "ok"]
    assert "edge resume" in answers[0]["error"]
    assert [what for what, _ in daemon.done] == ["pause"]


def test_of_what_waited_at_the_broker_a_pause_is_obeyed_and_its_end_refused() -> None:
    daemon = Recorder()
    sent = [(b'{"id": 1}', "resume"), (b"off", "pause"), (b"on", "pause"), (b"", "health")]
    replies = give(daemon, *(incoming(payload, name, waited=True) for payload, name in sent))
    answers = [json.loads(reply.payload) for reply in replies]
    assert sorted((answer["status"], answer["id"]) for answer in answers if answer["id"]) == [("error", 1)]
    assert sum("send it again" in (answer["error"] or "") for answer in answers) == 2
    assert sorted(what for what, _ in daemon.done) == ["health", "pause"]


@pytest.mark.parametrize(
    ("wanted", "used"),
    [
        ("reply/here", "reply/here"),
        ("classroom/room-2/cmd/pause", "classroom/room-9/cmd/health/response"),
        ("cmd/pause", "classroom/room-9/cmd/health/response"),
        ("classroom/room-9/window", "classroom/room-9/cmd/health/response"),
        ("classroom/room-2/alert/camera", "classroom/room-9/cmd/health/response"),
        ("homeassistant/status", "classroom/room-9/cmd/health/response"),
        ("classroom/panel/response", "classroom/panel/response"),
        ("$SYS/broker", "classroom/room-9/cmd/health/response"),
        (None, "classroom/room-9/cmd/health/response"),
    ],
)
def test_answers_go_where_they_are_wanted_but_never_to_become_commands(wanted: str | None, used: str) -> None:
    (reply,) = give(Recorder(), incoming(b"", "health", response_topic=wanted, correlation=b"\x00\xff"))
    assert (reply.topic, reply.correlation) == (used, b"\x00\xff")


def test_other_topics_are_none_of_its_business_and_a_flood_is_bounded() -> None:
    replies: list[Reply] = []
    commands = CommandQueue(TOPICS, replies.append)
    assert not commands.receive(IncomingMessage("classroom/room-8/cmd/pause", b"", False, None, None))
    assert not commands.receive(IncomingMessage("classroom/room-9/cmd/pause/response", b"", False, None, None))
    for _ in range(1000):
        assert commands.receive(incoming(b"", "health"))
    control = handlers_of(Recorder())
    for _ in range(100):
        commands.serve(control.handlers)
    assert len(replies) == 100


def test_a_pause_waits_behind_no_flood_and_is_answered() -> None:
    replies: list[Reply] = []
    daemon = Recorder()
    commands = CommandQueue(TOPICS, replies.append)
    for number in range(5000):
        commands.receive(incoming(b"", "health"))
        if number % 500 == 250:
            commands.receive(incoming(b"", "resume" if number % 1000 == 750 else "pause"))
    commands.serve(handlers_of(daemon).handlers)
    assert [what for what, _ in daemon.done[:10]] == ["pause", "resume"] * 5
    assert len(replies) == 20
    assert [reply.topic.rpartition("cmd/")[2] for reply in replies[:2]] == ["pause/response", "resume/response"]


def flooded(*floods: IncomingMessage, then: IncomingMessage, allow: bool = True) -> tuple[Recorder, list[Reply]]:
    """A message in the midst of a flood of others: what was done, and what was answered."""
    replies: list[Reply] = []
    daemon = Recorder(Config.model_validate({"privacy": {"allow_remote_resume": allow}}))
    commands = CommandQueue(TOPICS, replies.append)
    control = handlers_of(daemon)
    for number in range(5000):
        commands.receive(floods[number % len(floods)])
        if number == 2500:
            commands.receive(then)
    while commands.waiting:
        commands.serve(control.handlers)
    return daemon, replies


@pytest.mark.parametrize("flood", [b"off", b" " * 10_000, b"\x1b[2J", b'{"pause": false}'])
def test_a_pause_is_not_lost_in_a_flood_of_what_is_refused(flood: bytes) -> None:
    daemon, replies = flooded(incoming(flood), then=incoming(b'{"by": "Mrs Doe"}'), allow=False)
    assert daemon.done == [("pause", "Mrs Doe, over MQTT")]
    assert any(json.loads(reply.payload)["status"] == "ok" for reply in replies)
    assert len(replies) <= 200


def test_in_a_flood_of_both_the_newest_decides_and_little_is_carried_out_at_a_time() -> None:
    daemon, _ = flooded(incoming(b"on"), incoming(b"off"), then=incoming(b"on"))
    assert daemon.done[-1] == ("resume", "somebody over MQTT")
    assert len(daemon.done) < 200
    daemon, _ = flooded(incoming(b"off"), then=incoming(b"on"))
    assert [what for what, _ in daemon.done].count("pause") == 1
    assert daemon.done[-1] == ("resume", "somebody over MQTT")


def test_a_resume_comes_through_a_flood_of_what_is_not_valid() -> None:
    daemon, _ = flooded(incoming(b"junk"), then=incoming(b"off"))
    assert daemon.done == [("resume", "somebody over MQTT")]


@pytest.mark.parametrize("word", [b"off", b"on"])
def test_between_two_frames_only_some_are_carried_out(word: bytes) -> None:
    replies: list[Reply] = []
    daemon = Recorder()
    commands = CommandQueue(TOPICS, replies.append)
    for _ in range(1000):
        commands.receive(incoming(word))
    commands.serve(handlers_of(daemon).handlers)
    assert 0 < len(daemon.done) <= 20


def test_a_flood_leaves_few_lines_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    flooded(incoming(b"junk"), incoming(b"on"), then=incoming(b"off"))
    assert len(caplog.records) < 40


WORDS = st.sampled_from([b"", b"on", b"off", b"5", b"-1", b"{}", b'{"seconds":2}', b'{"pause":true}', b'{"by":"x"}'])
KEYS = st.sampled_from(["id", "by", "pause", "seconds", "x", ""])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=90) | st.lists(st.integers())
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda o: json.dumps(o).encode())
PAYLOADS = WORDS | OBJECTS | st.binary(max_size=200) | st.text().map(str.encode) | st.just(b"{" * 5000)
NAMES = st.sampled_from(sorted(REQUESTS)) | st.text(alphabet=st.characters(exclude_characters="+#/"), max_size=20)


def is_valid(name: str, payload: bytes) -> bool:
    """The rules once more, in other words."""
    text = payload.strip()
    if text.startswith(b"{"):
        try:
            return is_valid_object(name, json.loads(text.decode()))
        except ValueError:
            return False
    word = text.decode("latin-1").lower()
    if name == "interval":
        figures = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word)
        return figures is not None and 1 <= float(word) <= 3600
    return word == "" or (name == "pause" and word in ("on", "off"))


def is_valid_object(name: str, value: dict[str, Any]) -> bool:
    allowed: dict[str, tuple[type, ...]] = {"id": (str, int, type(None)), "by": (str, type(None))}
    more: dict[str, dict[str, tuple[type, ...]]] = {"pause": {"pause": (bool,)}, "interval": {"seconds": (int, float)}}
    allowed |= more.get(name, {})
    if any(key not in allowed or type(item) not in allowed[key] for key, item in value.items()):
        return False
    by, identity = value.get("by"), value.get("id")
    if by is not None and (not 1 <= len(by) <= 80 or re.search(r"[\x00-\x1f\x7f-\x9f]", by)):
        return False
    if isinstance(identity, str) and len(identity) > 128:
        return False
    return name != "interval" or 1 <= value.get("seconds", 0) <= 3600


COMMANDS = st.tuples(NAMES, PAYLOADS, st.booleans(), st.none() | st.text(max_size=30))


@settings(max_examples=500)
@given(st.lists(COMMANDS, min_size=20, max_size=20))  # by the twenty: an example costs more than a command
@example([("interval", b'{"seconds": 1e400}', False, None)])
@example([("pause", b'{"id": 1e5}', False, None)])
@example([("health", '{"by": "\ud800"}'.encode("utf-8", "surrogatepass"), False, None)])
def test_ten_thousand_commands_change_nothing_unless_they_are_valid(
    commands: list[tuple[str, bytes, bool, str | None]],
) -> None:
    for name, payload, retained, wanted in commands:
        daemon = Recorder()
        replies = give(daemon, incoming(payload, name, retained=retained, response_topic=wanted))
        if "/" in name:
            continue
        if retained and not payload:  # a retained message was cleared
            assert (replies, daemon.done) == ([], [])
            continue
        assert len(replies) == 1
        answer = json.loads(replies[0].payload)
        valid = name in REQUESTS and not retained and len(payload) <= 4096 and is_valid(name, payload)
        assert (answer["status"] == "ok") == valid
        assert bool(daemon.done) == valid


def test_a_name_that_is_no_command_is_answered_unless_it_is_endless() -> None:
    daemon = Recorder()
    (reply,) = give(daemon, incoming(b"", "paws"))
    assert "there is no such command" in json.loads(reply.payload)["error"]
    assert give(daemon, incoming(b"", "z" * 20_000)) == []


def test_requests_say_what_they_hold() -> None:
    assert parse("pause", incoming(b"off")) == PauseRequest(pause=False)
    assert parse("interval", incoming(b"7")) == IntervalRequest(seconds=7)
    with pytest.raises(CommandError, match="no such command"):
        parse("x", incoming(b""))
