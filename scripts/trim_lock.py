"""Leaves out of a lock file the hashes of wheels that no platform of ours can install. Used by ./lock.

Usage: trim_lock.py LOCK PYLOCK    the same solution as requirements with hashes, and as pylock.toml, which names files

Without macOS, Windows, musl, PyPy and 32-bit x86 more than half of the hashes go.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MACHINES = ("x86_64", "aarch64", "armv7l")
WHEEL = re.compile(r'/([^/"]+\.whl)".*?sha256 = "([0-9a-f]{64})"')


def installable(wheel: str) -> bool:
    """Whether CPython 3.10 or newer on Linux with glibc can install a wheel of this file name."""
    python, abi, platform = (tag.split(".") for tag in wheel.removesuffix(".whl").split("-")[-3:])
    if not any(re.fullmatch(r"py3\d*|cp31\d", tag) for tag in python) and "abi3" not in abi:
        return False
    if any(re.fullmatch(r"cp3\d+t", tag) for tag in abi):  # without the global lock: our runtimes have no wheel for it
        return False
    return "any" in platform or any(
        tag.startswith(("manylinux", "linux")) and tag.endswith(MACHINES) for tag in platform
    )


def main() -> None:
    """Rewrite the lock file in place."""
    lock, pylock = map(Path, sys.argv[1:3])
    files = {digest: name for name, digest in WHEEL.findall(pylock.read_text(encoding="utf-8"))}
    requirements = re.split(r"\n(?=[^ \n])", lock.read_text(encoding="utf-8"))
    lock.write_text("\n".join(_trimmed(each, files) for each in requirements), encoding="utf-8")


def _trimmed(requirement: str, files: dict[str, str]) -> str:
    digests = re.findall(r"--hash=sha256:([0-9a-f]{64})", requirement)
    kept = [digest for digest in digests if digest not in files or installable(files[digest])]
    if not digests:
        return requirement
    if not kept:
        sys.exit(f"no platform of ours can install {requirement.split(' ', 1)[0]}")
    head, _, _ = requirement.partition(" \\\n")
    comments = "".join(f"\n{line}" for line in requirement.splitlines() if line.startswith("    #"))
    return f"{head} \\\n" + " \\\n".join(f"    --hash=sha256:{digest}" for digest in kept) + comments


if __name__ == "__main__":
    main()
