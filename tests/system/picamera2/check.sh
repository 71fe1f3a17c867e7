#!/usr/bin/env bash
# The real picamera2 and the real libcamera, with its software camera in place of a Raspberry Pi's. As root: check.sh
# Builds a Debian in ~/.cache/edge-tests the first time (about 1.3 GB); a later run takes about a minute.
set -euo pipefail
# shellcheck source=tests/system/picamera2/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
in_namespaces 1500 "$@"

install_libcamera() {
  local mirror
  mirror=$(awk '$1 == "deb" { print $2; exit }' "$system/etc/apt/sources.list")
  echo "deb $mirror trixie-backports main" >"$system/etc/apt/sources.list.d/backports.list"
  install_packages -t trixie-backports python3-libcamera libcamera-ipa &&
    install_packages python3-pip gcc libc6-dev python3-dev libcap-dev libarchive13t64 mosquitto &&
    inside "pip install -q --break-system-packages picamera2==0.3.38" >>"$cache/log" 2>&1
}
make_system picamera2 trixie install_libcamera
copy_project

# Where the system's Python looks, so that ./run finds picamera2 as it would on a Raspberry Pi.
packages=$system/usr/lib/python3/dist-packages
cp "$project/tests/system/picamera2/virtualcam.py" "$packages/"
echo 'import os; os.environ.get("EDGE_VIRTUAL_CAMERA") and __import__("virtualcam")' >"$packages/virtualcam.pth"
mkdir -p "$system/opt/frames"
cat >"$system/usr/share/libcamera/pipeline/virtual/virtual.yaml" <<'YAML'
%YAML 1.1
---
"Virtual0":
  supported_formats:
  - { width: 1280, height: 720, frame_rates: [ 30 ] }
  - { width: 640, height: 480, frame_rates: [ 30 ] }
  frames:
    path: "/opt/frames"
  location: "CameraLocationFront"
  model: "imx708"
YAML

virtual="EDGE_VIRTUAL_CAMERA=1 LIBCAMERA_LOG_LEVELS=*:FATAL"

step "./run makes an environment that sees the system's picamera2"
inside "cd /root/edge && ./run --version && .venv/bin/python -c 'import libcamera'"
step "the camera itself"
inside "cd /root/edge && $virtual .venv/bin/python -m tests.system.picamera2.camera"
step "./run check"
inside "cd /root/edge && $virtual COLUMNS=200 ./run check --set camera.source=picamera \
  --set deployment.responsible=check --set deployment.legal_basis=check"
step "the daemon"
inside "cd /root/edge && $virtual .venv/bin/python -m tests.system.picamera2.daemon picamera"
step "passed"
