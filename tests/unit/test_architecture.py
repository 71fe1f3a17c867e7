"""The plan of edge/: what lies flat, which folder may import which, and what a reader of MQTT never loads."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import PACKAGE, ROOT

EDGE = PACKAGE
FLAT = {"__init__", "__main__", "errors", "text"}

# Lowest first. A folder imports from rows below its own only: never from its own row, never from above.
LAYERS = (
    ("__init__",),
    ("errors", "text", "contract"),
    ("files", "sample", "languages"),
    ("timing", "model_files"),
    ("config",),
    ("aggregation", "cameras", "hardware", "mqtt"),
    ("vision", "delivery"),
    ("recording",),
    ("reporting", "daemon"),
    ("bench", "support", "web"),
    ("web/setup", "web/dashboard"),
    ("cli",),
    ("__main__",),
)
ROW = {folder: row for row, folders in enumerate(LAYERS) for folder in folders}

PICTURES = {"numpy", "cv2", "edge.cameras", "edge.vision"}
STRANGERS = {
    "vision": {"paho", "edge.mqtt", "edge.delivery"},
    "cameras": {"paho", "edge.mqtt", "edge.delivery", "edge.contract", "edge.aggregation"},
    "mqtt": PICTURES | {"edge.model_files"},
    "delivery": PICTURES | {"edge.model_files", "edge.aggregation"},
    "recording": PICTURES | {"edge.model_files", "edge.aggregation"},
}


def imports(file: Path) -> Iterator[str]:
    """Full names of all that a file imports, in functions and under TYPE_CHECKING, too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(parts: tuple[str, ...]) -> str:
    """The folder, by the parts of a module's name below edge; the two programs of web count for themselves."""
    if parts[0] == "web" and len(parts) > 1 and (EDGE / "web" / parts[1]).is_dir():
        return f"web/{parts[1]}"
    return parts[0] if (EDGE / parts[0]).is_dir() or parts[0] in FLAT else "__init__"


def files_of(folder: str) -> list[Path]:
    return [file for file in sorted(EDGE.rglob("*.py")) if folder_of(module_of(file)) == folder]


def module_of(file: Path) -> tuple[str, ...]:
    return file.relative_to(EDGE).with_suffix("").parts


def arrows() -> dict[tuple[str, str], list[str]]:
    """Which folder imports which, with the files that do."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in sorted(EDGE.rglob("*.py")):
        here = folder_of(module_of(file))
        for name in imports(file):
            if name.split(".")[0] != "edge":
                continue
            there = folder_of(tuple(name.split(".")[1:]) or ("__init__",))
            if there != here:
                found.setdefault((here, there), []).append(str(file.relative_to(PACKAGE.parent)))
    return found


def test_nothing_else_stands_flat() -> None:
    assert {file.stem for file in EDGE.glob("*.py")} == FLAT


def test_every_folder_has_its_row() -> None:
    folders = {folder_of(module_of(file)) for file in EDGE.rglob("*.py")}
    assert folders == set(ROW)


def test_arrows_point_downwards_only() -> None:
    upwards = {arrow: files for arrow, files in arrows().items() if ROW[arrow[1]] >= ROW[arrow[0]]}
    assert upwards == {}


def test_there_is_no_cycle() -> None:
    """Rows rule cycles out; this names one, and holds however the rows are written."""
    graph: dict[str, set[str]] = {}
    for here, there in arrows():
        graph.setdefault(here, set()).add(there)
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("folder", STRANGERS)
def test_a_folder_does_not_know_what_is_none_of_its_business(folder: str) -> None:
    for file in files_of(folder):
        for name in imports(file):
            known = {stranger for stranger in STRANGERS[folder] if f"{name}.".startswith(f"{stranger}.")}
            assert not known, f"{file.relative_to(PACKAGE.parent)} imports {name}"


def test_video_is_opened_among_the_cameras_alone() -> None:
    """That is where what a film may take is bounded."""
    opening = {file for file in EDGE.rglob("*.py") if re.search(r"\bVideoCapture\b|\bav\.open\b", file.read_text())}
    assert {file.relative_to(EDGE).parts[0] for file in opening} == {"cameras"}


def test_a_database_is_opened_in_one_way() -> None:
    """Which has an error for one that is damaged."""
    opening = {file for file in EDGE.rglob("*.py") if re.search(r"sqlite3\.connect\((?!\":memory:)", file.read_text())}
    assert opening == set(), "edge.files.database.connect"


def test_the_contract_needs_pydantic_alone() -> None:
    foreign = {}
    for file in files_of("contract"):
        for name in imports(file):
            top = ".".join(name.split(".")[:2]) if name.startswith("edge.") else name.split(".")[0]
            if top not in sys.stdlib_module_names | {"pydantic", "typing_extensions", "edge.contract"}:
                foreign[top] = file.name
    assert foreign == {}


def loaded(*modules: str) -> set[str]:
    """All that is loaded once these are, in an interpreter of its own."""
    code = f"import json, sys\nfor name in {modules!r}: __import__(name)\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("command", ["watch", "record", "dashboard", "announce"])
def test_who_only_subscribes_loads_no_numpy_no_opencv_and_no_model(command: str) -> None:
    """What the command imports in its functions counts, too: it comes with the first message at the latest."""
    module = f"edge.cli.{command}"
    later = {name.rpartition(".")[0] for name in imports(EDGE / "cli" / f"{command}.py") if name.startswith("edge.")}
    found = loaded(module, *sorted(name for name in later if name != "edge"))
    programs = {"numpy", "cv2", "matplotlib", "ai_edge_litert", "tflite_runtime", "psycopg"}
    heavy = programs | {"edge.vision", "edge.aggregation", "edge.model_files"}
    cameras = {name for name in found if name.startswith("edge.cameras.")} - {"edge.cameras.opencv_environment"}
    assert module in found
    assert cameras == set()
    assert found & heavy == set()
