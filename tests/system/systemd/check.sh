#!/usr/bin/env bash
# Proves the service in a booted systemd, from install.sh to --uninstall: check.sh [bookworm|trixie], as root.
# About five minutes, ten the first time. The machine is a systemd-nspawn container without a network, made of a bare
# Debian and of wheels that are kept in ~/.cache/edge-tests; what git would commit here, now, is installed in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
suite=${1:-bookworm}
[[ $suite == bookworm || $suite == trixie ]] || { echo "usage: $0 [bookworm|trixie]" >&2; exit 2; }
((EUID == 0)) || { echo "$0 needs root: it boots a container" >&2; exit 2; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/edge-tests
base=$cache/systemd-$suite.base
wheels=$cache/systemd-$suite.wheels-$(cat requirements-broker.lock requirements-pages.lock | sha256sum | cut -c1-12)
packages=systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,iproute2,mosquitto,mosquitto-clients

step() { echo "[$suite ${SECONDS}s] $*"; }
step "what the test itself needs"
for program in systemd-nspawn:systemd-container debootstrap:debootstrap; do
  command -v "${program%:*}" >/dev/null || apt-get install -y -qq --no-install-recommends "${program#*:}" >/dev/null
done

mkdir -p "$cache"
if [[ ! -e $base/complete-$packages ]]; then
  step "building a bare $suite"
  rm -rf "$base"
  debootstrap --variant=minbase "--include=$packages" "$suite" "$base" >"$base.log" 2>&1 || { tail "$base.log" >&2; exit 1; }
  touch "$base/complete-$packages"
fi

machine=$(mktemp -d "$cache/systemd-$suite.XXXXXX")
container=''
clean_up() {
  if [[ -n $container ]] && kill "$container" 2>/dev/null; then wait "$container" || true; fi
  rm -rf "$machine"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
cp -a "$base/." "$machine"
tree=$machine/root/edge
mkdir -p "$tree"
git ls-files -co --exclude-standard -z | tar --null -T - -c --ignore-failed-read 2>/dev/null | tar -x -C "$tree"

if [[ ! -e $wheels/complete ]]; then
  step "fetching the wheels"
  mapfile -t settings < <(env | grep -E '^(PIP_[A-Z_]+|[a-z]+_proxy|SSL_CERT_FILE)=' | grep -v '^PIP_FIND_LINKS=')
  cp -L /etc/resolv.conf "$machine/etc/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$machine/etc/ssl/certs/"
  [[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$machine/etc/"
  get="/pip/bin/pip download -qq --require-hashes --only-binary :all: -d /wheels"
  chroot "$machine" env -i "${settings[@]}" HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -ec "
    python3 -m venv /pip; $get -r /root/edge/requirements-broker.lock; $get -r /root/edge/requirements-pages.lock"
  rm -rf "$wheels" "$machine/pip" "$machine/etc/pip.conf"
  mv "$machine/wheels" "$wheels"
  touch "$wheels/complete"
fi

cat >"$machine/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
WorkingDirectory=/root/edge
Environment=PYTHONUNBUFFERED=1 HOME=/root PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
ExecStart=/usr/bin/python3 -m tests.system.systemd.inside
StandardOutput=append:/check.log
StandardError=inherit
UNIT
mkdir -p "$machine/etc/systemd/system/default.target.wants"
ln -s ../check.service "$machine/etc/systemd/system/default.target.wants/"

step "booting"
touch "$machine/check.log"
# bpf and its capabilities, in a network of its own: without them systemd could not filter addresses and devices.
UNIFIED_CGROUP_HIERARCHY=1 timeout --kill-after 20 900 systemd-nspawn --quiet -D "$machine" --machine="edge-$$" \
  --register=no --keep-unit --private-network --bind-ro="$wheels:/wheels" --system-call-filter=bpf \
  --capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON --boot </dev/null >"$cache/systemd-$suite.console" 2>&1 &
container=$!
tail -n +1 -F --pid "$container" "$machine/check.log" 2>/dev/null || true
result=0
wait "$container" || result=$?
container=''
if ((result)); then
  step "failed ($result); the machine's console: $cache/systemd-$suite.console" >&2
  exit 1
fi
step "passed"
