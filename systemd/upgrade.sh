#!/bin/sh
# `sudo edge upgrade NEW.deb`, of the Debian package: installs it, and goes back to the version before where a service that ran does
# not become ready again, or does not stay so for half a minute. docs/many-boxes.md
#   sudo edge upgrade --check NEW.deb                  only says what would happen
#   sudo edge upgrade --previous OLD.deb NEW.deb       the first time: the package that is installed now; later ones are kept
# Exits with 0 when the new version runs (3: but is not kept), with 1 when the old one does again or nothing was changed.
set -eu
kept=/var/cache/edge/edge.deb
steady=30 limit=300 # seconds: as long as it must stay ready; until when it must have become so
check='' previous=$kept

say() { echo "edge upgrade: $*"; }
die() { echo "edge upgrade: $*" >&2; exit 1; }
usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=yes ;;
    --previous)
      [ $# -gt 1 ] || usage
      shift; previous=$1 ;;
    -*) usage ;;
    *) break ;;
  esac
  shift
done
[ $# = 1 ] || usage
[ "$(id -u)" = 0 ] || die "it needs root (sudo edge upgrade)"

# Of a package that was cut off, by a full disk or a power cut, the version can still be read.
check_whole() { dpkg-deb --fsys-tarfile "$1" >/dev/null 2>&1 || die "$1 is damaged$2"; }
keep() {
  if cp "$1" "$kept.tmp" && sync "$kept.tmp" && mv "$kept.tmp" "$kept"; then return 0; fi
  rm -f "$kept.tmp"
  return 1
}
field() { dpkg-deb -f "$1" "$2" 2>/dev/null || true; }
for file in "$1" "$previous"; do
  [ "$file" = "$kept" ] || [ -f "$file" ] || die "$file is not there"
done
new=$(readlink -f "$1")
[ "$(field "$new" Package)" = edge ] || die "$1 is no package of edge"
[ "$(field "$new" Architecture)" = "$(dpkg --print-architecture)" ] || die "$1 is for another processor: $(field "$new" Architecture)"
state=$(dpkg-query -W -f '${db:Status-Status} ${db:Status-Eflag}' edge) || die "the package edge is not installed; install the first one with apt"
# As after a power cut; dpkg alone cannot end all that it had begun.
[ "$state" = "installed ok" ] ||
  die "the package edge is half installed ($state): sudo dpkg --configure -a; sudo apt install --reinstall $new"
before=$(dpkg-query -W -f '${Version}' edge)
after=$(field "$new" Version)
dpkg --compare-versions "$after" gt "$before" || die "$1 is version $after, and $before is installed: nothing to do"
[ "$(field "$previous" Version)" = "$before" ] ||
  die "to go back, the package of version $before is needed: sudo edge upgrade --previous edge_${before}_$(dpkg --print-architecture).deb $1"
check_whole "$new" ": copy it again"
check_whole "$previous" ", and would be needed to go back: name a whole one with --previous"
list=$(dirname "$(readlink -f "$0")")/services
[ -r "$list" ] || die "$list is missing: install the package of version $before again"
services() { grep -v '^#' "$list" | xargs -r systemctl list-units --plain --no-legend --state=active | cut -d ' ' -f 1; }
running=$(services)

# The option is for going back to 0.2.0, which would ask about config.yaml.
apt() { DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 "$@"; }
if [ -n "$check" ]; then
  apt --simulate install "$new" >/dev/null || die "apt would refuse it"
  say "from $before to $after; it would go back if one of these did not become ready: ${running:-none runs}"
  exit 0
fi
trap '' HUP # of an SSH session that closes: half an upgrade helps nobody
previous=$(readlink -f "$previous")
mkdir -p "${kept%/*}"
rm -f "$kept.tmp" # of a run that was ended
[ "$previous" = "$kept" ] || keep "$previous" || die "$previous cannot be kept in ${kept%/*}: nothing was changed"

seconds() { cut -d . -f 1 /proc/uptime; } # of a clock that nobody sets

# All that ran is ready, with the same processes for as long as $steady.
is_steady() {
  end=$(($(seconds) + limit)) since=$(seconds) pids=''
  while [ "$(seconds)" -lt $end ]; do
    now=''
    for unit in $running; do
      [ "$(systemctl show -P ActiveState "$unit")" = active ] || { now=''; break; }
      now="$now $(systemctl show -P MainPID "$unit")"
    done
    if [ -z "$now" ] || [ "$now" != "$pids" ]; then since=$(seconds); fi
    pids=$now
    if [ -n "$now" ] && [ $(($(seconds) - since)) -ge $steady ]; then return 0; fi
    for unit in $running; do [ "$(systemctl show -P ActiveState "$unit")" != failed ] || return 1; done
    sleep 1
  done
  return 1
}

say "from $before to $after"
if apt install "$new" && { [ -z "$running" ] || is_steady; }; then
  say "$after is installed${running:+, and ready: }$(echo "$running" | tr '\n' ' ')"
  keep "$new" && exit 0
  echo "edge upgrade: it cannot be kept in ${kept%/*}, to go back to: name it with --previous at the next upgrade" >&2
  exit 3
fi
echo "edge upgrade: $after did not become ready:" >&2
for unit in $running; do journalctl -q -n 5 -o cat -u "$unit" >&2 || true; done
echo "edge upgrade: going back to $before" >&2
apt install --allow-downgrades "$kept" || die "going back failed: sudo apt install --allow-downgrades $kept"
for unit in $running; do systemctl reset-failed "$unit" || true; systemctl restart "$unit" || true; done
[ -z "$running" ] || is_steady || die "$before is installed again, but is not ready either: systemctl status edge"
die "$before is installed again, and ready"
