"""What to say of a camera that another program holds, in words of whoever stands before it."""

from __future__ import annotations


def with_service(problem: str) -> str:
    """The same problem; if another program holds the camera, with how to make the service let go of it."""
    if "in use" not in problem and "using it" not in problem:
        return problem
    return f"{problem}; if that is the service: sudo systemctl stop edge, and start it again afterwards"
