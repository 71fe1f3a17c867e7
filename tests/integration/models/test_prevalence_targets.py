"""The promises of docs/prevalence.md on real pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.model_files.cards import SHIPPED
from models import prevalence
from tests.support.paths import FER2013


@pytest.mark.skipif(not FER2013.exists(), reason="FER2013 is not there (../shared/data)")
@pytest.mark.timeout(300)
def test_targets_hold_on_faces_the_model_never_saw(tmp_path: Path) -> None:
    """The promises of docs/prevalence.md, with fewer rooms and room for chance."""
    arguments = [str(FER2013), "--model", str(SHIPPED / "emotions.json"), "--output", str(tmp_path), "--rooms", "0.2"]
    assert prevalence.main(arguments) == 0
    mixtures = json.loads((tmp_path / "prevalence.json").read_text())["mixtures"]
    for mixture, limits in (("mostly neutral", {"25": 0.8, "1000": 0.55}), ("uniform", {"25": 0.95, "1000": 0.65})):
        for size, cell in mixtures[mixture].items():
            for kind in ("still", "filmed"):
                ratio = cell[kind]["estimate"] / cell[kind]["counts"]
                assert ratio < limits.get(size, 1.1), (mixture, size, kind)
            if size in ("25", "50", "200"):
                assert 0.86 < cell["filmed"]["coverage"] < 0.945, (mixture, size)
