"""FER2013's own CSV files, pictures and votes: the variants that go round, and every mistake by its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data import read_faces
from models.labels import LABELS
from models.readers import VOTES
from tests.unit.models.test_readers import face, one_line, sizes

ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL = range(len(LABELS))
VOTES_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def row(seed: int, emotion: int, usage: str) -> str:
    return f"{emotion},{' '.join(map(str, face(seed).ravel().tolist()))},{usage}"


def csv_file(folder: Path, *rows: str, header: str = "emotion,pixels,Usage", name: str = "fer2013.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


ROWS = (row(1, HAPPY, "Training"), row(2, SAD, "PublicTest"), row(3, NEUTRAL, "PrivateTest"))


@pytest.mark.parametrize("header", ["emotion,pixels,Usage", "Emotion, Pixels , usage", "\ufeffemotion,pixels,Usage"])
def test_the_original_csv(tmp_path: Path, header: str) -> None:
    faces = read_faces(csv_file(tmp_path, *ROWS, header=header))
    assert np.array_equal(faces.images, [face(1), face(2), face(3)])
    assert faces.label.tolist() == [HAPPY, SAD, NEUTRAL]
    assert faces.split.tolist() == [0, 1, 2]
    assert faces.majority.tolist() == [-1, -1, -1]
    assert not faces.votes.any()


def test_columns_in_another_order_quotes_and_blank_lines(tmp_path: Path) -> None:
    pixels = " ".join(map(str, face(7).ravel().tolist()))
    path = csv_file(tmp_path, f'{FEAR}, training,"{pixels}"', "", header="emotion, Usage, pixels")
    faces = read_faces(path)
    assert np.array_equal(faces.images, [face(7)])
    assert faces.label.tolist() == [FEAR]


def test_a_csv_without_usage_is_split_like_a_folder(tmp_path: Path) -> None:
    rows = [row(seed, HAPPY, "").rstrip(",") for seed in range(60)]
    path = csv_file(tmp_path, *rows, header="emotion,pixels")
    counts = sizes(read_faces(path))
    assert sum(counts.values()) == 60
    assert counts["train"] >= 35
    assert sizes(read_faces(path, split="private"))["private"] == 60


GOOD = " ".join(["7"] * 2304)
MALFORMED = {
    "too few pixels": (f"3,{GOOD[2:]},Training", "2303 pixels, expected 2304"),
    "a pixel too bright": (f"3,{GOOD[:-1]}256,Training", "not all numbers 0 to 255"),
    "a pixel that is a word": (f"3,{GOOD[:-1]}x,Training", "not all numbers 0 to 255"),
    "no such emotion": (f"7,{GOOD},Training", "emotion '7' is not a number 0 to 6"),
    "an emotion in words": (f"happy,{GOOD},Training", "emotion 'happy' is not"),
    "a negative emotion": (f"-1,{GOOD},Training", "emotion '-1' is not"),
    "an unknown usage": (f"3,{GOOD},Holidays", "Usage 'Holidays' is not"),
    "a column too few": (f"3,{GOOD}", "2 columns, the header has 3"),
    "a row cut short": ("3", "1 columns, the header has 3"),
    "bytes that are no text": ("3,\udcff\udcfe,Training", "not all numbers"),
    "a field without an end": ('3,"' + "7 " * 100_000, "field larger than field limit"),
}


@pytest.mark.parametrize(("bad", "expected"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_row_is_named_by_its_line(tmp_path: Path, bad: str, expected: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes("\n".join(["emotion,pixels,Usage", ROWS[0], ROWS[1], bad]).encode("utf-8", "surrogateescape"))
    told = one_line(path)
    assert told.startswith(f"{path}: line 4: ")
    assert expected in told
    assert "Remedy: " in told


@pytest.mark.parametrize("content", ["", "\n", "emotion,picture,Usage\n3,a.jpg,Training\n", "\x00\x01\x02"])
def test_a_csv_that_is_another_says_which_column_it_lacks(tmp_path: Path, content: str) -> None:
    (tmp_path / "fer2013.csv").write_text(content)
    assert "pixels" in one_line(tmp_path / "fer2013.csv")


def test_a_header_alone_is_an_error(tmp_path: Path) -> None:
    assert "no rows" in one_line(csv_file(tmp_path))


def votes_row(usage: str, **counts: int) -> str:
    return ",".join([usage, "fer0000000.png", *(str(counts.get(name, 0)) for name in VOTES)])


def votes_file(folder: Path, *rows: str, name: str = "votes.csv") -> Path:
    return csv_file(folder, *rows, header=VOTES_HEADER, name=name)


VOTED = (
    votes_row("Training", happiness=8, neutral=2), votes_row("PublicTest", sadness=5, fear=5),
    votes_row("PrivateTest", contempt=9, neutral=1),
)  # fmt: skip


def test_votes_are_joined_row_by_row(tmp_path: Path) -> None:
    faces = read_faces(csv_file(tmp_path, *ROWS), votes=votes_file(tmp_path, *VOTED))
    assert faces.majority.tolist() == [HAPPY, -1, -1]
    assert faces.votes[0].tolist() == pytest.approx([0, 0, 0, 0.8, 0, 0, 0.2])
    assert faces.votes[1].tolist() == pytest.approx([0, 0, 0.5, 0, 0.5, 0, 0])
    assert not faces.votes[2].any()


def test_votes_beside_the_pictures_are_found_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    votes_file(tmp_path, *VOTED, name="fer2013new.csv")
    assert read_faces(csv_file(tmp_path, *ROWS)).majority.tolist() == [HAPPY, -1, -1]
    assert "fer2013new.csv" in capsys.readouterr().err


def test_what_is_no_face_is_not_trained_on_but_tested_on(tmp_path: Path) -> None:
    rows = [row(seed, HAPPY, usage) for seed, usage in enumerate(("Training", "Training", "PublicTest"))]
    noted = [votes_row("Training", nf=5, happiness=5), votes_row("Training", nf=4, happiness=6)]
    votes = votes_file(tmp_path, *noted, votes_row("PublicTest", nf=10))
    path = csv_file(tmp_path, *rows)
    assert sizes(read_faces(path, votes=votes)) == {"train": 1, "public": 1, "private": 0}
    assert len(read_faces(path, votes=votes, clean=False)) == 3


@pytest.mark.parametrize("rows", [VOTED[:2], (*VOTED, VOTED[0])])
def test_another_number_of_votes_is_an_error(tmp_path: Path, rows: tuple[str, ...]) -> None:
    told = one_line(csv_file(tmp_path, *ROWS), votes=votes_file(tmp_path, *rows))
    assert f"{len(rows)} rows of votes for the 3 pictures of fer2013.csv" in told


def test_votes_in_another_order_are_an_error(tmp_path: Path) -> None:
    told = one_line(csv_file(tmp_path, *ROWS), votes=votes_file(tmp_path, VOTED[0], VOTED[2], VOTED[1]))
    assert "votes.csv: line 3: Usage 'PrivateTest' is not that of the picture" in told


def test_a_vote_that_is_no_number_is_named(tmp_path: Path) -> None:
    bad = VOTED[1].replace("5", "five", 1)
    told = one_line(csv_file(tmp_path, *ROWS), votes=votes_file(tmp_path, VOTED[0], bad, VOTED[2]))
    assert "votes.csv: line 3: sadness 'five' is not a number" in told


def test_the_votes_alone_are_no_data(tmp_path: Path) -> None:
    told = one_line(votes_file(tmp_path, *VOTED, name="fer2013new.csv"))
    assert "no column emotion, pixels" in told
    assert "give fer2013.csv as the data" in told


def test_votes_go_with_a_csv_only(tmp_path: Path) -> None:
    assert "votes go with fer2013.csv only" in one_line(tmp_path, votes=tmp_path / "votes.csv")
