"""Where the set-up page saves beside an installed service: what root finds is what the first who saved was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.hand_over import CONFIG, PASSWORD, RESTART
from edge.errors import EdgeError
from edge.web.setup.config_file import RECIPIENT, ConfigFile
from edge.web.setup.saving import SavingByRoot


def test_once_it_is_handed_over_nothing_is_changed_or_saved_any_more(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "config.yaml", ["camera.source=sample:1"], {})
    draft, folder = file.draft, tmp_path / "run"
    draft.change(draft.revision, {"mode": "headcount"})
    saving = SavingByRoot(file, folder, lambda: None)
    for restart in (True, False):
        with pytest.raises((EdgeError, OSError)):  # there is no such folder: nothing was handed over
            saving.save(draft.revision, restart=restart)
    draft.change(draft.revision, {"device.name": "hall"})
    folder.mkdir(mode=0o700)
    assert saving.save(draft.revision, restart=True)["restarted"]
    before = (folder / CONFIG).read_bytes()
    recipient = {key: draft.shown()[key] for key in RECIPIENT}
    for act in (
        lambda: saving.save(draft.revision, restart=False),
        lambda: draft.change(draft.revision, {"device.name": "gym"}),
        lambda: file.give_password("geheim-17", draft.revision, recipient),
        lambda: file.forget_password(draft.revision),
    ):
        with pytest.raises(EdgeError, match="nothing more is taken"):
            act()
    assert b"hall" in before
    assert (folder / CONFIG).read_bytes() == before
    assert (folder / RESTART).exists()
    assert not (folder / PASSWORD).exists()
    assert not file.password_given
