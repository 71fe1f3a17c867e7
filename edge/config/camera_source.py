"""How `camera.source` is spelled, and which of its kinds show people now."""

from __future__ import annotations

SOURCES = (
    "auto, sample, sample:25, picamera, picamera:1, usb:0, /dev/video0, /dev/v4l/by-id/..., rtsp://..., http://..., "
    "gstreamer:csi, gstreamer:PIPELINE, file:clip.mp4, images:folder"
)
SOURCE_PATTERN = (
    r"^(auto|sample(:([1-9]\d?|100))?|picamera(:\d)?|usb:\d{1,2}|/dev/\S+|rtsps?://\S+|https?://\S+|gstreamer:.+"
    r"|file:.+|images:.+)$"
)


def live(source: str) -> bool:
    """Whether a source shows people now: every kind but a file, a folder, the sample room, and auto."""
    return source.partition(":")[0] not in ("auto", "sample", "file", "images")


def drawn(source: str) -> bool:
    """Whether a source is the sample room: it takes as long as this machine needs to draw it."""
    return source.partition(":")[0] == "sample"


def has_certificate(source: str) -> bool:
    """Whether a source is a network camera that shows a certificate."""
    return source.startswith(("https://", "rtsps://"))
