"""The SQL of docs/privacy-at-scale.md: a district sees days of schools with three rooms and more, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.load.district_rows import District
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
# An administrator's part, and that of the owner of the tables.
PARTS = re.compile(r"^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)
REFRESH = "REFRESH MATERIALIZED VIEW edge.district_days"


def test_the_view_for_a_district_hides_small_groups_and_all_else() -> None:
    role, view = PARTS.findall((ROOT / "docs/privacy-at-scale.md").read_text())
    server = PostgresServer.made()
    try:
        server.start()
        # A school of three rooms for two days, and on the second day another with two.
        rows = District(server, rooms=5, days=2, school=3)
        rows.generate()
        server.psql(text=role)
        assert server.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'edge_district'").strip() == "5"
        server.psql("-f", str(ROOT / "docs/district.sql"))
        _as_recorder(rows, view)
        with psycopg.connect(server.url("edge", "edge_district"), autocommit=True) as connection:
            days = connection.execute("SELECT school, day, rooms FROM edge.district_days ORDER BY day").fetchall()
            assert days == [("school-001", day.date(), 3) for day in rows.days]
            # Somebody looks twice, while a late window has a room's day added up anew.
            last = rows.days[-1].date()
            server.sql(f"DELETE FROM edge.daily_rollups WHERE device = 1 AND day = '{last}'", database="edge")  # noqa: S608
            assert connection.execute("SELECT count(*) FROM edge.district_days").fetchone() == (2,)
            shown = connection.execute("EXPLAIN (ANALYZE) SELECT * FROM edge.district_days WHERE rooms > 2").fetchall()
            assert "daily_rollups" not in str(shown)
            (honest,) = _faces(connection, rows)
            # One of the rooms was switched on for a moment: the other two are not shown as three.
            server.sql(
                """UPDATE edge.daily_rollups SET sums = sums || '{"recorded": 1}' WHERE device = 3""", database="edge"
            )
            _as_recorder(rows, REFRESH)
            assert not _faces(connection, rows)
            # One of the rooms claims a thousand million frames without a face, and to have measured for a year.
            server.sql(
                "UPDATE edge.daily_rollups SET sums = sums || "
                """'{"frames": 1000000000, "faces": 0, "recorded": 31536000000}' WHERE device = 3""",
                database="edge",
            )
            _as_recorder(rows, REFRESH)
            (false,) = _faces(connection, rows)
            assert 0.6 * honest < false < 0.7 * honest, "its part is a third"
            # Two that hardly measured hide nobody among them: the third room is no more than they are.
            server.sql(
                """UPDATE edge.daily_rollups SET sums = sums || '{"recorded": 10000}' WHERE device < 3""",
                database="edge",
            )
            _as_recorder(rows, REFRESH)
            assert _faces(connection, rows) == [pytest.approx(false)]
            for table in ("windows", "rollups", "daily_rollups", "devices", "named_windows"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT 1 FROM edge.{table} LIMIT 1")  # noqa: S608
    finally:
        server.remove()


def _as_recorder(rows: District, statements: str) -> None:
    with psycopg.connect(rows.url, autocommit=True) as connection:
        connection.execute(statements)


def _faces(connection: Any, rows: District) -> list[float]:
    query = "SELECT faces_mean FROM edge.district_days WHERE day = %s"
    return [float(faces) for (faces,) in connection.execute(query, (rows.days[0].date(),))]
