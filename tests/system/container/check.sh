#!/usr/bin/env bash
# Runs the container image with podman: check.sh, as root. Three minutes, and three more to make the image where dist/ has none.
# Without networks of its own (they share this machine's), as many sandboxes allow no more. Says what it has seen, and what not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
((EUID == 0)) || { echo "$0 needs root" >&2; exit 2; }
for program in podman buildah crun mmdebstrap; do
  command -v "$program" >/dev/null || apt-get install -y -qq --no-install-recommends "$program" >/dev/null
done
# crun does not know a mixture of both versions of cgroups, as some machines have it; a mount of our own has the second alone.
if [[ ! -e /sys/fs/cgroup/cgroup.controllers && -z ${OWN_MOUNTS:-} ]]; then
  # shellcheck disable=SC2016 # the inner shell expands it
  OWN_MOUNTS=yes exec unshare --mount --propagation private bash -c 'mount -t cgroup2 none /sys/fs/cgroup && exec bash "$0"' \
    "$PWD/tests/system/container/check.sh"
fi
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py)
image=dist/edge_${version}_$(dpkg --print-architecture).image.tar.gz
[[ -e $image ]] || scripts/image.sh
work=$(mktemp -d)
run_name=edge-check-$$
podman=(podman --root "$work/store" --runroot "$work/run" --storage-driver vfs --runtime crun --cgroup-manager cgroupfs --events-backend file --log-level error)
name=localhost/edge:$version
port=$((20000 + RANDOM % 20000))

step() { echo "[${SECONDS}s] $*"; }
die() { echo "FAILED: $*" >&2; "${podman[@]}" logs "$run_name" 2>&1 | tail -n 20 >&2 || true; exit 1; }
clean_up() {
  "${podman[@]}" rm --force --all --time 5 >/dev/null 2>&1 || true
  umount "$work/store/vfs" "$work/store" 2>/dev/null || true
  rm -rf "$work" || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# As compose.yaml starts them: another user, no capability, nothing to write on but /tmp and the volume.
start() { # NAME VOLUME ARGUMENTS
  "${podman[@]}" run --detach --name "$1" --network host --cgroups disabled --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 \
    --no-healthcheck --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --volume "$2:/var/lib/edge" "$name" "${@:3}" >/dev/null
}
inside() { "${podman[@]}" exec "$@"; }
healthy() { inside "$1" /usr/bin/edge-healthy >/dev/null 2>&1; } # what the image names; podman's own timers need systemd
wait_for() { # SECONDS COMMAND
  local limit=$((SECONDS + $1))
  until "${@:2}"; do ((SECONDS < limit)) || return 1; sleep 1; done
}

step "loading"
gunzip <"$image" | "${podman[@]}" load --quiet >/dev/null
"${podman[@]}" image inspect "$name" --format 'user {{.User}}, health check {{.HealthCheck.Test}}, {{.Size}} bytes'

step "as another user, read-only, with the embedded broker and the sample room"
start "$run_name" room run --set camera.source=sample --set "mqtt.embedded_port=$port" --set window.seconds=2
wait_for 90 healthy "$run_name" || die "not healthy: $(inside "$run_name" /usr/bin/edge-healthy 2>&1)"
inside "$run_name" /usr/bin/edge version --verbose --json >"$work/about.json" || die "a model is not what its card says"
inside "$run_name" /usr/bin/python3 -c "
import os, pathlib
assert os.getuid() == 10001, os.getuid()
caps = [line for line in pathlib.Path('/proc/self/status').read_text().splitlines() if line.startswith('CapEff')]
assert caps == ['CapEff:\t0000000000000000'], caps
try: pathlib.Path('/usr/lib/edge/new').touch()
except OSError as error: assert error.errno in (13, 30), error
else: raise SystemExit('it can write there')
assert any(' / ' in line and ',ro' in line.replace(' ro', ',ro') for line in open('/proc/mounts')), 'root is writable'
assert not [name for name in ('sh', 'dash', 'bash', 'apt', 'dpkg') if os.path.exists('/usr/bin/' + name)], 'a shell'
print('user 10001, no capability, / read-only, no shell')" || die "not as confined as it says"
window=$(mosquitto_sub -h 127.0.0.1 -p "$port" -t '+/+/window' -C 1 -W 60) || die "no window"
python3 -c 'import json, sys; w = json.loads(sys.argv[1]); f = w["faces"]; assert f["total"] > 0, w; print("a window:", f["mean"], "faces")' "$window"
main=$("${podman[@]}" inspect "$run_name" --format '{{.State.Pid}}')
echo "memory of the daemon: $(awk '/^VmRSS/ {printf "%d MB", $2 / 1024}' "/proc/$main/status")"

step "the health check follows frames: the daemon is held for 35 s, then goes on"
kill -STOP "$main"
sleep 35
if healthy "$run_name"; then kill -CONT "$main"; die "healthy without a frame"; fi
kill -CONT "$main"
wait_for 20 healthy "$run_name" || die "not healthy again"

step "recorder and dashboard, in one volume"
start edge-recorder school record --broker "mqtt://127.0.0.1:$port" --database /var/lib/edge/school.sqlite
wait_for 30 healthy edge-recorder || { "${podman[@]}" logs edge-recorder >&2; die "the recorder is not healthy"; }
start edge-dashboard school dashboard --broker "mqtt://127.0.0.1:$port" --database /var/lib/edge/school.sqlite --show-only --port $((port + 1))
answers() { inside edge-dashboard /usr/bin/edge-healthy "http://127.0.0.1:$((port + 1))" 2>/dev/null; }
wait_for 60 answers ||
  { "${podman[@]}" logs edge-dashboard >&2; die "no dashboard"; }
python3 -c 'import sys, urllib.request as u; page = u.urlopen(sys.argv[1]).read().decode(); assert "<title>" in page, page[:200]; print("the dashboard answers")' \
  "http://127.0.0.1:$((port + 1))/"
sleep 5
inside edge-recorder /usr/bin/python3 -c "
import sqlite3; n = sqlite3.connect('file:/var/lib/edge/school.sqlite?mode=ro', uri=True).execute('select count(*) from windows').fetchone()[0]
assert n > 0; print('recorded windows:', n)" || die "nothing was recorded"

step "it stops by itself when it is told to"
"${podman[@]}" stop --time 20 "$run_name" >/dev/null
code=$("${podman[@]}" inspect "$run_name" --format '{{.State.ExitCode}}')
((code == 0)) || die "exit $code"
step "passed; networks between containers and arm64: compose.sh; not tried: a camera"
