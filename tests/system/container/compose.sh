#!/usr/bin/env bash
# Starts docs/container/compose.yaml with Docker and docker-compose, as docs/container.md says it: compose.sh [arm64], as root. Five
# minutes (in emulation more), and six to make the image where dist/ has none. Docker runs in a network of its own, with a folder of its
# own; no other is touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
((EUID == 0)) || { echo "$0 needs root" >&2; exit 2; }
for program in dockerd:docker.io docker-compose:docker-compose iptables:iptables buildah:buildah mmdebstrap:mmdebstrap curl:curl; do
  command -v "${program%:*}" >/dev/null || apt-get install -y -qq --no-install-recommends "${program#*:}" >/dev/null
done
# shellcheck source=tests/system/emulation.sh
source tests/system/emulation.sh
here=$(dpkg --print-architecture) architecture=${1:-$(dpkg --print-architecture)}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py)
image=dist/edge_${version}_$architecture.image.tar.gz
[[ -e $image ]] || scripts/image.sh "$architecture"
if [[ -z ${OWN_NETWORK:-} ]]; then
  OWN_NETWORK=yes exec unshare --net --mount --propagation private bash "$PWD/tests/system/container/compose.sh" "$@"
fi
ip link set lo up
work=$(mktemp -d)
export DOCKER_HOST=unix://$work/docker.sock COMPOSE_PROJECT_NAME=edgecheck
daemon='' patience=1

step() { echo "[${SECONDS}s] $*"; }
die() { echo "FAILED: $*" >&2; docker-compose logs --tail 15 >&2 || true; tail -n 5 "$work/dockerd.log" >&2; exit 1; }
clean_up() {
  [[ ! -e $work/container ]] || docker-compose down --volumes --timeout 5 >/dev/null 2>&1 || true
  [[ -z $daemon ]] || { kill "$daemon"; wait "$daemon" || true; }
  umount "$work"/run/netns/* "$work/data" 2>/dev/null || true
  cd /
  rm -rf "$work" || true
}
trap clean_up EXIT
trap 'exit 1' INT TERM
wait_for() { # SECONDS COMMAND
  local limit=$((SECONDS + $1 * patience))
  until "${@:2}"; do ((SECONDS < limit)) || return 1; sleep 1; done
}
container() { docker-compose ps --quiet "$1"; }
state() { docker inspect "$(container "$1")" --format "{{.State.$2}}"; }
health_is() { [[ $(state "$1" Health.Status) == "$2" ]]; }
all_healthy() { for service in broker room recorder dashboard; do health_is "$service" healthy || return 1; done; }
windows() { # the windows stored, and the numbers among them that are missing
  docker-compose exec -T recorder /usr/bin/python3 -c "
import sqlite3; d = sqlite3.connect('file:/var/lib/edge/school.sqlite?mode=ro', uri=True)
print(*d.execute('select count(*), ifnull(max(seq) - min(seq) + 1 - count(*), 0) from windows').fetchone())"
}
more_than() { [[ $(windows | cut -d' ' -f1) -gt $1 ]]; }

step "Docker"
dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/run" --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 &
daemon=$!
up() { docker version >/dev/null 2>&1; }
wait_for 60 up || die "Docker does not start"
docker version --format 'Docker {{.Server.Version}}'
gunzip <"$image" | docker load
cp -r docs/container "$work/"
cd "$work/container"
if ! (ulimit -l unlimited) 2>/dev/null; then
  echo "this machine raises no limit of locked memory: the room is started without it, as compose.yaml says"
  sed -i '/memlock/d' compose.yaml
fi
export EDGE_IMAGE=localhost/edge:$version
if [[ $architecture != "$here" ]]; then
  # The processor of a Raspberry Pi 4; under qemu's own choice int8 sums come out wrong.
  patience=5
  teach_kernel "$architecture" qemu-aarch64
  write_cpuinfo "$architecture" cpuinfo
  echo "services:" >emulated.yaml
  for service in broker room recorder dashboard; do
    printf '  %s: {environment: {QEMU_CPU: cortex-a72, EDGE_CAMERA__OPEN_TIMEOUT: 120}, volumes: ["./cpuinfo:/proc/cpuinfo:ro"]}\n' "$service" >>emulated.yaml
  done
  export COMPOSE_FILE=compose.yaml:emulated.yaml
fi

step "a token, then everything"
docker-compose run --rm --no-deps dashboard access add NAME --role all --rooms '*' --file /var/lib/edge/access.yaml >"$work/said" ||
  die "no token: $(cat "$work/said")"
token=$(grep -oE '[A-Za-z0-9_-]{30,}' "$work/said" | head -n 1) || die "no token in: $(cat "$work/said")"
docker-compose up --detach 2>&1 | tail -n 5
wait_for 120 all_healthy || die "not healthy: $(docker-compose ps)"
docker-compose ps

step "the page, with the token and without; the windows of the room"
status() { curl --silent --output "$work/page" --write-out '%{http_code}' "$@" http://127.0.0.1:8080/; }
code=$(status)
[[ $code == 403 ]] || die "without a token the page answers $code"
code=$(status --header "Authorization: Bearer $token")
[[ $code == 200 && $(<"$work/page") == *"<title>"* ]] || die "with the token the page answers $code"
wait_for 60 more_than 2 || die "windows: $(windows)"
for service in broker room recorder dashboard; do
  echo "$service: $(docker stats --no-stream --format '{{.MemUsage}}, {{.CPUPerc}} of a core' "$(container "$service")")"
done

step "the broker's port is not published, yet this machine reaches it: not without the password"
python3 - "$(docker inspect "$(container broker)" --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')" <<'END' || die "the broker"
import socket, sys
line = socket.create_connection((sys.argv[1], 1883), timeout=10)
line.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
answer = line.recv(4)
assert answer == b"\x20\x02\x00\x05", answer  # CONNACK: not authorized
print(f"{sys.argv[1]}: not authorized")
END

step "a room that is held becomes unhealthy, and healthy again"
kill -STOP "$(state room Pid)"
wait_for 120 health_is room unhealthy || { kill -CONT "$(state room Pid)"; die "Docker calls a room that is held $(state room Health.Status)"; }
kill -CONT "$(state room Pid)"
wait_for 60 health_is room healthy || die "not healthy again"

step "kill -9 of the recorder and of the broker: Docker starts them again, and no window is missing"
for service in recorder broker; do # one after the other: what waits for a recorder that is away, a killed broker may forget
  before=$(windows | cut -d' ' -f1)
  kill -KILL "$(state "$service" Pid)"
  wait_for 120 more_than $((before + 3)) || die "nothing is recorded any more: $(windows)"
done
wait_for 120 all_healthy || die "not healthy: $(docker-compose ps)"
read -r stored missing < <(windows)
((missing == 0)) || die "$missing of $stored windows are missing"
echo "$stored windows, none missing"

step "it stops by itself when it is told to"
room=$(container room)
docker-compose stop --timeout 20 2>/dev/null
code=$(docker inspect "$room" --format '{{.State.ExitCode}}')
((code == 0)) || die "the room ends with $code"
step "passed; not tried: a camera"
