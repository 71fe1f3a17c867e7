"""Figures checked by hand, the report's page, and the calibration file."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.model_files.calibration import calibration_path, read_calibration
from edge.model_files.cards import SHIPPED, EmotionCard, Input, read_card
from models import calibrate, evaluate, runner
from models.data import PUBLIC
from models.labels import HEADS, LABELS
from models.metrics import Confusion, Reliability, softmax
from models.plots import Axis, heat_map, line_chart
from models.report import read_log, write_report
from tests.support.paths import FER2013

COUNTS = np.array([[6, 2, 0], [1, 3, 0], [2, 0, 0]])  # the third class is never guessed
VOTE_COLUMN = (4, 5, 6, 1, 3, 2, 0)  # where FERPlus counts the votes for each label
LOG = "epoch,rate,train_loss,public_fer2013,public_ferplus\n1,1e-3,2.5,0.3,0.4\n2,1e-3,1.5,,0.6\n3,1e-3,1.25,0.5,0.7\n"
SECTIONS = ["Summary", "Output ferplus", "Classes", "Confusion matrix", "Reliability", "Output fer2013", "Face size",
            "Darkness", "Training"]  # fmt: skip


def test_figures_by_hand() -> None:
    confusion = Confusion(COUNTS)
    assert confusion.rows == 14
    assert confusion.accuracy == pytest.approx(9 / 14)
    assert confusion.recall == pytest.approx([6 / 8, 3 / 4, 0])
    assert confusion.precision == pytest.approx([6 / 9, 3 / 5, np.nan], nan_ok=True)
    assert confusion.f1 == pytest.approx([12 / 17, 6 / 9, 0])
    assert confusion.balanced_accuracy == pytest.approx(1.5 / 3)
    assert confusion.macro_f1 == pytest.approx((12 / 17 + 6 / 9) / 3)
    assert confusion.weighted_f1 == pytest.approx((8 * 12 / 17 + 4 * 6 / 9) / 14)


def test_weighted_f1_of_extremes() -> None:
    assert Confusion(np.diag([5, 1, 0])).weighted_f1 == pytest.approx(1)
    assert Confusion(np.array([[0, 4], [2, 0]])).weighted_f1 == 0
    assert np.isnan(Confusion(np.zeros((3, 3), np.int64)).weighted_f1)


def test_softmax_by_hand() -> None:
    logits = np.log(np.array([[1, 3], [9, 1]], np.float32))
    assert softmax(logits, 1) == pytest.approx(np.array([[0.25, 0.75], [0.9, 0.1]]), abs=1e-6)
    assert softmax(logits, 2)[1] == pytest.approx([0.75, 0.25], abs=1e-6)  # the square roots of 9 and 1
    assert softmax(np.array([[3e4, -3e4]], np.float32), 0.05)[0].tolist() == [1, 0]


def test_calibration_error_by_hand() -> None:
    # Ten pictures at 0.8 of which six are right, ten at 0.55 of which seven are; two without a truth.
    shares = np.array([[0.8, 0.2]] * 10 + [[0.45, 0.55]] * 10 + [[1.0, 0.0]] * 2)
    truth = np.array([0] * 6 + [1] * 4 + [1] * 7 + [0] * 3 + [-1] * 2)
    result = Reliability.of(shares, truth)
    assert result.counts.sum() == 20
    assert result.counts[[8, 12]].tolist() == [10, 10]
    assert result.confidence[[8, 12]] == pytest.approx([0.55, 0.8])
    assert result.accuracy[[8, 12]] == pytest.approx([0.7, 0.6])
    assert result.error == pytest.approx((0.15 + 0.2) / 2)


def test_calibration_error_of_certainty_and_of_nothing() -> None:
    sure = np.eye(7)[[0, 1, 2, 3]]
    assert Reliability.of(sure, np.arange(4)).error == 0
    assert Reliability.of(sure, np.array([1, 2, 3, 4])).error == 1
    assert np.isnan(Reliability.of(sure, np.full(4, -1)).error)


def test_darker_faces_are_grey_levels_times_the_gain() -> None:
    images = np.array([[[0, 2, 100, 255]]], np.uint8)
    assert evaluate.darken(images, 0.25).tolist() == [[[0, 0, 25, 64]]]
    assert evaluate.darken(images, 0.25).dtype == np.uint8


def test_faces_are_resized_to_what_a_model_takes() -> None:
    images = np.full((2, 48, 48), 7, np.uint8)
    other = Input(width=96, height=64, channels=3, colour="grey", range=(0, 1))
    for size, shape in (
        (other, (2, 64, 96, 1)),
        (other.model_copy(update={"width": 48, "height": 48}), (2, 48, 48, 1)),
    ):
        crops = runner.fitted(images, size.height, size.width)
        assert crops.shape == shape
        assert crops.dtype == np.uint8
        assert (crops == 7).all()


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.62, 0.818], ["60%", "65%", "70%", "75%", "80%", "85%"]),
        ([0.5], ["50%", "51%"]),
        ([], ["0%", "20%", "40%", "60%", "80%", "100%"]),
    ],
)
def test_axis_holds_its_values_between_round_marks(values: list[float], ticks: list[str]) -> None:
    axis = Axis.around("accuracy", values, percent=True)
    assert [text for _, text in axis.ticks] == ticks
    assert all(0 <= axis.part(value) <= 1 for value in values)


def test_chart_leaves_out_what_is_not_a_number_and_escapes_names() -> None:
    axis = Axis("<x>", 0, 1, [(0, "&")])
    drawn = line_chart("a & b", axis, axis, {"<i>": [(0, 0), (0.5, np.nan), (1, 1)], "none": []})
    assert drawn.count("<circle") == 2
    assert "nan" not in drawn
    assert "<i>" not in drawn
    assert "<x>" not in drawn


def test_heat_map_is_darkest_where_most_pictures_are() -> None:
    labels = ("a", "b", "c")
    picture = heat_map(Confusion(np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])), labels, "title")
    assert picture.dtype == np.uint8
    corner = [[int(picture[92 + 84 * row + 6, 96 + 84 * column + 6].sum()) for column in range(3)] for row in range(3)]
    assert corner[0][0] < corner[1][1] == corner[1][2] < corner[0][1] < corner[0][2]
    assert len(set(corner[2])) == 1  # a class without pictures is pale all along


@pytest.fixture(scope="session")
def faces_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """29 PublicTest pictures of each FERPlus class when FER2013 is there, else as much noise."""
    path = tmp_path_factory.mktemp("data") / "a & b.npz"
    if FER2013.exists():
        with np.load(FER2013) as archive:
            content = {name: archive[name] for name in ("images", "label", "usage", "ferplus_votes", "dup_group")}
        votes = content["ferplus_votes"]
        best = np.where((votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1, votes.argmax(axis=1), -1)
        best[content["usage"] != PUBLIC] = -1
        rows = np.concatenate([np.flatnonzero(best == column)[:29] for column in VOTE_COLUMN])
        np.savez(path, **{name: array[rows] for name, array in content.items()})
    else:
        np.savez(path, **noise(np.arange(203) % 7))
    return path


def noise(label: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """PublicTest of random pictures with these labels, on which all ten annotators agree."""
    images = np.random.default_rng(1).integers(0, 256, (len(label), 48, 48)).astype(np.uint8)
    votes = np.zeros((len(label), 10), np.uint8)
    votes[np.arange(len(label)), np.array(VOTE_COLUMN)[label]] = 10
    usage = np.full(len(label), PUBLIC, np.int8)
    return {
        "images": images, "label": label.astype(np.int8), "usage": usage, "ferplus_votes": votes,
        "dup_group": np.full(len(label), -1),
    }  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped emotion model and its card, without a calibration file."""
    card = SHIPPED / "emotions.json"
    if not card.exists():
        pytest.skip("models/emotions.json is not there (python quantize.py makes it)")
    folder = tmp_path / "models"
    folder.mkdir()
    for file in (card, card.with_suffix(".tflite")):
        shutil.copy(file, folder)
    return folder / "emotions.tflite"


class Page(HTMLParser):
    """Reads a page strictly: every element that needs it is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.svgs = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]
        self.svgs += tag == "svg"
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"path", "circle", "rect"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"h2", "h3"}:
            self.headings.append(data)


def test_whole_evaluation_with_report(
    model: Path, faces_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, folder = tmp_path / "log.csv", tmp_path / "made" / "report"
    log.write_text(LOG)
    arguments = [str(model), str(faces_file), "--report", str(folder), "--log", str(log), "--json"]
    assert evaluate.main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    for output in result["outputs"].values():
        assert list(output["face_size"]) == ["48", "40", "32", "24", "20", "16", "12"]
        assert list(output["darkness"]) == ["1", "0.7", "0.5", "0.35", "0.25", "0.15"]
        assert output["face_size"]["48"] == output["darkness"]["1"] == output["accuracy"]
        assert sum(output["reliability"]["after"]["pictures"]) == output["pictures"]
        assert output["calibration_error"]["after"] != output["calibration_error"]["before"]
    assert result["training"]["columns"]["public_fer2013"] == [0.3, None, 0.5]

    text = (folder / "report.html").read_text()
    page = Page(text)
    assert [heading for heading in SECTIONS if heading not in page.headings] == []
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[\w+/=]*", "", text))
    assert "a &amp; b.npz" in text
    assert page.svgs == 2 + 2 + 2  # reliability, face size and darkness, loss and accuracy
    # No picture but the two matrices, and these are the files beside the page.
    assert len(page.sources) == len(HEADS)
    for head, source in zip(HEADS, page.sources, strict=True):
        content = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
        assert content == (folder / f"confusion-{head}.png").read_bytes()
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[0] > 600
    assert sorted(path.name for path in folder.iterdir()) == [
        "confusion-fer2013.png",
        "confusion-ferplus.png",
        "report.html",
    ]


def test_output_without_any_truth_is_reported_as_dashes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = noise(np.arange(14) % 7)
    np.savez(tmp_path / "faces.npz", **(content | {"ferplus_votes": content["ferplus_votes"] * 0}))
    assert evaluate.main([str(model), str(tmp_path / "faces.npz"), "--json", "--report", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)["outputs"]["ferplus"]
    assert result["pictures"] == 0
    assert {result["accuracy"], result["weighted_f1"], result["calibration_error"]["after"]} == {None}
    text = (tmp_path / "report.html").read_text()
    assert "Training" not in Page(text).headings
    assert "nan" not in re.sub(r"base64,[\w+/=]*", "", text)
    assert evaluate.main([str(model), str(tmp_path / "faces.npz")]) == 0
    assert "ferplus: 0 pictures" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"", b"epoch,loss\n", b"a,b\n1,2\n", b"\xff\xfe\n"])
def test_log_that_is_none_is_told_in_one_line_before_the_work(
    content: bytes | None, model: Path, faces_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    if content is not None:
        log.write_bytes(content)
    assert evaluate.main([str(model), str(faces_file), "--log", str(log)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "log.csv" in told[0]


def test_report_that_cannot_be_written_is_told_before_the_work(
    model: Path, faces_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert evaluate.main([str(model), str(faces_file), "--report", str(tmp_path / "file")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_log_with_ragged_and_odd_lines(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,loss\n1,0.5,9\n2\n3,inf\n4,word\n5,0.25\n")
    assert read_log(tmp_path / "log.csv") == {"epoch": [1, 2, 3, 4, 5], "loss": [0.5, None, None, None, 0.25]}


def test_calibration_round_trip(model: Path, faces_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = model.with_suffix(".json")
    card = read_card(path, EmotionCard)
    assert read_calibration(path, card) is None
    assert calibrate.main([str(model), str(faces_file), "--all-poses"]) == 0
    assert "ferplus: 203 pictures" in capsys.readouterr().out
    assert calibration_path(path).name == "emotions.calibration.json"
    calibration = read_calibration(path, card)
    assert calibration is not None
    assert set(calibration.outputs) | set(calibration.left_out) == set(HEADS)
    output = calibration.outputs["ferplus"]
    assert output.labels == LABELS
    assert output.pictures == np.sum(output.confusion) == 203
    assert output.priors == pytest.approx([1 / 7] * 7, abs=1e-6)
    assert np.sum(output.posteriors, axis=1) == pytest.approx(np.ones(7), abs=1e-5)
    record = json.loads(calibration_path(path).read_text())
    assert record["command"] == "python -m models.calibrate models/emotions.tflite 'a & b.npz' --all-poses"
    assert record["data"]["pictures"] == 203
    assert len(record["data"]["sha256"]) == 64


def test_calibration_figures_by_hand() -> None:
    # Two pictures of each class. The logits favour the right class 3 : 1 over the next, but in the last picture the
    # other way round; the row after it has no truth.
    truth = np.repeat(np.arange(7), 2)
    logits = np.full((15, 7), -60, np.float32)
    logits[np.arange(14), truth] = np.log(3)
    logits[np.arange(14), (truth + 1) % 7] = 0
    logits[13, [6, 0]] = 0, np.log(3)
    measured = calibrate.measure(logits, np.append(truth, -1))
    assert measured["pictures"] == 14
    assert measured["temperature"] == pytest.approx(np.log(3) / np.log(13), abs=1e-4)  # 13 : 1, as often as it is right
    assert measured["priors"] == pytest.approx([1 / 7] * 7, abs=1e-6)
    expected = 2 * np.eye(7, dtype=int)
    expected[6] = [1, 0, 0, 0, 0, 0, 1]
    assert measured["confusion"] == expected.tolist()
    assert measured["posteriors"][0] == pytest.approx([13 / 14, 1 / 14, 0, 0, 0, 0, 0], abs=1e-4)
    assert measured["posteriors"][6] == pytest.approx([0.5, 0, 0, 0, 0, 0, 0.5], abs=1e-4)


def test_output_that_lacks_a_class_is_left_out_with_the_reason(model: Path, tmp_path: Path) -> None:
    content = noise(np.arange(21) % 7)
    keep = content["label"] != LABELS.index("fear")
    label = np.where(keep, content["label"], 0)
    np.savez(tmp_path / "faces.npz", **(content | {"label": label}))
    assert calibrate.main([str(model), str(tmp_path / "faces.npz"), "--all-poses"]) == 0
    path = model.with_suffix(".json")
    calibration = read_calibration(path, read_card(path, EmotionCard))
    assert calibration is not None
    assert list(calibration.outputs) == ["ferplus"]
    assert calibration.left_out == {"fer2013": "no picture of fear in PublicTest"}


def test_calibration_of_another_model_is_refused(model: Path, faces_file: Path) -> None:
    path = model.with_suffix(".json")
    calibrate.main([str(model), str(faces_file), "--all-poses"])
    other = read_card(path, EmotionCard).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"another model: sha256 \w{12}\.\.\., the card says 000000000000"):
        read_calibration(path, other)


def changed(path: list[str | int], value: Any) -> Callable[[dict[str, Any]], str]:
    """A file in which one value is another."""

    def change(record: dict[str, Any]) -> str:
        place: Any = record
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return json.dumps(record)

    return change


FERPLUS: list[str | int] = ["outputs", "ferplus"]
DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "cut short": (lambda record: json.dumps(record)[:-40], "is not JSON"),
    "a list": (lambda _: "[]", "emotions.calibration.json: "),
    "too deep": (lambda _: "[" * 100_000, "is not JSON"),
    "no hash": (changed(["sha256"], "none"), "sha256: "),
    "a short matrix": (changed([*FERPLUS, "confusion"], [[1] * 7] * 6), "confusion must be 7 by 7"),
    "a short row": (changed([*FERPLUS, "posteriors", 2], [1.0]), "posteriors must be 7 by 7"),
    "priors of 2": (changed([*FERPLUS, "priors"], [2 / 7] * 7), "sum to 1"),
    "too few priors": (changed([*FERPLUS, "priors"], [1.0]), "sum to 1"),
    "an impossible class": (changed([*FERPLUS, "priors"], [0, 1, 0, 0, 0, 0, 0]), "greater than 0"),
    "not a number": (changed([*FERPLUS, "posteriors", 0, 0], float("nan")), "posteriors.0.0: "),
    "less than nothing": (changed([*FERPLUS, "confusion", 0, 0], -1), "confusion.0.0: "),
    "an empty class": (changed([*FERPLUS, "confusion", 0], [0] * 7), "pictures of every class"),
    "other pictures": (changed([*FERPLUS, "pictures"], 8), "as many in all"),
    "no temperature": (changed([*FERPLUS, "temperature"], 0), "temperature: "),
    "too few biases": (changed([*FERPLUS, "bias"], [0.0]), "bias must be 7 numbers"),
    "a boundless bias": (changed([*FERPLUS, "bias", 0], 21), "bias.0: "),
    "made before biases were": (lambda r: json.dumps(r).replace('"bias"', '"was"'), "bias: Field required"),
    "labels in another order": (changed([*FERPLUS, "labels"], list(reversed(LABELS))), "not those of the card"),
    "an output too many": (lambda r: json.dumps(r).replace('"fer2013": {', '"extra": {'), "not those of the card"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_calibration_is_refused_in_one_line(
    damage: Callable[[dict[str, Any]], str], told: str, model: Path, tmp_path: Path
) -> None:
    path = model.with_suffix(".json")
    np.savez(tmp_path / "faces.npz", **noise(np.arange(7)))
    calibrate.main([str(model), str(tmp_path / "faces.npz"), "--all-poses"])
    file = calibration_path(path)
    file.write_text(damage(json.loads(file.read_text())))
    with pytest.raises(ModelError) as caught:
        read_calibration(path, read_card(path, EmotionCard))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_calibrate_fails_in_one_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "faces.npz", **(noise(np.arange(7)) | {"usage": np.zeros(7, np.int8)}))
    for arguments in ([str(model), str(tmp_path / "faces.npz")], [str(tmp_path / "absent.tflite"), str(model)]):
        assert calibrate.main(arguments) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not calibration_path(model.with_suffix(".json")).exists()


def test_shipped_calibration_fits_the_shipped_model() -> None:
    path = SHIPPED / "emotions.json"
    if not calibration_path(path).exists():
        pytest.skip("models/emotions.calibration.json is not there (python -m models.calibrate makes it)")
    calibration = read_calibration(path, read_card(path, EmotionCard))
    assert calibration is not None
    assert set(calibration.outputs) == set(HEADS)


def test_report_needs_nothing_but_the_figures(tmp_path: Path) -> None:
    logits = np.eye(7, dtype=np.float32)
    output = evaluate.figures(logits, np.arange(7)) | evaluate.reliability(logits, np.arange(7), 0.5)
    result = {
        "model": "<m>@1", "data": "d", "split": "public", "runtime": "r", "pictures": 7, "ms_per_face": 0.1,
        "outputs": {"ferplus": output | {"face_size": {"48": 1.0}, "darkness": {"1": None}}},
    }  # fmt: skip
    page = write_report(tmp_path, result).read_text()
    assert Page(page).svgs == 3
    assert "<m>" not in page
