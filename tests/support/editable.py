"""An environment with edge in it as `pip install --editable` leaves it, made in a moment: without pip."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ENTRY_POINT = """#!{python}
import sys
from edge.__main__ import main
sys.exit(main())
"""


def make_editable_venv(root: Path) -> None:
    """Make `.venv` in the root of a repository; its libraries are those of the tests."""
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], check=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    (packages / "editable.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    program = venv / "bin/edge"
    program.write_text(ENTRY_POINT.format(python=venv / "bin/python"))
    program.chmod(0o755)


def bare_environment() -> dict[str, str]:
    """This process's, without what would tell Python or edge more than a user's does."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("EDGE_", "PYTHON", "XDG_"))}


def lay_wrong_packages(folder: Path) -> None:
    """Packages that end the program which imports them, in a folder in which edge is then started."""
    for name in ("edge", "models", "cv2", "numpy", "pydantic", "yaml"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
