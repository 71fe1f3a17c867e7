"""What FFmpeg takes from a network."""

from __future__ import annotations

FORMATS = (
    "rtsp", "mpegts", "mpeg", "flv", "live_flv", "h264", "hevc", "m4v", "mpjpeg", "mjpeg",
    "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "image2", "image2pipe",
)  # fmt: skip
"""What cameras speak (names of FFmpeg's demuxers). Files and playlists (Matroska, MP4, HLS) may carry any number of
attachments, tags and parts before their first picture, each within the limit of one allocation, gigabytes in all."""

MAX_STREAMS = 4  # pictures, sound, data, and what is said back to a camera; of each some frames are decoded to know it

OPTIONS = {
    # What comes from outside must neither name a file of this machine nor have it listen, as an SDP file does by rtp:.
    "protocol_whitelist": "rtsp,rtsps,tcp,tls,http,https,httpproxy,crypto",
    "format_whitelist": ",".join(FORMATS),
    "max_streams": str(MAX_STREAMS),
    "rtsp_transport": "tcp",  # over UDP, lost packets smear the picture for seconds
    "allowed_media_types": "video",  # of an RTSP session: nobody asks for what a microphone hears
}

REMEDY = "choose RTSP, MPEG-TS, FLV or Motion JPEG in the camera's settings; a file is played from this machine only"
