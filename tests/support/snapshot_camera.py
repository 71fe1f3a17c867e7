"""A network camera that counts how often somebody has looked through it, and may take its time."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene


class SnapshotCamera:
    """It has a picture of the sample room at one address."""

    def __init__(self) -> None:
        self.pictures = 0
        """How often it was asked."""
        self.answers = threading.Event()
        """While this is not set, whoever asks waits."""
        self.answers.set()
        scene = Scene(read_portraits(), size=(640, 480), faces=5, seed=1).render(1.0)
        picture, camera = cv2.imencode(".jpg", scene)[1].tobytes(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.pictures += 1
                camera.answers.wait(300)
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "image/jpeg")
                    self.send_header("Content-Length", str(len(picture)))
                    self.end_headers()
                    self.wfile.write(picture)
                except OSError:  # whoever asked has gone
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.source = f"http://127.0.0.1:{self.server.server_address[1]}/snapshot.jpg"


@contextmanager
def snapshot_camera() -> Iterator[SnapshotCamera]:
    """A camera that serves until the end."""
    camera = SnapshotCamera()
    thread = threading.Thread(target=camera.server.serve_forever)
    thread.start()
    try:
        yield camera
    finally:
        camera.answers.set()
        camera.server.shutdown()
        thread.join(10)
        camera.server.server_close()
