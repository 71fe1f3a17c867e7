"""What half a minute says of a place: in the drawn room, whose numbers are known, and of made-up frames."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.daemon.paths import place_path
from edge.errors import EdgeError
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web.setup.frame_facts import FaceFacts, FrameFacts
from edge.web.setup.place import SECONDS, PlaceCalibration
from edge.web.setup.place_file import geometry
from edge.web.setup.preview_analyzer import PreviewAnalyzer

DECLARED = {"responsible": "us", "legal_basis": "test"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def models() -> ModelSet:
    return ModelSet.load(ModelChoice.of(Config()))


def config(**sections: Any) -> Config:
    return Config.model_validate({"deployment": DECLARED, **sections})


def face(height: float = 50, *, front: bool | None = True, lit: bool = True, inside: bool = True) -> FaceFacts:
    return FaceFacts((100, 100, 40, height), height >= 24, front if height >= 24 else None, 0, lit, inside)


def run(calibration: PlaceCalibration, clock: Clock, *faces: FaceFacts, rate: int = 2, seconds: int = SECONDS) -> None:
    calibration.start()
    for number in range(rate * seconds):
        clock.now += 1 / rate
        calibration.add(FrameFacts(clock.now, (1280, 720), faces, against=False, sharpness=10 + number % 2))
    clock.now += SECONDS


def texts(sentences: list[dict[str, Any]]) -> str:
    return "\n".join(each["text"].format_map(each["values"]) for each in sentences)


@pytest.mark.parametrize("people", [5, 25, 40])
def test_the_drawn_room(people: int, models: ModelSet, clock: Clock) -> None:
    settings = config(privacy={"min_faces": 3})
    scene = Scene(read_portraits(), faces=people)
    analyzer = PreviewAnalyzer(models, settings.vision)
    calibration = PlaceCalibration(settings, clock)
    calibration.start()
    front, there, frames = 0, 0, 0
    while calibration.state == "running":
        clock.now += 0.5
        elapsed = clock.now - 1000
        truth = scene.truth(elapsed)
        front, there, frames = front + sum(p.front for p in truth), there + len(truth), frames + 1
        analyzer.describe(Frame(scene.render(elapsed), clock.now))
        facts = analyzer.facts
        assert facts is not None
        calibration.add(facts)
    result = calibration.status()["result"]
    assert result["seconds"] == SECONDS
    assert result["people"]["mean"] == pytest.approx(there / frames, rel=0.03)
    assert result["people"]["low"] <= result["people"]["mean"] <= result["people"]["high"]
    assert result["shares"]["front"]["mean"] == pytest.approx(front / there, abs=0.08)
    for share in ("large", "lit", "inside"):
        assert result["shares"][share]["mean"] == pytest.approx(1, abs=0.02), share
    will = texts(result["will"])
    assert f"about {round(result['people']['mean'])} here" in will
    if people > 5:
        assert "98 % were named rightly (91 to 100 %)" in will
    else:  # in some second only two look this way
        assert "Expressions: fewer than 3 faces" in texts(result["will_not"])
    assert "12 % are taken for turned away (8 to 20 %)" in will
    assert "What anybody feels" in texts(result["will_not"])
    assert "back rows" not in texts(result["will_not"])


def test_back_rows_bad_light_and_a_count_area(clock: Clock) -> None:
    calibration = PlaceCalibration(config(), clock)
    rows = [face()] * 12 + [face(front=False)] * 4 + [face(14)] * 8
    outside = [face(inside=False)] * 6
    run(calibration, clock, *rows[2:], *[face(lit=False)] * 2, *outside)
    result = calibration.status()["result"]
    shares = {name: each["mean"] for name, each in result["shares"].items()}
    assert shares == pytest.approx({"large": 16 / 24, "lit": 22 / 24, "inside": 24 / 30, "front": 12 / 16}, abs=1e-3)
    assert result["people"] == {"mean": 24.0, "low": 24.0, "high": 24.0}
    assert result["sharp"] == 1.0  # means of a second, not frames
    will_not = texts(result["will_not"])
    assert "back rows: 33 % of the faces are less than 24 px high" in will_not
    assert "poor light: 8 %" in will_not
    assert "outside the count area: 20 %" in will_not
    expected = result["expected"]
    # 16 faces of 48 to 96 px and 8 of 10 to 24 px were found.
    assert expected["missed"]["mean"] == pytest.approx(1 - 24 / (16 * 648 / 605 + 8 * 1345 / 719), abs=1e-3)
    assert expected["lost_front"]["mean"] == 0.125
    assert "how many people there are" not in will_not.lower() or expected["missed"]["mean"] > 0.25


def test_seconds_weigh_the_same_however_many_frames_they_have(clock: Clock) -> None:
    calibration = PlaceCalibration(config(), clock)
    calibration.start()
    for second in range(SECONDS):
        full = second % 2
        for _ in range(20 if full else 1):
            faces = (face(),) * (20 if full else 10)
            calibration.add(FrameFacts(clock.now, (1280, 720), faces, against=False, sharpness=1))
        clock.now += 1
    assert calibration.status()["result"]["people"] == {"mean": 15.0, "low": 10.0, "high": 20.0}


@pytest.mark.parametrize("people", [0, 1, 4])
def test_figures_of_few_people_are_withheld(people: int, clock: Clock, tmp_path: Path) -> None:
    calibration = PlaceCalibration(config(), clock)
    run(calibration, clock, *[face()] * people)
    result = calibration.status()["result"]
    assert result["withheld"] == "few_people"
    assert (result["people"], result["shares"], result["expected"], result["will"]) == (None, None, None, [])
    assert "Fewer than 5 people" in texts(result["will_not"])
    calibration.keep(tmp_path / "room.place")
    kept = json.loads((tmp_path / "room.place").read_text())["figures"]
    assert {name for name, value in kept.items() if value is not None} == {"seconds", "sharp", "enough"}


def test_a_moment_with_few_people_withholds_all_of_it(clock: Clock) -> None:
    calibration = PlaceCalibration(config(), clock)
    calibration.start()
    for second in range(SECONDS):
        faces = (face(),) * (2 if second == 11 else 30)
        calibration.add(FrameFacts(clock.now, (1280, 720), faces, against=False, sharpness=1))
        clock.now += 1
    assert calibration.status()["result"]["withheld"] == "few_people"


def test_few_near_faces_withhold_what_is_about_them(clock: Clock, tmp_path: Path) -> None:
    calibration = PlaceCalibration(config(), clock)
    run(calibration, clock, *[face(14)] * 20, *[face()] * 3)
    result = calibration.status()["result"]
    assert result["people"]["mean"] == 23
    assert result["shares"]["front"] is None
    said = texts(result["will_not"])
    assert "fewer than 5 are 24 px high" in said
    assert "Expressions: fewer than 5 faces" in said
    assert "of faces as small as here, 4" in said
    calibration.keep(tmp_path / "x.place")
    kept = json.loads((tmp_path / "x.place").read_text())["figures"]
    assert (kept["front"], kept["judged"], kept["named"]) == (None, None, None)


def test_a_mode_speaks_of_what_it_measures(clock: Clock) -> None:
    for mode, words in (("headcount", 0), ("facing", 1), ("emotions", 1)):
        calibration = PlaceCalibration(config(mode=mode), clock)
        run(calibration, clock, *[face(front=None if mode == "headcount" else True)] * 20)
        result = calibration.status()["result"]
        said = texts([*result["will"], *result["will_not"]])
        assert said.count("turned to the front: ") == words
        assert ("xpressions" in said) == (mode == "emotions")
        assert (result["expected"]["lost_front"] is None) == (mode == "headcount")
        assert (result["expected"]["right"] is None) == (mode != "emotions")


def test_other_settings_than_those_of_the_benchmark_get_none_of_its_figures(clock: Clock) -> None:
    calibration = PlaceCalibration(config(vision={"min_confidence": 0.8}), clock)
    run(calibration, clock, *[face()] * 20)
    result = calibration.status()["result"]
    assert result["expected"]["right"] is None
    assert "was not measured with these settings" in texts(result["will"])


def test_its_life(clock: Clock, tmp_path: Path) -> None:
    calibration = PlaceCalibration(config(), clock)
    assert calibration.status() == {"state": "idle", "progress": 0.0, "result": None}
    with pytest.raises(EdgeError, match="let the calibration run to its end"):
        calibration.keep(tmp_path / "x.place")
    calibration.start()
    clock.now += 15
    assert calibration.status() == {"state": "running", "progress": 0.5, "result": None}
    calibration.cancel()
    assert calibration.state == "idle"
    run(calibration, clock, *[face()] * 20, seconds=8)  # then the camera hangs
    result = calibration.status()["result"]
    assert result["withheld"] == "short"
    assert "9 seconds only" in texts(result["will_not"])
    with pytest.raises(EdgeError):
        calibration.keep(tmp_path / "x.place")
    assert list(tmp_path.iterdir()) == []
    run(calibration, clock, *[face()] * 20)
    assert calibration.status()["progress"] == 1


def test_numbers_alone_are_kept_and_for_their_owner_only(clock: Clock, tmp_path: Path) -> None:
    secret = {"source": "rtsp://installer:hunter2@192.168.1.9/stream"}
    settings = config(camera=secret, outbox={"path": str(tmp_path / "deep" / "room.sqlite")})
    calibration = PlaceCalibration(settings, clock)
    run(calibration, clock, *[face()] * 20)
    path = place_path(settings)
    assert path == tmp_path / "deep" / "room.place"
    calibration.keep(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["room.place"]
    content = path.read_text()
    record = json.loads(content)
    assert record["figures"]["people"] == [20.0, 20.0, 20.0]
    assert not any(word in content for word in ("hunter2", "192.168", "installer", "How many"))
    other_password = config(camera={"source": "rtsp://installer:hunter3@192.168.1.9/stream"})
    assert geometry(other_password) == record["camera"]
    masked = config(camera={**secret, "masks": [[[0, 0], [0.5, 0], [0.5, 0.5]]]})
    assert geometry(masked) != record["camera"]
    turned = config(camera={**secret, "rotation": 180}, outbox={"path": str(tmp_path / "b.sqlite")})
    other = PlaceCalibration(turned, clock)
    run(other, clock, *[face()] * 20)
    other.keep(place_path(turned))
    assert json.loads(place_path(turned).read_text())["camera"] != record["camera"]


def test_a_disk_that_takes_nothing_is_one_sentence(clock: Clock, tmp_path: Path) -> None:
    calibration = PlaceCalibration(config(), clock)
    run(calibration, clock, *[face()] * 20)
    (tmp_path / "file").touch()
    with pytest.raises(EdgeError, match=r"x.place cannot be written .*: check the disk"):
        calibration.keep(tmp_path / "file" / "x.place")
