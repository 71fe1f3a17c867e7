"""The figures of a calibration that somebody chose to keep: one small JSON file, for its owner only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.config.address_redaction import without_credentials
from edge.errors import EdgeError
from edge.files.replace_file import staged_file
from edge.web.setup.place_verdict import few

if TYPE_CHECKING:
    from pathlib import Path

    from edge.config.schema import Config
    from edge.web.setup.place_verdict import Figures

SCHEMA = "edge.place/1"
"""What stands in the file's `schema`."""


def place_record(config: Config, figures: Figures | None, ended: str) -> dict[str, Any]:
    """What is kept.

    Args:
        config: The configuration that it was measured with.
        figures: The figures.
        ended: When, as a timestamp.

    Raises:
        EdgeError: There are none to keep.
    """
    if figures is None or not figures.enough:
        raise EdgeError("there are no figures of this place", "let the calibration run to its end first")
    kept = {name: _rounded(value) for name, value in asdict(figures).items()}
    if few(figures.people, config.privacy.min_faces):  # nothing about so few people, not on the disk either
        kept = dict.fromkeys(kept) | {"seconds": figures.seconds, "sharp": figures.sharp, "enough": True}
    elif few(figures.judged, config.privacy.min_faces):
        kept |= {"judged": None, "front": None, "named": None}
    elif few(figures.named, config.privacy.min_faces):
        kept["named"] = None
    return {
        "schema": SCHEMA,
        "time": ended,
        "version": __version__,
        "mode": config.mode,
        "detect_width": config.vision.detect_width,
        "min_face_px": config.vision.min_face_px,
        "camera": geometry(config),
        "figures": kept,
    }


def _rounded(value: Any) -> Any:  # noqa: ANN401 - a number, or the numbers of a range
    if isinstance(value, tuple):
        return [round(each, 3) for each in value]
    return round(value, 3) if isinstance(value, float) else value


def geometry(config: Config) -> str:
    """A mark of what the camera shows: another one once source, size, turn, masks or count area are. 12 hex digits.

    No password goes into it: whoever has the mark could try passwords until one gives the same.
    """
    keys = {"width", "height", "rotation", "hflip", "vflip", "masks"}
    camera = config.camera.model_dump(mode="json", include=keys)
    area = config.vision.model_dump(mode="json", include={"count_area"})
    shown = {"source": without_credentials(config.camera.source), **camera, **area}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12]


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Replace the file; it is complete, or the old one. Raises EdgeError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror})", "check the disk") from None
    with staged_file(path, json.dumps(record, indent=1).encode(), 0o600) as file:
        file.put()
