"""`edge masks`: what is blacked out and for which picture, and the confirmation that it still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cameras.factory import is_compressed
from edge.cameras.masks import Masks
from edge.cameras.video_decoder import HOW_TO_INSTALL, has_pyav
from edge.cli import add_config_arguments, program, read_config
from edge.daemon import mask_guard
from edge.daemon.paths import masks_path
from edge.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from edge.config.schema import CameraConfig

EXAMPLES = """examples:
  edge masks                  what is masked, and for which picture
  edge masks --confirm        the camera was turned or replaced, and the masks are right for it as it is now
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        "--confirm", action="store_true", help="the masks are right for the picture as it is now: open the camera"
    )


def main(args: argparse.Namespace) -> int:
    """Print it; 1 while the camera stays closed until somebody confirms the masks."""
    config = read_config(args)
    camera, path = config.camera, masks_path(config)
    if not camera.masks:
        print("nothing is masked (camera.masks is empty)")
        return EXIT_OK
    if args.confirm:
        mask_guard.confirm(path, camera)
    _print(camera, path)
    if problem := mask_guard.problem(path, camera):
        print(f"the camera stays closed: {problem}")
        print(f"look at the picture and correct camera.masks, or confirm them:\n  {program()} masks --confirm")
        return EXIT_FAILED
    return EXIT_OK


def _print(camera: CameraConfig, path: Path) -> None:
    print(f"{Masks(camera.masks).share:.0%} of the picture is masked:")
    for number, polygon in enumerate(camera.masks):
        corners = ", ".join(f"({x:g}, {y:g})" for x, y in polygon)
        print(f"  {number}: {corners}")
    accepted = mask_guard.accepted(path, camera)
    if accepted is None:
        print("accepted for no picture yet: the first that the daemon sees counts")
    else:
        waiting = "; the next picture that the daemon sees says its shape" if accepted.size is None else ""
        print(f"accepted for: {accepted.picture}{waiting}")
    if is_compressed(camera.source) and not has_pyav():
        print(f"without PyAV they hold for a Motion JPEG stream or JPEG snapshot only: {HOW_TO_INSTALL}")
