"""Labelled faces in folders: every layout that people have, and what happens with every mistake."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import SPLITS, Faces, read_faces
from models.labels import LABELS
from models.readers import read_picture


def face(seed: int, size: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.uint8)


def put(path: Path, image: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def make_endless(path: Path, kind: str) -> None:
    """What a read waits for, or goes on with, for ever."""
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


def sizes(faces: Faces) -> dict[str, int]:
    return {split: len(faces.only(split)) for split in SPLITS}


def one_line(path: Path, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the callers look at the text
        read_faces(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Folders


@pytest.mark.parametrize(
    "names",
    [
        LABELS,
        ("Anger", "Disgusted", "FEARFUL", "happiness", "sadness", "Surprised", "Neutral"),
        ("ANGRY", "disgust", "afraid", "Joy", "Sad", "suprise", " neutral"),
    ],
)
@pytest.mark.parametrize("splits", [("train", "validation", "test"), ("Training", "PublicTest", "PrivateTest")])
def test_classes_and_splits_by_any_usual_name(tmp_path: Path, names: tuple[str, ...], splits: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        for number, split in enumerate(splits):
            put(tmp_path / split / name / "one.png", face(10 * index + number))
    faces = read_faces(tmp_path)
    assert sizes(faces) == {"train": 7, "public": 7, "private": 7}
    for split, number in zip(SPLITS, range(3), strict=True):
        part = faces.only(split)
        assert sorted(part.label.tolist()) == list(range(7))
        for image, label in zip(part.images, part.label.tolist(), strict=True):
            assert np.array_equal(image, face(10 * label + number))


def test_a_folder_has_no_votes(tmp_path: Path) -> None:
    put(tmp_path / "train" / "happy" / "one.png", face(1))
    faces = read_faces(tmp_path)
    assert faces.votes.shape == (1, 7)
    assert not faces.votes.any()
    assert faces.majority.tolist() == [-1]


def test_every_size_and_colour_becomes_a_grey_face(tmp_path: Path) -> None:
    grey = np.full((300, 200), 90, np.uint8)
    put(tmp_path / "train" / "sad" / "large.png", grey)
    put(tmp_path / "train" / "sad" / "small.bmp", grey[:9, :7])
    put(tmp_path / "train" / "sad" / "colour.JPG", np.dstack([grey] * 3))
    put(tmp_path / "train" / "sad" / "alpha.png", np.dstack([grey] * 4))
    put(tmp_path / "train" / "sad" / "deep.png", grey.astype(np.uint16) * 257)
    faces = read_faces(tmp_path)
    assert faces.images.shape == (5, 48, 48)
    assert faces.images.dtype == np.uint8
    assert np.abs(faces.images.astype(int) - 90).max() <= 1


def test_a_large_picture_is_averaged_not_sampled(tmp_path: Path) -> None:
    board = (np.indices((480, 480)).sum(axis=0) % 2 * 255).astype(np.uint8)
    put(tmp_path / "train" / "fear" / "board.png", board)
    assert np.abs(read_faces(tmp_path).images.astype(int) - 127).max() <= 1


def test_unreadable_pictures_are_counted_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "train" / "happy" / "good.png", face(1))
    for name, content in {"empty.jpg": b"", "text.png": b"no picture", "cut.png": b"\x89PNG\r\n\x1a\n"}.items():
        (tmp_path / "train" / "happy" / name).write_bytes(content)
    (tmp_path / "train" / "happy" / "Thumbs.db").write_bytes(b"no picture by its name either")
    assert len(read_faces(tmp_path)) == 1
    assert "3 of 4 pictures cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x.npz", "x.csv"])
@pytest.mark.parametrize("kind", ["fifo", "endless"])
def test_what_would_be_waited_for_is_no_data(tmp_path: Path, name: str, kind: str) -> None:
    make_endless(tmp_path / name, kind)
    with pytest.raises(ValueError, match=r"cannot be read \(not a regular file\)"):
        read_faces(tmp_path / name)


@pytest.mark.parametrize("kind", ["fifo", "endless"])
def test_what_would_be_waited_for_is_no_picture(tmp_path: Path, kind: str) -> None:
    make_endless(tmp_path / "x.jpg", kind)
    assert read_picture(tmp_path / "x.jpg") is None


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("wb") as file:
        file.write(b"emotion,pixels,Usage\n")
        file.truncate(20_000_000_000)  # takes no room
    with pytest.raises(ValueError, match=r"x\.csv: line 2: "):
        read_faces(tmp_path / "x.csv")


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train" / "happy").mkdir(parents=True)
    assert "no readable picture" in one_line(tmp_path)
    (tmp_path / "train" / "happy" / "empty.jpg").write_bytes(b"")
    assert "no readable picture" in one_line(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    assert "no folders in it" in one_line(tmp_path)


@pytest.mark.parametrize("wrong", ["train/bored", "holidays"])
def test_an_unknown_folder_is_named(tmp_path: Path, wrong: str) -> None:
    put(tmp_path / "train" / "happy" / "one.png", face(1))
    put(tmp_path / wrong / "two.png", face(2))
    told = one_line(tmp_path)
    assert str(tmp_path / wrong) in told
    assert "Remedy: name it after a class" in told


def test_classes_outside_the_seven_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "train" / "happy" / "one.png", face(1))
    put(tmp_path / "train" / "Contempt" / "two.png", face(2))
    assert len(read_faces(tmp_path)) == 1
    assert "Contempt: 1 pictures left out" in capsys.readouterr().err


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "archive" / "images" / "train" / "happy" / "one.png", face(1))
    put(tmp_path / "archive" / "images" / "train" / "happy" / "._one.png", face(2))
    put(tmp_path / "__MACOSX" / "train" / "happy" / "one.png", face(3))
    put(tmp_path / ".cache" / "one.png", face(4))
    assert np.array_equal(read_faces(tmp_path).images, [face(1)])


def test_a_folder_without_splits_is_split_the_same_way_every_time(tmp_path: Path) -> None:
    for number in range(200):
        put(tmp_path / "here" / LABELS[number % 7] / f"{number}.png", face(number))
    first = read_faces(tmp_path / "here")
    counts = sizes(first)
    assert sum(counts.values()) == 200
    assert 140 <= counts["train"] <= 180
    assert min(counts["public"], counts["private"]) >= 8
    shutil.copytree(tmp_path / "here", tmp_path / "elsewhere")
    assert np.array_equal(read_faces(tmp_path / "elsewhere").split, first.split)


@pytest.mark.parametrize("split", list(SPLITS))
def test_a_folder_without_splits_is_the_split_one_says(tmp_path: Path, split: str) -> None:
    for number in range(20):
        put(tmp_path / "happy" / f"{number}.png", face(number))
        put(tmp_path / "sad" / f"{number}.png", face(100 + number))
    assert sizes(read_faces(tmp_path, split=split))[split] == 40


def test_without_a_validation_folder_a_tenth_of_train_is_held_out(tmp_path: Path) -> None:
    for number in range(200):
        put(tmp_path / "train" / "happy" / f"{number}.png", face(number))
    put(tmp_path / "test" / "happy" / "0.png", face(999))
    counts = sizes(read_faces(tmp_path))
    assert counts["private"] == 1
    assert 8 <= counts["public"] <= 40
    assert sum(counts.values()) == 201


def test_train_twins_of_test_pictures_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "train" / "happy" / "twin.png", face(1))
    put(tmp_path / "train" / "sad" / "other label, same picture.bmp", face(1))
    put(tmp_path / "train" / "happy" / "a.png", face(2))
    put(tmp_path / "train" / "happy" / "a again.png", face(2))
    put(tmp_path / "val" / "happy" / "x.png", face(3))
    put(tmp_path / "test" / "happy" / "twin.png", face(1))
    assert sizes(read_faces(tmp_path)) == {"train": 2, "public": 1, "private": 1}
    assert sizes(read_faces(tmp_path, clean=False)) == {"train": 4, "public": 1, "private": 1}


# Whatever else


@pytest.mark.parametrize("name", ["absent.npz", "absent.csv", "absent", "archive.zip"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    assert one_line(tmp_path / name).startswith(f"{tmp_path / name}: cannot be read")


def test_an_unknown_kind_of_file_says_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "fer2013.tar.gz").write_bytes(b"")
    told = one_line(tmp_path / "fer2013.tar.gz")
    assert "unpack it" in told
    assert "fer2013.csv" in told


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    assert "no split is named 'exam'" in one_line(tmp_path, split="exam")
