"""The contract can be used without anything else of this program: it needs pydantic alone."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

from tests.support.paths import PACKAGE, ROOT

# Imports every module of the contract where nothing can be found but the standard library and the names given.
SCRIPT = """
import importlib, importlib.abc, pkgutil, sys
allowed = set(sys.argv[1].split(","))
class Guard(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        standard = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if not standard and top not in allowed:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)
        if top == "edge" and name != "edge" and not name.startswith("edge.contract"):
            raise ModuleNotFoundError(f"{name} is not part of the contract", name=name)
sys.meta_path.insert(0, Guard())
for absent in ("numpy", "cv2", "paho.mqtt", "yaml", "edge.config"):
    try:
        importlib.import_module(absent)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{absent} can be imported here: this test would see nothing")
import edge.contract
found = [module.name for module in pkgutil.walk_packages(edge.contract.__path__, "edge.contract.")]
for name in found:
    importlib.import_module(name)
print(*found)
"""


def importable(*distributions: str) -> set[str]:
    """The top-level modules of these distributions and of all that they require."""
    waiting, names, found = list(distributions), set(), set()
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another Python than this one
            continue
        found |= {path.parts[0].removesuffix(".py") for path in distribution.files or () if path.suffix == ".py"}
        required = [text for text in distribution.requires or () if "extra ==" not in text]
        waiting += [text.split(";")[0].split("[")[0].rstrip("<>=!~., 0123456789()").strip() for text in required]
    return found


def test_the_contract_needs_pydantic_alone() -> None:
    allowed = {"edge", *importable("pydantic")}
    assert {"pydantic", "typing_extensions"} <= allowed
    assert not {"numpy", "cv2", "paho", "yaml"} & allowed
    command = [sys.executable, "-c", SCRIPT, ",".join(sorted(allowed))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    modules = {f"edge.contract.{path.stem}" for path in (PACKAGE / "contract").glob("*.py")}
    assert set(ran.stdout.split()) == modules - {"edge.contract.__init__"}
