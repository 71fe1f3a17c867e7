from __future__ import annotations

import pytest

from edge.files.disk_errors import DiskError, FullError
from edge.recording.failing_report import AGAIN, FailingReport
from edge.recording.window_store import AwayError, NoRoomError, OutdatedError


def test_a_reason_is_said_at_once_and_each_hour_and_anew_after_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    now = 5.0
    report = FailingReport(lambda: now)

    def said(*errors: DiskError) -> list[str]:
        caplog.clear()
        for error in errors:
            report.say(error)
        assert {record.levelname for record in caplog.records} <= {"ERROR"}
        return [record.getMessage().split(".")[0] for record in caplog.records]

    away, outdated = AwayError("away", "wait"), OutdatedError("newer", "upgrade edge here")
    assert said(away, AwayError("starting"), outdated, away, outdated) == ["away: wait", "newer: upgrade edge here"]
    now += AGAIN - 1
    assert said(away, outdated) == []
    now += 1
    assert said(outdated, outdated) == ["newer: upgrade edge here"]
    report.over()
    assert said(outdated, away) == ["newer: upgrade edge here", "away: wait"]


def test_that_it_works_again_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    report = FailingReport()
    report.over()
    assert caplog.messages == []
    for waited in (0, 1200):
        report.say(DiskError("full", "make room"))
        report.over(waited)
        report.over(waited)
    assert [each.getMessage() for each in caplog.records if each.levelname == "INFO"] == [
        "the database can be written again",
        "the database can be written again: what waited is stored (1,200 messages)",
    ]


@pytest.mark.parametrize("full", [FullError("full", "make room"), NoRoomError("full", "make room")])
def test_of_a_full_disk_it_is_said_what_a_restart_of_the_broker_would_cost(
    caplog: pytest.LogCaptureFixture, full: DiskError
) -> None:
    report = FailingReport()
    report.say(DiskError("failing", "check it"))
    report.say(full)
    usual, of_full = caplog.messages
    assert "in its memory" not in usual
    assert "in its memory: if it is on the same disk, make room before it is stopped or restarted" in of_full
