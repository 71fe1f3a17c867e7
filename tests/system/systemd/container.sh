# shellcheck shell=bash
# Sourced by checks that boot a systemd, as root, with $suite set (bookworm or trixie): a systemd-nspawn container without
# a network, made of a bare Debian that is kept in ~/.cache/edge-tests, with what git would commit here, now, in /root/edge.
[[ ${suite:?} == bookworm || $suite == trixie ]] || { echo "usage: $0 [bookworm|trixie]" >&2; exit 2; }
((EUID == 0)) || { echo "$0 needs root: it boots a container" >&2; exit 2; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/edge-tests
base=$cache/systemd-$suite.base
packages=systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,iproute2,mosquitto,mosquitto-clients

step() { echo "[$suite ${SECONDS}s] $*"; }
clean_up() {
  if [[ -n $container ]] && kill "$container" 2>/dev/null; then wait "$container" || true; fi
  rm -rf "$machine"
}

# Sets $machine, the folder of the container.
make_machine() {
  local program tree
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
  trap clean_up EXIT
  trap 'exit 1' INT TERM
  cp -a "$base/." "$machine"
  tree=$machine/root/edge
  mkdir -p "$tree"
  git ls-files -co --exclude-standard -z | tar --null -T - -c --ignore-failed-read 2>/dev/null | tar -x -C "$tree"
}

# boot MODULE ENVIRONMENT NSPAWN-OPTIONS...: run a Python module of the tests inside; ends with 1 unless it ends with 0.
boot() {
  local result=0
  cat >"$machine/etc/systemd/system/check.service" <<UNIT
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
WorkingDirectory=/root/edge
Environment=PYTHONUNBUFFERED=1 HOME=/root $2
ExecStart=/usr/bin/python3 -m $1
StandardOutput=append:/check.log
StandardError=inherit
UNIT
  mkdir -p "$machine/etc/systemd/system/default.target.wants"
  ln -s ../check.service "$machine/etc/systemd/system/default.target.wants/"

  step "booting"
  touch "$machine/check.log"
  # bpf and its capabilities, in a network of its own: without them systemd could not filter addresses and devices.
  # The others ask the kernel whether the clock is set.
  UNIFIED_CGROUP_HIERARCHY=1 timeout --kill-after 20 1500 systemd-nspawn --quiet -D "$machine" --machine="edge-$$" \
    --register=no --keep-unit --private-network '--system-call-filter=bpf adjtimex clock_adjtime' \
    --capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON "${@:3}" --boot </dev/null >"$cache/systemd-$suite.console" 2>&1 &
  container=$!
  tail -n +1 -F --pid "$container" "$machine/check.log" 2>/dev/null || true
  wait "$container" || result=$?
  container=''
  if ((result)); then
    step "failed ($result); the machine's console: $cache/systemd-$suite.console" >&2
    exit 1
  fi
  step "passed"
}
