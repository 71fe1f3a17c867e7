"""A network camera as a process of its own, to be stopped and killed: python -m tests.support.network_camera PORT"""

from __future__ import annotations

import http.server
import sys
import time

import cv2
import numpy as np


class Mjpeg(http.server.BaseHTTPRequestHandler):
    """Sends motion JPEG, 25 frames a second, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        jpeg = cv2.imencode(".jpg", np.full((240, 320, 3), 90, np.uint8))[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
        while True:
            try:
                self.wfile.write(head + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.04)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Mjpeg).serve_forever()
