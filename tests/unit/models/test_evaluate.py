"""Figures checked by hand, the report's page, and the calibration file."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import evaluate
from models.labels import HEADS
from models.metrics import Confusion
from models.plots import Axis, heat_map, line_chart
from models.report import read_log, write_report
from tests.support.faces_files import noise, save

LOG = "epoch,rate,train_loss,public_fer2013,public_ferplus\n1,1e-3,2.5,0.3,0.4\n2,1e-3,1.5,,0.6\n3,1e-3,1.25,0.5,0.7\n"
SECTIONS = ["Summary", "Output ferplus", "Classes", "Confusion matrix", "Reliability", "Output fer2013", "Face size",
            "Darkness", "Training"]  # fmt: skip


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
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[0] > 600
    assert sorted(path.name for path in folder.iterdir()) == [
        "confusion-fer2013.png",
        "confusion-ferplus.png",
        "report.html",
    ]


def test_output_without_any_truth_is_reported_as_dashes(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = noise(np.arange(14) % 7)
    save(tmp_path / "faces.npz", content | {"ferplus_votes": content["ferplus_votes"] * 0})
    assert evaluate.main([str(model), str(tmp_path / "faces.npz"), "--json", "--report", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)["outputs"]["ferplus"]
    assert result["pictures"] == 0
    assert {result["accuracy"], result["weighted_f1"], result["calibration_error"]["after"]} == {None}
    text = (tmp_path / "report.html").read_text()
    assert "Training" not in Page(text).headings
    assert "nan" not in re.sub(r"base64,[\w+/=]*", "", text)
    assert evaluate.main([str(model), str(tmp_path / "faces.npz")]) == 0
    told = capsys.readouterr().out
    assert "ferplus: 0 pictures" in told
    assert "accuracy on the 0 with more than half of the votes, single ones dropped: -, balanced -" in told


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
