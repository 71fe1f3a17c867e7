# shellcheck shell=bash
# A Debian of its own for a check that needs system packages, kept in a cache outside of the project; sourced.
# Root only. Nothing of this machine is mounted into it but a few harmless devices.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/edge-tests
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)

step() { echo "[${SECONDS}s] $*"; }
die() { echo "error: $*" >&2; exit 1; }

# in_namespaces SECONDS "$@": starts the script again where its mounts and processes end with it, however it ends.
in_namespaces() {
  ((EUID == 0)) || die "this check needs root: it makes a chroot"
  [[ -z ${EDGE_CHECK_INSIDE-} ]] || return 0
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  export EDGE_CHECK_INSIDE=1
  exec timeout --foreground --kill-after 5 "$1" unshare --mount --pid --fork --kill-child bash "$0" "${@:2}"
}

# With nothing of this machine but the settings by which pip finds its registry.
mapfile -t settings < <(env | grep -E '^(PIP_[A-Z_]+|[a-z]+_proxy|SSL_CERT_FILE)=' | grep -v '^PIP_FIND_LINKS=')
inside() {
  chroot "$system" env -i "${settings[@]}" HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive PIP_ROOT_USER_ACTION=ignore bash -c "$1"
}
install_packages() { inside "apt-get update -qq && apt-get install -y -qq --no-install-recommends $*" >>"$cache/log" 2>&1; }

# make_system NAME SUITE FUNCTION: $system becomes a bare SUITE in which FUNCTION was run; made again when one of the
# two functions has changed.
make_system() {
  mkdir -p "$cache"
  (umask 077 && : >>"$cache/$1.lock") # one that others could open they could hold
  exec 9<"$cache/$1.lock"
  flock 9
  system=$cache/$1
  local made_by
  made_by=$(declare -f make_system "$3")
  if [[ ! -f $system/made-by || $(<"$system/made-by") != "$made_by" ]]; then
    step "building a $2 in $system (one to three minutes, once)"
    rm -rf "$system"
    : >"$cache/log"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$2" "$system" >>"$cache/log" 2>&1 ||
      { tail "$cache/log" >&2; exit 1; }
    cp -L /etc/resolv.conf "$system/etc/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/"
    cp /etc/apt/apt.conf.d/* "$system/etc/apt/apt.conf.d/"
    [[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$system/etc/"
    mount_devices
    "$3" || { tail "$cache/log" >&2; exit 1; }
    inside "apt-get clean"
    echo "$made_by" >"$system/made-by"
  else
    mount_devices
  fi
}

mount_devices() {
  local node folder
  for folder in proc dev; do # in a container debootstrap leaves links here, and a mount would hit this machine's own
    [[ ! -L $system/$folder ]] || rm "$system/$folder"
    mkdir -p "$system/$folder"
  done
  mount -t proc proc "$system/proc"
  mount -t tmpfs -o mode=755 tmpfs "$system/dev"
  for node in null zero full random urandom; do
    touch "$system/dev/$node"
    mount --bind "/dev/$node" "$system/dev/$node"
  done
  ln -s /proc/self/fd "$system/dev/fd"
  mkdir -m 1777 "$system/dev/shm"
}

# What git would know of the project here and now; the environment made by an earlier run stays.
copy_project() {
  mkdir -p "$system/root/edge"
  find "$system/root/edge" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
  git -C "$project" ls-files -coz --exclude-standard | tar -C "$project" --null --ignore-failed-read -T - -c 2>/dev/null |
    tar -C "$system/root/edge" -x
}
