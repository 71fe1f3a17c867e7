"""Video through PyAV, the binding of FFmpeg: https://pyav.basswood-io.com/docs/stable/.

Also the versions 10 and 14 of Debian 12 and 13 will do.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import av

from edge.cameras import libavutil
from edge.cameras.certificates import checking_options, refusal
from edge.cameras.coded_units import MAX_UNITS, UNIT_CODECS, has_too_many_parts, has_too_many_units
from edge.cameras.exif import CLOCKWISE, TURNS, UPRIGHT, orientation
from edge.cameras.ffmpeg_memory import MAX_FRAME_BYTES, MAX_PIXELS, THREADS, limit_allocations, while_opening
from edge.cameras.jpeg_packet import jpeg_in
from edge.cameras.local_network import is_local
from edge.cameras.network_formats import OPTIONS, REMEDY
from edge.cameras.normalize import MAX_SIDE
from edge.errors import CameraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.cameras.video_decoder import Limits, SkippedFrames

BROKEN_READS = 25  # of a damaged file, one after the other, before it counts as ended
INDEPENDENT = frozenset({"mjpeg", "png", "webp", "bmp"})  # codecs in which no frame refers to others
DISCONTINUOUS = 0x0200  # AVFMT_TS_DISCONT of libavformat/avformat.h
NO_ANSWER = "no answer in time"
UNREACHABLE_REMEDY = "is the address right, and the camera on and reachable from this machine?"


def _silence() -> None:
    """Have FFmpeg say nothing: what matters is raised, and the rest would be a line a frame.

    With any level, a thread of the decoder that has something to say waits for the interpreter, while the one that
    closes the stream holds that and waits for the thread: the whole process stands still.
    """
    try:
        av.logging.set_level(None)
    except TypeError:  # older versions, such as Debian 12's 10, take every line to Python, whatever the level
        av.logging.set_level(av.logging.PANIC)
        for library in libavutil.loaded():
            library.av_log_set_callback(None)


_silence()
limit_allocations()


class PyAvDecoder:
    """A video file or stream; see VideoDecoder."""

    def __init__(self, address: str, skipped: SkippedFrames, limits: Limits | None) -> None:
        name = self._name = skipped.name
        self._limits = limits
        self._skipped = skipped
        self._container = _open(address, name, limits)
        try:
            self._stream = _video_stream(self._container, name)
            self._check_memory()
        except CameraError:
            self._container.close()
            raise
        self._packets = self._demux()
        codec = self._stream.codec_context
        # What a picture says of itself is read here: versions of FFmpeg differ in what they take from it.
        self._own_mark = limits is not None and codec.name in INDEPENDENT
        if self._own_mark:
            codec.thread_count = 1  # each comes out as it goes in, so that a mark stays with its picture
        self._mark = self.orientation = UPRIGHT
        self._decoded: deque[tuple[Any, int]] = deque()  # frames, and how they lie
        self._frame: Any = None
        self.time: float | None = None
        self.still = self._container.format.name == "image2" or self._container.format.name.endswith("_pipe")
        self.resets_time = bool(self._container.format.flags & DISCONTINUOUS)

    def advance(self) -> bool:
        """Decode the next frame; see VideoDecoder."""
        self._frame = None  # its memory is used for the next one
        deadline = time.monotonic() + self._limits.read if self._limits else math.inf
        came = False
        while not self._decoded:
            if time.monotonic() > deadline:
                raise self._too_late(came=came)
            packet = self._next_packet()
            if packet is None:
                return False
            if packet.stream.index == self._stream.index:
                came = True
                self._decode(packet)
        self._frame, self.orientation = self._decoded.popleft()
        self.time = self._frame.time
        return True

    def image(self) -> NDArray[np.uint8]:
        """The frame, upright; see VideoDecoder."""
        return TURNS[self.orientation].apply(self._frame.to_ndarray(format="bgr24"))

    def close(self) -> None:
        """Close the file or connection."""
        self._decoded.clear()
        self._frame = self._packets = None
        # Versions before 14 would keep the decoder, with its threads and pictures, until Python sweeps up.
        if close_codec := getattr(self._stream.codec_context, "close", None):
            close_codec(strict=False)
        self._container.close()

    def _too_late(self, *, came: bool) -> CameraError:
        """What to say when the time is over; whether anything of the video came."""
        if not came:
            return CameraError(f"{self._name} delivers no frames, only sound or data", "restart the camera")
        return CameraError(
            f"{self._name} delivers nothing that can be decoded ({self._stream.codec_context.name})",
            "choose another codec or a lower resolution in the camera's own settings",
        )

    def _demux(self) -> Any:  # noqa: ANN401 - PyAV's classes are compiled
        """Packets of the video; from a network also all others, or nobody could see the time while only those come.

        PyAV itself passes over what belongs to streams that came after it was opened, as FLV and MPEG-TS allow.
        """
        return self._container.demux(*([] if self._limits else [self._stream]))

    def _next_packet(self) -> Any:  # noqa: ANN401
        for _ in range(BROKEN_READS):
            try:
                return next(self._packets, None)
            except av.error.EOFError:
                return None
            except (av.error.FFmpegError, OSError) as error:
                if self._limits:
                    raise CameraError(
                        f"{self._name} delivers no frames ({_words(error)})", "is the camera still on and reachable?"
                    ) from None
                self._packets = self._demux()  # an error ends the generator, not the file
        return None

    def _decode(self, packet: Any) -> None:  # noqa: ANN401
        if self._own_mark and packet.size:  # an empty one brings out what is left
            data = bytes(packet)
            if self._stream.codec_context.name == "mjpeg" and not (data := jpeg_in(data)):
                self._skipped.record()
                return
            if self._stream.codec_context.name == "png" and has_too_many_parts(data):
                self._skipped.record()
                return
            self._mark = orientation(data)
        self._check_units(packet)
        try:
            frames = packet.decode()
        except av.error.EOFError:  # the decoder was emptied before
            return
        except av.error.FFmpegError:
            self._skipped.record()
            return
        self._check_memory()
        for frame in frames:
            self._check_format(frame.format)
            if frame.is_corrupt or max(frame.width, frame.height) > MAX_SIDE:
                self._skipped.record()
            else:
                self._decoded.append((frame, self._mark if self._own_mark else _orientation(frame)))

    def _check_units(self, packet: Any) -> None:  # noqa: ANN401
        """Raises CameraError where a packet would keep the decoder, and so a pause, waiting: it cannot be left out.

        The pictures that follow refer to it.
        """
        codec = self._stream.codec_context.name
        if codec in UNIT_CODECS and has_too_many_units(bytes(packet), codec):
            raise CameraError(
                f"{self._name} has a picture of more than {MAX_UNITS} slices or other units ({codec})",
                "choose another codec, or fewer slices, in the camera's own settings",
            )

    def _check_memory(self) -> None:
        """Raises CameraError where the decoder would have to keep too much: also a stream that was small may grow."""
        context = self._stream.codec_context
        if context.format:  # it keeps the first size in old versions
            self._check_format(av.VideoFormat(context.pix_fmt, context.width, context.height))

    def _check_format(self, form: Any) -> None:  # noqa: ANN401
        if self._stream.codec_context.name in INDEPENDENT:
            return
        if sum(part.width * part.height * -(-part.bits // 8) for part in form.components) > MAX_FRAME_BYTES:
            frames = f"{form.width}x{form.height} ({form.name})"
            raise CameraError(
                f"{self._name} has frames of {frames}, which take too much memory to decode",
                "choose a lower resolution in the camera's own settings",
            )


def _orientation(frame: Any) -> int:  # noqa: ANN401
    """How a frame lies, as its stream or container says; version 10 does not tell it."""
    counter_clockwise = round(getattr(frame, "rotation", 0) / 90) % 4
    return CLOCKWISE[-counter_clockwise % 4]


def _open(address: str, name: str, limits: Limits | None) -> Any:  # noqa: ANN401
    options: dict[str, str] = {}
    timeout = None
    if limits:
        timeout = (limits.open, limits.read)
        # No PNG is decoded while it is opened, before anybody could count what it consists of.
        options |= OPTIONS | {"codec_whitelist": ",".join(av.codecs_available - {"png"})}
        if limits.ca_file:
            options |= checking_options(address, limits.ca_file)
        if os.environ.get("http_proxy") and is_local(address):  # FFmpeg obeys it, too
            options["http_proxy"] = ""
    began = time.monotonic()
    try:
        with while_opening():
            # As `options` they would go to each stream, too: where one is found late, as in FLV, older versions crash.
            # The title of a film or camera may be in any encoding; "strict" would refuse what is not UTF-8.
            return av.open(address, timeout=timeout, container_options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if limits:
            raise _not_opened(address, name, limits, error, time.monotonic() - began) from None
        raise CameraError(f"{name} cannot be decoded: {_words(error)}", "is it a complete video file?") from None


def _not_opened(address: str, name: str, limits: Limits, error: Exception, seconds: float) -> CameraError:
    """What to say of a stream that cannot be opened, after so many seconds."""
    number = getattr(error, "errno", 0)
    if number == errno.EINVAL:  # FFmpeg's answer to a format, or the protocol of a redirect, that is not on the list
        redirected = ", or redirects to an address without a certificate" if limits.ca_file else ""
        return CameraError(f"{name} sends a format that is not taken from a network{redirected}", REMEDY)
    # FFmpeg's RTSP takes the end of its time for an answer that makes no sense.
    if seconds >= limits.open and isinstance(error, av.error.InvalidDataError):
        return CameraError(f"{name} cannot be opened: {NO_ANSWER}", UNREACHABLE_REMEDY)
    # FFmpeg says "Input/output error" of a certificate.
    if limits.ca_file and number == errno.EIO and (why := refusal(address, limits.ca_file, limits.open - seconds)):
        return CameraError(
            f"{name} cannot be opened: its certificate is not trusted ({why})",
            "is this the camera, and at the address that its certificate names? If it has a new certificate, put that "
            "into camera.ca_file; is this machine's clock right?",
        )
    return CameraError(f"{name} cannot be opened: {_words(error)}", _stream_remedy(error))


def _video_stream(container: Any, name: str) -> Any:  # noqa: ANN401
    best = getattr(container.streams, "best", None)  # version 10 has none
    stream = best("video") if best else next(iter(container.streams.video), None)
    if stream is None:
        raise CameraError(f"{name} has no video", "is it sound only, or another kind of file?")
    if stream.codec_context is None:
        codec = getattr(stream, "codec_tag", "") or "unknown"
        raise CameraError(f"{name} has the codec {codec}, which cannot be decoded here", "choose H.264 or Motion JPEG")
    # A picture of which a part is missing is no picture: FFmpeg would fill in what it guesses.
    stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
    stream.codec_context.thread_count = THREADS
    stream.thread_type = "AUTO"
    return stream


def _words(error: BaseException) -> str:
    """What FFmpeg says, without the address: that may hold a password."""
    if isinstance(error, av.error.ExitError):
        return NO_ANSWER
    return getattr(error, "strerror", None) or type(error).__name__


def _stream_remedy(error: BaseException) -> str:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return "check user and password; percent-encode what is not a letter or digit in them (%23 for #)"
    if isinstance(error, av.error.HTTPClientError | av.error.HTTPServerError):
        return "check the path of the address: the camera's manual lists it"
    if isinstance(error, av.error.InvalidDataError):
        return "it answers, but with neither a video nor a picture (a web page?): check the path of the address"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return "the address leads to a protocol that is not allowed here"
    return UNREACHABLE_REMEDY
