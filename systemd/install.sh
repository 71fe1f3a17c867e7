#!/usr/bin/env bash
# Installs edge as a systemd service, or upgrades it. Run as root from a clone of the repository:
#   systemd/install.sh               install or upgrade; restarts running services, enables none
#   systemd/install.sh --uninstall   remove it; keeps /etc/edge and the state in /var/lib (unless --purge)
#   --pages                          also install what `edge setup`, `dashboard` and `report` need, and
#                                    edge-dashboard.service; upgrades keep it
#   --dry-run                        print the commands, change nothing
#   --prefix DIR                     install below DIR, to inspect or for an image; does not touch systemd
set -euo pipefail
tree=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
umask 022 # whatever root's umask is: the service's user must be able to read everything
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # the service's user needs the same Python: none in a home folder

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
tell() { echo "$*"; }
die() { echo "error: $*" >&2; exit 1; }

action=install dry='' purge='' prefix='' pages=''
while (($#)); do
  case $1 in
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --dry-run) dry=yes ;;
    --pages) pages=yes ;;
    --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
    --prefix=*) prefix=${1#*=} ;;
    -h | --help) usage; exit ;;
    *) usage >&2; echo "error: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
[[ -z $purge || $action == uninstall ]] || die "--purge goes with --uninstall"
if [[ -n $prefix ]]; then
  prefix=$(realpath -m "$prefix")
elif [[ -z $dry ]]; then
  ((EUID == 0)) || die "root is needed: sudo $0 (or look first: $0 --dry-run)"
  [[ -d /run/systemd/system ]] || die "systemd does not run here: use ./run, or --prefix"
fi

home=$prefix/opt/edge
etc=$prefix/etc/edge
units=$prefix/etc/systemd/system
wrapper=$prefix/usr/local/bin/edge
mapfile -t services < <(grep -v '^#' "$tree/systemd/services")
changed=''

do_it() { # COMMAND...: run it, or with --dry-run print it
  if [[ -n $dry ]]; then printf '%s\n' "$(printf '%q ' "$@")"; else "$@"; fi
}
on_system() { [[ -n $prefix ]] || do_it "$@"; }

# put SOURCE TARGET MODE: install a file with our paths in it, atomically, and only if it differs.
put() {
  local text
  text=$(sed "s#/opt/edge#$home#g; s#/etc/edge#$etc#g" "$1")
  if [[ ! -f $2 || $(<"$2") != "$text" ]]; then
    changed=yes
    do_it install -D -m "$3" /dev/stdin "$2.new" <<<"$text"
    do_it mv -T "$2.new" "$2"
  fi
}
check_no_package() {
  [[ ! -e $prefix/usr/lib/edge/bin/edge ]] || die "the Debian package edge is installed, and uses $etc and the state: $1"
}
check_wrapper() { [[ ! -e $wrapper ]] || grep -q 'systemd/install.sh' "$wrapper" || die "$wrapper is somebody else's: move it away"; }

# The files that a device needs; the rest is for developers.
files() {
  cd "$tree"
  printf '%s\n' LICENSE README.md CHANGELOG.md config.yaml pyproject.toml requirements.lock requirements-broker.lock requirements-pages.lock \
    scripts/venv.sh scripts/build_hook.py models/*.tflite models/*.json
  find edge -type f -not -path '*/__pycache__/*'
}
files_sum() { files | LC_ALL=C sort | (cd "$tree" && xargs -d '\n' sha256sum) | sha256sum; }

# in_release FOLDER FUNCTION: call a function of scripts/venv.sh for the environment in FOLDER.
in_release() (
  root=$1
  # shellcheck disable=SC1091 # it is checked where it lies
  source "$root/scripts/venv.sh"
  "$2"
)

install_pages() { # RELEASE
  if [[ -n $pages && -z $dry ]]; then in_release "$1" prepare_pages_venv; fi
}

install_code() {
  local current release sum old
  current=$(readlink -f "$home/current" || true)
  sum=$(files_sum)
  if [[ -e $current/.venv/pages.stamp ]]; then pages=yes; fi
  for old in "$home"/releases/*; do # left by an interrupted call, maybe before its restart
    if [[ -d $old && $old != "$current" ]]; then changed=yes; fi
  done
  if [[ -f $current/source.sha256 && $(<"$current/source.sha256") == "$sum" ]] && in_release "$current" ready_to_run; then
    install_pages "$current"
    tell "The code in $current is up to date."
    return
  fi
  # Next to the old release, which may be running and stays unchanged until the new one is complete.
  release=$home/releases/$(date -u +%Y%m%dT%H%M%SZ)-${sum:0:8}
  changed=yes
  tell "Code: $release"
  do_it rm -rf "$release"
  do_it mkdir -p "$release"
  if [[ -n $dry ]]; then
    tell "# copy $(files | wc -l) files there, make .venv from the lock file (about 460 MB)"
  else
    files | tar -c -C "$tree" --no-recursion --owner 0 --group 0 --mode u=rwX,go=rX -T - | tar -C "$release" -xo
    in_release "$release" prepare_venv
    install_pages "$release"
    echo "$sum" >"$release/source.sha256"
  fi
  # The service cannot write here and would compile at every start.
  do_it "$release/.venv/bin/python" -I -m compileall -q "$release/edge"
  do_it ln -sfn current/.venv "$home/.venv"
  do_it ln -sfn "releases/$(basename "$release")" "$home/current.new"
  do_it mv -T "$home/current.new" "$home/current"
}

install_config() {
  local shipped=$tree/config.yaml
  # It may hold passwords, such as that of a network camera; systemd reads it as root.
  if [[ ! -e $etc/config.env ]]; then
    do_it install -D -m 600 /dev/null "$etc/config.env"
  elif [[ $(stat -c %a "$etc/config.env") != *00 ]]; then
    tell "$etc/config.env may hold passwords: only root can read it from now on"
    do_it chmod go= "$etc/config.env"
  fi
  if [[ ! -e $etc/config.yaml ]]; then
    do_it install -D -m 644 "$shipped" "$etc/config.yaml.new" # whatever is there is kept for good: half a file, too
    do_it sync "$etc/config.yaml.new"
    do_it mv -T "$etc/config.yaml.new" "$etc/config.yaml"
  elif ! cmp -s "$shipped" "$etc/config.yaml.dist"; then
    tell "Your $etc/config.yaml is kept; what it may contain has changed: compare it with $etc/config.yaml.dist"
  fi
  cmp -s "$shipped" "$etc/config.yaml.dist" || do_it install -D -m 644 "$shipped" "$etc/config.yaml.dist"
}

remove_old_releases() {
  local release current
  current=$(readlink -f "$home/current" || true)
  for release in "$home"/releases/*; do
    if [[ -d $release && $release != "$current" ]]; then do_it rm -rf "$release"; fi
  done
}

install_all() {
  check_wrapper
  check_no_package "sudo apt remove edge (it keeps them), then start again"
  # What is left of 0.2.0 deletes them when it is purged, and dpkg deletes every conffile; newer packages have none.
  if dpkg-query --admindir="$prefix/var/lib/dpkg" -W -f '${Conffiles}' edge 2>/dev/null | grep -q ' /etc/edge/config\.yaml '; then
    die "dpkg still knows the package edge 0.2.0, whose purge would delete $etc and the state: install a newer package and remove it again (apt remove keeps them)"
  fi
  install_code
  install_config
  put "$tree/systemd/edge.service" "$units/edge.service" 644
  put "$tree/systemd/edge@.service" "$units/edge@.service" 644
  if [[ -n $pages ]]; then put "$tree/systemd/edge-dashboard.service" "$units/edge-dashboard.service" 644; fi
  put "$tree/systemd/edge-command.sh" "$wrapper" 755
  if [[ -n $changed ]]; then
    on_system systemctl daemon-reload
    on_system systemctl try-restart "${services[@]}" ||
      die "it is installed, but a service did not come up again: journalctl -u 'edge*' -n 30"
  fi
  remove_old_releases
  if [[ -n $dry ]]; then
    tell "# Nothing was changed."
  elif [[ -z $prefix ]] && ! systemctl is-active -q "${services[@]}"; then
    command -v mosquitto >/dev/null || tell "For a broker on this machine: apt-get install mosquitto"
    if [[ -n $pages ]]; then
      tell "Installed. Next: sudo edge setup   (a page that sets everything up; or edit $etc/config.yaml; sudo edge check; sudo systemctl enable --now edge)"
    else
      tell "Installed. Next: edit $etc/config.yaml; sudo edge check; sudo systemctl enable --now edge (a page for all that, sudo edge setup, comes with --pages)"
    fi
  else
    tell "Installed. $etc, the outbox and the numbers of the windows are as they were."
  fi
  if [[ -n $pages && -z $dry$prefix ]] && ! systemctl is-enabled -q edge-dashboard.service; then
    tell "For a page that is always there: sudo edge access add NAME --role all --rooms '*'; sudo systemctl enable --now edge-dashboard"
  fi
}

uninstall_all() {
  local item
  local -a enabled=()
  check_wrapper
  check_no_package "sudo apt remove edge, or purge, is what removes it"
  for item in "$units"/*.wants/edge.service "$units"/*.wants/edge@*.service "$units"/*.wants/edge-dashboard.service; do
    if [[ -L $item ]]; then enabled+=("$(basename "$item")"); fi
  done
  if [[ -e $units/edge.service ]]; then
    on_system systemctl stop "${services[@]}"
    on_system systemctl disable -q edge.service "${enabled[@]}"
  fi
  do_it rm -rf "$home" "$units"/edge{,@,-dashboard}.service "$wrapper"
  if [[ -n $purge ]]; then do_it env DPKG_ROOT="$prefix" sh "$tree/scripts/debian/postrm" purge; fi
  on_system systemctl daemon-reload
  on_system systemctl reset-failed 'edge*.service'
  if [[ -n $dry ]]; then
    tell "# Nothing was changed."
    return
  fi
  tell "Uninstalled."
  [[ -z $purge ]] || return 0 # it has said what is left
  for item in "$etc" "$prefix"/var/lib{,/private}/edge{,-*} "$units"/edge{,@*,-dashboard}.service.d; do
    if [[ -e $item || -L $item ]]; then printf '%s\n' "$item"; fi
  done | sort | sed '1i What is left (--uninstall --purge removes it, but not what somebody else has put there, such as a recording):'
}

"${action}_all"
