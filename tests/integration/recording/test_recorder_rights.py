"""What the recorder's password, which lies in every school, cannot do to the district's database server."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from edge.recording.postgres.address import PostgresAddress
from tests.integration.recording.test_sql_readers import BEFORE_9
from tests.support.paths import ROOT
from tests.support.postgres import OWNER, PostgresServer
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import MONDAY, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

RECIPE = ROOT / "docs/district.sql"
# As district.sql made it until edge_recorder's password was found to be the administrator's.
FORMER = (
    "DROP SCHEMA edge_admin CASCADE", "DROP SCHEMA edge_private",
    "CREATE SCHEMA public AUTHORIZATION pg_database_owner",
    "ALTER DATABASE edge OWNER TO edge_recorder", "ALTER DATABASE edge RESET search_path",
    "CREATE FUNCTION edge.shut_out(login name) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT false'",
)  # fmt: skip
# Wherever an unqualified name may lead, and where the administrator's function is to be.
SCHEMAS = ("public", "edge", OWNER, "edge_admin")
# Also in two's and three's that fit better than those of PostgreSQL's own functions.
TYPES = ("name", "text", "oid", "regnamespace", "regprocedure")
PAIRS = tuple(itertools.product(TYPES, repeat=2))
RETURNED = {"format": "text", "pg_has_role": "boolean", "has_database_privilege": "boolean"}
OPERATORS = ("=", "~")
# Counted also where it is rolled back.
COUNT = "nextval('edge.calls'::regclass)"
IS_CALLED = "SELECT is_called FROM edge.calls"


def traps(schema: str) -> Iterator[str]:
    """Whatever the recipe calls or reads, made anew: it counts who does."""
    recipe = RECIPE.read_text()
    used = set(re.findall(r"\b([a-z_]+)\(", recipe)) - {"shut_out"}
    assert {each for each in used if each.startswith(("pg_", "has_", "format"))} == set(RETURNED)
    begin = f"LANGUAGE plpgsql AS 'BEGIN PERFORM {COUNT.replace(chr(39), chr(39) * 2)}; RETURN"
    for name, result in RETURNED.items():
        for types in (*PAIRS, *itertools.product(TYPES, repeat=3)):
            yield f"CREATE FUNCTION {schema}.{name}({', '.join(types)}) RETURNS {result} {begin} NULL; END'"
    yield f"CREATE OR REPLACE FUNCTION {schema}.shut_out(login name) RETURNS boolean {begin} NULL; END'"
    for left, right in PAIRS:
        yield f"CREATE FUNCTION {schema}.answer({left}, {right}) RETURNS boolean {begin} true; END'"
        for operator in OPERATORS:
            sides = f"LEFTARG = {left}, RIGHTARG = {right}"
            yield f"CREATE OPERATOR {schema}.{operator} (FUNCTION = {schema}.answer, {sides})"
    for catalog in set(re.findall(r"\bFROM (pg_[a-z]+)", recipe)):
        yield f"CREATE VIEW {schema}.{catalog} AS SELECT * FROM pg_catalog.{catalog} WHERE {COUNT} > 0"  # noqa: S608


def test_nothing_that_the_recorder_has_made_is_called_by_an_administrator(
    shared_postgres: PostgresServer, district: str
) -> None:
    shared_postgres.sql(*FORMER, database=district)
    recorder, path = shared_postgres.url(district, "edge_recorder"), ", ".join((*SCHEMAS, "pg_catalog"))
    with psycopg.connect(recorder, autocommit=True) as connection:
        connection.execute("DROP FUNCTION edge.shut_out; CREATE SEQUENCE edge.calls")
        connection.execute(f"CREATE SCHEMA {OWNER}; CREATE SCHEMA edge_admin")
        for schema in SCHEMAS:
            connection.execute("; ".join(traps(schema)))
        connection.execute(f"ALTER DATABASE edge SET search_path = {path}")
        connection.execute("ALTER DATABASE edge SET quote_all_identifiers = on")
    shared_postgres.sql(f"ALTER ROLE {OWNER} IN DATABASE edge SET search_path = {path}")  # an administrator's own
    with pytest.raises(AssertionError, match="cannot drop schema public"):
        shared_postgres.psql("-f", str(RECIPE))
    # Everything else is done; what an administrator without a path types in the database is PostgreSQL's own as well.
    shared_postgres.sql(f"ALTER ROLE {OWNER} IN DATABASE edge RESET search_path")
    typed = "SELECT format('%s', rolname) FROM pg_roles WHERE rolname = 'edge_grafana'"
    assert shared_postgres.sql(typed, database=district).strip() == "edge_grafana"
    shared_postgres.sql("DROP SCHEMA public CASCADE", database=district)
    shared_postgres.psql("-f", str(RECIPE))
    assert shared_postgres.sql(IS_CALLED, database=district).strip() == "f"
    in_schema = "pronamespace = 'edge_admin'::regnamespace ORDER BY proname"
    owners = (
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'edge'",
        f"SELECT pg_get_userbyid(proowner), proname FROM pg_proc WHERE {in_schema}",  # noqa: S608
        "SHOW quote_all_identifiers",
    )
    functions = [f"{OWNER}|keep_default_privileges", f"{OWNER}|shut_out"]
    assert shared_postgres.sql(*owners, database=district).split() == [OWNER, *functions, "off"]
    with psycopg.connect(recorder, autocommit=True) as connection:
        connection.execute(f"SET search_path = {OWNER}, pg_catalog")
        for statement in ("SELECT format('%s', 'x'::name)", "SELECT 'x'::name = 'x'", "TABLE pg_roles"):
            connection.execute("SELECT setval('edge.calls', 1, false)")
            connection.execute(statement)
            assert connection.execute(IS_CALLED).fetchone() == (True,), "what was to be called does count"


@pytest.mark.parametrize("was", ["new", "former"])
def test_the_recorder_owns_two_schemas_and_nothing_else(
    was: str, shared_postgres: PostgresServer, district: str
) -> None:
    if was == "former":
        shared_postgres.sql(*FORMER, database=district)
        shared_postgres.psql("-f", str(RECIPE))
    owned = "SELECT nspname FROM pg_namespace WHERE pg_get_userbyid(nspowner) = 'edge_recorder' ORDER BY nspname"
    assert shared_postgres.sql(owned, database=district).split() == ["edge", "edge_private"]
    with psycopg.connect(shared_postgres.url(district, "edge_recorder"), autocommit=True) as connection:
        for forbidden in (
            "CREATE SCHEMA mine", "ALTER DATABASE edge SET search_path = public", "DROP DATABASE edge",
            "ALTER DATABASE edge OWNER TO edge_recorder", "CREATE FUNCTION edge_admin.mine() RETURNS int RETURN 1",
            "DROP FUNCTION edge_admin.shut_out", "ALTER FUNCTION edge_admin.shut_out(name) RENAME TO mine",
            "DROP SCHEMA edge_admin CASCADE", "DROP EVENT TRIGGER edge_default_privileges",
            "CREATE VIEW pg_catalog.mine AS SELECT 1", "COPY (SELECT 1) TO PROGRAM 'true'",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
        with pytest.raises(psycopg.errors.InvalidSchemaName):
            connection.execute("CREATE FUNCTION public.mine() RETURNS int RETURN 1")


@pytest.mark.parametrize("recipe", ["new", "former"])
@pytest.mark.parametrize("tables", ["former", "none"])
def test_a_former_database_is_brought_up_to_date(
    tables: str, recipe: str, shared_postgres: PostgresServer, district: str
) -> None:
    shared_postgres.sql(*FORMER, database=district)
    place = Place(PostgresAddress(shared_postgres.url(district, "edge_recorder"), "north"))
    if tables == "former":
        with place.opened() as store:
            store.store(as_messages(windows(1, 30)), MONDAY)
        shared_postgres.sql(*BEFORE_9, database=district)
    if recipe == "new":
        shared_postgres.psql("-f", str(RECIPE))
    with place.opened() as store:
        assert store.store(as_messages(windows(1, 40)), MONDAY) == (10 if tables == "former" else 40)
    reader = Place(PostgresAddress(shared_postgres.url(district, "edge_grafana"), "north"))
    with reader.read() as recording:
        assert len(list(recording.windows("room-1", MONDAY, MONDAY.replace(hour=23)))) == 40
