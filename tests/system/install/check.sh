#!/usr/bin/env bash
# Proves ./run on a bare Debian: no pip, no venv, only python3 and ca-certificates. As root: check.sh bookworm|trixie
# What git tracks here, uncommitted changes included, is installed inside; the bare system is kept in build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
suite=${1:-}
[[ $suite == bookworm || $suite == trixie ]] || { echo "usage: $0 bookworm|trixie" >&2; exit 2; }
((EUID == 0)) || { echo "$0 needs root: it makes a chroot" >&2; exit 2; }
base=$PWD/build/install-$suite.base
system=$PWD/build/install-$suite

step() { echo "[$suite ${SECONDS}s] $*"; }
# In the bare system, with nothing of this machine but the settings by which pip finds its registry.
mapfile -t settings < <(env | grep -E '^(PIP_[A-Z_]+|[a-z]+_proxy|SSL_CERT_FILE)=' | grep -v '^PIP_FIND_LINKS=')
inside() {
  chroot "$system" env -i "${settings[@]}" HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c "cd /root/edge && $1"
}
clean_up() {
  for folder in sys proc; do
    if mountpoint -q "$system/$folder"; then umount "$system/$folder"; fi
  done
}
trap clean_up EXIT

mkdir -p build
if [[ ! -e $base/complete ]]; then
  step "building a bare $suite (about a minute)"
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  rm -rf "$base"
  debootstrap --variant=minbase --include=python3,ca-certificates "$suite" "$base" >"$base.log" 2>&1 ||
    { tail "$base.log" >&2; exit 1; }
  touch "$base/complete"
fi
clean_up # of a run that was killed; what is still mounted must not be deleted
rm -rf "$system"
cp -a "$base" "$system"
for folder in proc sys; do # in a container debootstrap leaves links here, and a mount would hit this machine's own
  if [[ -L $system/$folder ]]; then rm "$system/$folder"; fi
  mkdir -p "$system/$folder"
done
mount -t proc proc "$system/proc"
mount -t sysfs -o ro sysfs "$system/sys"
cp -L /etc/resolv.conf "$system/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/"
cp /etc/apt/apt.conf.d/* "$system/etc/apt/apt.conf.d/"
[[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$system/etc/"

mkdir "$system/root/edge"
tracked=$(git -c user.name=check -c user.email=check@localhost stash create)
git archive "${tracked:-HEAD}" | tar -x -C "$system/root/edge"
inside '! python3 -c "import ensurepip" 2>/dev/null && ! python3 -m pip --version 2>/dev/null' ||
  { echo "the bare system is not bare" >&2; exit 1; }

TIMEFORMAT='took %R s'
step "first start: ./run check"
time inside './run check'
step "second start: ./run check"
time inside './run check'
step "40 s of work, then the stop that systemd would send: ./run"
started=$SECONDS
inside 'timeout --preserve-status --signal TERM --kill-after 20 40 ./run'
((SECONDS - started >= 39)) || { echo "./run ended by itself" >&2; exit 1; }
step "passed"
