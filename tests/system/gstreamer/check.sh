#!/usr/bin/env bash
# GStreamer pipelines, with the OpenCV of a Debian that was built for them. As root: check.sh [bookworm|trixie]
# Builds a Debian in ~/.cache/edge-tests the first time (about 1.5 GB); a later run takes about a minute.
set -euo pipefail
# shellcheck source=tests/system/picamera2/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/../picamera2/debian.sh"
suite=${1:-bookworm}
[[ $suite == bookworm || $suite == trixie ]] || { echo "usage: $0 [bookworm|trixie]" >&2; exit 2; }
in_namespaces 1500 "$@"

install_gstreamer() {
  install_packages python3-opencv gstreamer1.0-plugins-base gstreamer1.0-plugins-good mosquitto
}
make_system "gstreamer-$suite" "$suite" install_gstreamer
copy_project

step "./run makes an environment that sees the system's OpenCV"
inside "cd /root/edge && ./run --version &&
  .venv/bin/python -c 'import cv2, numpy; print(cv2.__version__, cv2.__file__, numpy.__version__)'"
step "pipelines"
inside "cd /root/edge && .venv/bin/python -m tests.system.gstreamer.pipelines"
step "./run check, with the sample room: everything else works with this OpenCV, too"
inside "cd /root/edge && COLUMNS=200 ./run check --set camera.source=sample"
step "the daemon"
inside "cd /root/edge && .venv/bin/python -m tests.system.picamera2.daemon \
  'gstreamer:multifilesrc location=/opt/frames/%03d.jpg loop=true caps=image/jpeg,framerate=10/1 ! jpegdec ! identity sync=true'"
step "passed"
