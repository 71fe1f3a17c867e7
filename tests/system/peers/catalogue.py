"""Who the peers are, and how each gets an environment of its own, with pinned versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from models.yunet import YUNET, RefusedError

WORKERS = Path(__file__).parent / "workers"
INSTALL_TIMEOUT = 3600.0

# setuptools: fer asks for pkg_resources, which is gone in later ones.
FER = ("fer==25.10.3", "facenet-pytorch==2.6.0", "tensorflow==2.21.0", "opencv-contrib-python==4.11.0.86",
       "numpy==1.26.4", "setuptools==80.9.0")  # fmt: skip
OPENCV = ("opencv-python-headless==4.11.0.86", "numpy==1.26.4")
FACE_API = ("@vladmandic/face-api@1.7.15", "@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")


class SkippedError(Exception):
    """A peer that cannot be had here; says why."""


@dataclass(frozen=True)
class Peer:
    """One program.

    Attributes:
        name: What the table calls it.
        folder: Its environment; two peers may share one.
        packages: What is installed there, pinned.
        worker: Its script.
        words: Arguments of the script; {folder} is replaced.
    """

    name: str
    folder: str
    packages: tuple[str, ...]
    worker: str
    words: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """How its worker is started, after everything was installed. Raises SkippedError."""
        if not self.folder:
            return [sys.executable, "-m", f"tests.system.peers.workers.{self.worker}"]
        place = cache() / self.folder
        words = [word.format(folder=place) for word in self.words]
        if self.worker.endswith(".cjs"):
            _install_node(place, self.packages)
            return ["node", str(WORKERS / self.worker), *words]
        _install_python(place, self.packages)
        if self.folder == "opencv" and not (place / "yunet.onnx").exists():
            try:
                (place / "yunet.onnx").write_bytes(YUNET.read())
            except RefusedError as error:
                raise SkippedError(str(error)) from None
        return [str(place / "bin/python"), str(WORKERS / self.worker), *words]


PEERS = (
    Peer("edge (this project)", "", (), "run_edge"),
    Peer("fer, Haar, 24 px", "fer", FER, "run_fer.py", ("haar",)),
    Peer("fer, MTCNN", "fer", FER, "run_fer.py", ("mtcnn",)),
    Peer("Haar + Keras CNN", "fer", FER, "run_student.py"),
    Peer("OpenCV YuNet, faces only", "opencv", OPENCV, "run_yunet.py", ("{folder}/yunet.onnx",)),
    Peer("face-api, SSD, wasm", "face-api", FACE_API, "run_face_api.cjs", ("{folder}",)),
)


def cache() -> Path:
    """Where the environments live; several gigabytes, for fer brings TensorFlow and PyTorch."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edge-tests/system/peers"


def _install_python(place: Path, packages: tuple[str, ...]) -> None:
    if _is_complete(place, packages):
        return
    shutil.rmtree(place, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(place)])
    _run([str(place / "bin/python"), "-m", "pip", "install", "--quiet", *packages])
    (place / "complete").write_text("\n".join(packages))


def _install_node(place: Path, packages: tuple[str, ...]) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SkippedError("node and npm are not installed")
    if _is_complete(place, packages):
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(place), *packages])
    (place / "complete").write_text("\n".join(packages))


def _is_complete(place: Path, packages: tuple[str, ...]) -> bool:
    try:
        return (place / "complete").read_text() == "\n".join(packages)
    except OSError:
        return False


def _run(command: list[str]) -> None:
    print(f"installing: {' '.join(command[-3:])} ...", file=sys.stderr)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise SkippedError(f"{command[0]} took longer than {INSTALL_TIMEOUT:.0f} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise SkippedError(f"it cannot be installed: {lines[-1]}")
