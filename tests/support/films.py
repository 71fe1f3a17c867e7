"""Video files as phones, cameras and broken cards leave them; written with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from edge.cameras.ffmpeg_memory import limit_allocations
from tests.support.faulty_camera import LARGE, SMALL, jpeg, picture


def film(path: Path, times: list[float], size: tuple[int, int] = LARGE) -> Path:
    """A film with one frame at each time, in seconds; brighter and brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=100)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for number, shown in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(60 + number * 8 % 180, size), format="bgr24")
            frame.pts, frame.time_base = round(shown * 100), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def damaged(path: Path) -> Path:
    """Motion JPEG, 40 frames in two seconds, of which the eleventh cannot be decoded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height = LARGE
        stream.pix_fmt = "yuvj420p"
        for number in range(40):
            packet = av.Packet(jpeg(picture(60 + number)) if number != 10 else bytes(3000))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 20)
            container.mux(packet)
    return path


def taken_upright(path: Path) -> Path:
    """A film that is stored lying and marked as a quarter turn clockwise; its darker left half belongs on top."""
    film(path, [0, 0.1])
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 40  # the matrix in the header of the track, ISO/IEC 14496-12
    one, zero, minus_one = ((value & 0xFFFFFFFF).to_bytes(4, "big") for value in (0x10000, 0, -0x10000))
    data[at : at + 20] = zero + one + zero + minus_one + zero
    path.write_bytes(data)
    return path


def plain_h264(path: Path, side: int, frames: int, title: str = "") -> bytes:
    """A black square in H.264 that keeps all of its colours, three bytes a pixel; each frame may refer to 16 others.

    Its title is written in Latin-1.
    """
    limit_allocations()  # a decoder that came before may have left the process a smaller limit
    with av.open(str(path), "w", metadata_encoding="latin-1") as container:
        container.metadata["title"] = title
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "refs": "16"})
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv444p"
        frame = av.VideoFrame(side, side, "yuv444p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(frames):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def many_slices(path: Path, codec: Literal["libx264", "libx265"], count: int) -> bytes:
    """A grey film of six seconds whose pictures have two slices each; in one of the last, the second comes so often."""
    params = "slices=2:bframes=0:log-level=none" + (":sliced-threads=0:threads=1" if codec == "libx264" else "")
    options = {"preset": "ultrafast", "tune": "zerolatency", f"{codec.removeprefix('lib')}-params": params}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height = SMALL
        stream.pix_fmt = "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(np.full((SMALL[1] * 3 // 2, SMALL[0]), 110, np.uint8), "yuv420p")
            for packet in stream.encode(frame):
                if number == 55:
                    data = bytes(packet)
                    last = data[data.rindex(b"\0\0\1") :]
                    often = av.Packet(data + (count - 1) * last)
                    often.stream, often.pts, often.dts = stream, packet.pts, packet.dts
                    often.time_base = packet.time_base
                    container.mux(often)
                else:
                    container.mux(packet)
        container.mux(stream.encode())
    return path.read_bytes()


def noisy_h264(path: Path, frames: int, size: tuple[int, int]) -> bytes:
    """Noise around levels that rise, in H.264 that loses nothing: no two frames have a row in common."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "qp": "0"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(60 + number * 8 % 180, size), "bgr24")))
        container.mux(stream.encode())
    return path.read_bytes()


def with_sound(path: Path) -> tuple[bytes, bytes]:
    """MPEG-TS of a second with sound; and the sound alone that follows."""
    with av.open(str(path), "w", format="mpegts") as container:
        video = container.add_stream("mpeg2video", rate=25)
        video.width, video.height = SMALL
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("mp2", rate=48000)
        for _ in range(25):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(150, SMALL), format="bgr24")))
        container.mux(video.encode())
        for number in range(100):
            frame = av.AudioFrame(format="s16", layout="stereo", samples=1152)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 48000, number * 1152
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    data = path.read_bytes()
    pids = [int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF for at in range(0, len(data), 188)]
    end = 188 * (len(pids) - pids[::-1].index(0x100))  # of the last packet of video
    return data[:end], data[end:]
