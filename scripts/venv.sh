# shellcheck shell=bash
# What ./run and ./test share: the project's own Python environment, .venv. Sourced with $root set; see prepare_venv.
# Nothing here is printed on stdout, and nothing changes the current folder of the caller.
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# What somebody has set for pip elsewhere (PIP_USER=1) must not put packages beside .venv, nor refuse the project itself;
# these also win over pip.conf. Where packages come from (index, proxy) stays theirs.
export PIP_USER=0 PIP_REQUIRE_HASHES=0 PIP_DRY_RUN=0 PIP_NO_DEPS=0
unset PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONUSERBASE
python=${root:?}/.venv/bin/python
wheels_only=(-qq --require-hashes --only-binary :all:)

say() { echo "$*" >&2; }
die() { say "error: $*"; exit 1; }

# pip_install ARGUMENT...: with pip, from wheels that are locked.
pip_install() {
  "$python" -m pip install "${wheels_only[@]}" "$@" ||
    die "pip could not install it: is there an internet connection? It is needed once; then start again"
}

# apt_install PACKAGE...: by root, or with sudo, or not at all.
apt_install() {
  local -a root_by=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "no root and no sudo: please have root do 'apt-get install $*', then start again"
    root_by=(sudo)
  fi
  command -v apt-get >/dev/null || die "please install $* with this system's package manager, then start again"
  say "Installing $* with ${root_by[*]+sudo }apt-get ..."
  local log
  log=$(mktemp)
  if ! { "${root_by[@]}" apt-get update -qq && "${root_by[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    die "apt-get could not install $*"
  fi
  rm -f "$log"
}

# PostgreSQL's programs alone: Debian's package would also make a database of its own, and start it at every boot.
install_postgresql() {
  local settings=/etc/postgresql-common/createcluster.conf
  local -a root_by=()
  ((EUID == 0)) || root_by=(sudo)
  apt_install postgresql-common &&
    "${root_by[@]}" sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' "$settings" &&
    grep -q '^create_main_cluster = false' "$settings" && apt_install postgresql
}

# Prints the first Python that the locks have wheels for.
find_python() {
  local name
  for name in python3 python3.{14,13,12,11,10}; do
    if "$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  die "no Python from 3.10 to 3.14 found: apt-get install python3 python3-venv (or a newer system), then start again"
}

# A 32-bit Raspberry Pi OS, also where its kernel is a 64-bit one. Best effort: half of the wheels do not exist there.
is_arm32() { "$1" -c 'import platform, sys; sys.exit(sys.maxsize > 2**32 or platform.machine()[:3] not in ("arm", "aar"))'; }

# With a Mosquitto on this machine no demonstration broker in Python is needed, nor the eight packages that it brings.
has_mosquitto() { (PATH=$PATH:/usr/sbin && command -v mosquitto >/dev/null); }
run_lock() { if has_mosquitto; then echo requirements.lock; else echo requirements-broker.lock; fi; }

# install_arm32 SYSTEM_PYTHON: apt's packages where there is no wheel, and the rest of the lock as locked.
install_arm32() {
  "$1" -c 'import sys; sys.exit(sys.version_info >= (3, 12))' ||
    die "no TFLite runtime exists for 32-bit Raspberry Pi OS with Python 3.12 or newer: use the 64-bit one"
  "$1" -c 'import numpy, cv2, yaml, psutil, argon2' 2>/dev/null ||
    apt_install python3-numpy python3-opencv python3-yaml python3-psutil python3-argon2
  sed "s/ and platform_machine == 'armv7l'//" "$root/$(run_lock)" |
    awk '/^[a-z]/ { keep = !/^(numpy|pyyaml|psutil|cffi|argon2-cffi.*)==/ && !/platform_machine !=/ } keep' >"$root/.venv/arm32.lock"
  pip_install --no-deps -r "$root/.venv/arm32.lock"
}

# A wheel of OpenCV never has GStreamer, which the cameras of a Jetson need; python3-opencv from apt has.
has_gstreamer() {
  "$1" -c 'import cv2, re, sys; sys.exit(not re.search("GStreamer: +YES", cv2.getBuildInformation()))' 2>/dev/null
}

# install_beside SYSTEM_PYTHON: all of the lock, but the system's OpenCV where that one has GStreamer and works here.
install_beside() {
  if has_gstreamer "$1"; then
    awk '/^[a-z]/ { keep = !/^opencv/ } keep' "$root/$(run_lock)" >"$root/.venv/no-opencv.lock"
    pip_install -r "$root/.venv/no-opencv.lock"
    if has_gstreamer "$python"; then return; fi # else it was built for another numpy
  fi
  pip_install -r "$root/$(run_lock)"
}

# download LOCK FOLDER: wheels that only carry pictures; the same files on every machine, so for one fixed platform.
download() {
  "$python" -m pip download "${wheels_only[@]}" --no-deps --python-version 3.11 --implementation cp --abi cp311 \
    --platform manylinux2014_x86_64 -r "$root/$1" -d "$root/.venv/$2"
}

# What .venv was made for. Moving the project, a new system Python, a new lock, a freshly installed libcamera or OpenCV
# make another one; it takes a few milliseconds to find out.
fingerprint() {
  {
    "$python" --version
    ls -d "$root" /usr/lib/python3*/dist-packages/{libcamera,cv2*} || true
    cd "$root" && cat scripts/venv.sh pyproject.toml "$@"
  } 2>/dev/null | sha256sum
}
is_ready() { [[ -x $python && -f $root/.venv/$1 && $(<"$root/.venv/$1") == "$(fingerprint "${@:2}")" ]]; }
# stamp FILE LOCK...: it comes last, when all else is on the disk: whatever was interrupted, by a power cut too, is done again.
stamp() {
  sync -f "$root/.venv"
  fingerprint "${@:2}" >"$root/.venv/$1"
}
# A demonstration broker too many does no harm.
ready_to_run() { is_ready run.stamp requirements-broker.lock || { has_mosquitto && is_ready run.stamp requirements.lock; }; }
ready_for_pages() { is_ready pages.stamp requirements-pages.lock; }
ready_to_test() { is_ready test.stamp requirements-test.lock requirements-test-pictures.lock; }

make_venv() {
  local system options=(--clear)
  system=$(find_python)
  if ! "$system" -c 'import ensurepip' 2>/dev/null; then
    apt_install python3-venv
    "$system" -c 'import ensurepip' || die "$system has no venv module: install the package python3-venv that belongs to it"
  fi
  say "First start: installing into .venv (about 20 s) ..."
  trap 'say "The installation did not finish; the next start does it again."' EXIT
  # What comes from apt and never from pip, picamera2 and an OpenCV with GStreamer, has to be seen from inside.
  if is_arm32 "$system" || "$system" -c 'import libcamera' 2>/dev/null || has_gstreamer "$system"; then
    options+=(--system-site-packages)
  fi
  if [[ -L $root/.venv ]]; then rm "$root/.venv"; fi # else what it leads to, another clone's, would be emptied
  "$system" -m venv "${options[@]}" "$root/.venv"
  if is_arm32 "$system"; then
    install_arm32 "$system"
  else
    install_beside "$system"
  fi
  "$python" -m pip install -qq --no-deps --no-build-isolation --editable "$root"
  stamp run.stamp "$(run_lock)"
  trap - EXIT
  say "Installed in $SECONDS s."
}

add_pages() {
  if is_arm32 "$python"; then die "setup, dashboard and report need a 64-bit system: run them on another machine"; fi
  say "Adding what pages and reports need to .venv (about 230 MB, once) ..."
  pip_install -r "$root/requirements-pages.lock"
  stamp pages.stamp requirements-pages.lock
}

add_tests() {
  say "Adding what the tests need to .venv ..."
  pip_install -r "$root/requirements-test.lock"
  download requirements-test-pictures.lock pictures
  stamp test.stamp requirements-test.lock requirements-test-pictures.lock
}

# once READY MAKE: two calls at the same moment would spoil it; the second waits for the first, and finds it done. From
# $root, because Python looks for modules in the current folder first, and that may be anybody's. The lock is a file that
# nobody else can open: whoever can open one for reading, or a folder, can hold it for ever.
once() {
  local lock=$root/.venv.lock
  "$1" || {
    (umask 077 && : >>"$lock") 2>/dev/null ||
      die "$(id -un) cannot write $lock: clone the project as yourself, without sudo (or: sudo chown -R $(id -un) $root)"
    (flock 9; cd "$root" || exit; "$1" || "$2") 9<"$lock"
  }
}
prepare_venv() { once ready_to_run make_venv; }
prepare_pages_venv() {
  prepare_venv
  once ready_for_pages add_pages
}
prepare_test_venv() {
  prepare_venv
  once ready_to_test add_tests
}
