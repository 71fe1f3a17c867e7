#!/usr/bin/env bash
# The Debian package on an emulated Raspberry Pi 4: installed without a network, edge check, the daemon on the sample room, purge.
# As root: package.sh bookworm|trixie. The package is that of dist/, else scripts/package.sh makes it. A quarter of an hour.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/picamera2/debian.sh
source "$here/../picamera2/debian.sh"
# shellcheck source=tests/system/emulation.sh
source "$here/../emulation.sh"

suite=${1-} arch=arm64 emulator=qemu-aarch64
case $suite in bookworm) release=12 ;; trixie) release=13 ;; *) die "usage: $0 bookworm|trixie" ;; esac
for program in "$emulator-static" debootstrap; do
  command -v "$program" >/dev/null || die "no $program here: apt-get install qemu-user-static debootstrap"
done
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$project/edge/__init__.py")
package=$project/dist/edge_$version+deb${release}_$arch.deb
[[ -e $package ]] || (cd "$project" && scripts/package.sh "$suite" "$arch")
in_namespaces "${EDGE_CHECK_SECONDS:-3000}" "$@"

settings=(QEMU_CPU=cortex-a72 OPENBLAS_NUM_THREADS=1) # nothing of this machine's registries
step() { echo "[$suite $arch ${SECONDS}s] $*"; }
debootstrap() { command debootstrap --arch="$arch" "$@"; }
nothing_more() { :; }

teach_kernel "$arch" "$emulator"
make_system "package-$arch-$suite" "$suite" nothing_more
pretend_to_be_a_pi
# A network of its own, without a way out: what the package lacks shows.
inside() {
  unshare --net chroot "$system" env -i "${settings[@]}" HOME=/root LC_ALL=C.UTF-8 COLUMNS=150 \
    PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive bash -c "$1"
}
cp "$package" "$system/root/edge.deb"
step "the system: $(inside "python3 -c 'import platform; print(platform.machine(), platform.python_version())'")"
inside "apt-get purge -y -qq edge >/dev/null 2>&1 || true
  apt-get install -y -qq --no-install-recommends /root/edge.deb >/root/log 2>&1 || { tail -n 20 /root/log >&2; exit 1; }"
step "installed: $(inside "edge version")"
inside "ip link set lo up 2>/dev/null || python3 - <<'PY'
import fcntl, socket, struct
with socket.socket() as line:  # SIOCSIFFLAGS: without iproute2
    fcntl.ioctl(line, 0x8914, struct.pack('16sH14x', b'lo', 0x49))
PY
  edge run --set camera.source=sample:25 --set camera.open_timeout=120 --set camera.read_timeout=60 \
    --set window.seconds=20 --set vision.detect_width=640 --set mqtt.broker=embedded >/root/said 2>/root/log &
  for ((second = 0; second < 600; second++)); do
    [[ \$(grep -c '^.*#[0-9]* ' /root/said) -lt 2 ]] || break
    kill -0 \$! 2>/dev/null || break
    sleep 1
  done
  kill -INT \$! && wait \$! && grep -m 2 '#[0-9]*  .* faces' /root/said || { tail -n 20 /root/said /root/log >&2; exit 1; }"
step "the daemon counted the sample room, and ended in good order"
inside "apt-get purge -y -qq edge >/root/log 2>&1 || { tail -n 20 /root/log >&2; exit 1; }
  left=\$(find /etc/edge /usr/lib/edge /var/lib/edge /lib/systemd/system -name '*edge*' 2>/dev/null || true)
  [[ -z \$left ]] || { echo \"left behind: \$left\" >&2; exit 1; }"
step "purged without a trace"
step "passed"
