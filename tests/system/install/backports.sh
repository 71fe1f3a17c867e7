#!/usr/bin/env bash
# The lines of docs/scale.md that bring a newer Mosquitto to Debian 12, on a system whose own one has kept a message that the
# newer one does not read. As root; two minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
((EUID == 0)) || { echo "$0 needs root: it makes a chroot" >&2; exit 2; }
system=$(mktemp -d)
port=18839
pid() { cat "$system/run/mosquitto/mosquitto.pid" 2>/dev/null || true; }
trap 'kill $(pid) 2>/dev/null || true; rm -rf "$system"' EXIT
block() { # WORDS of it
  PYTHONPATH=$PWD python3 -c '
import sys
from tests.system.docs.blocks import blocks
print(next(block.text for block in blocks() if block.page == "docs/scale.md" and sys.argv[1] in block.text))' "$1"
}
inside() { chroot "$system" env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
broker() {
  mkdir -p "$system/run/mosquitto"
  inside chown mosquitto: /run/mosquitto
  inside mosquitto -d -c /etc/mosquitto/mosquitto.conf
}
answers() { # whether it comes up
  for _ in {1..100}; do
    if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  return 1
}

mmdebstrap --quiet --variant=minbase --include=mosquitto,mosquitto-clients,ca-certificates,python3-minimal bookworm "$system"
cp -L /etc/resolv.conf "$system/etc/"
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d" # nothing is started here
chmod +x "$system/usr/sbin/policy-rc.d"
# As somebody answers apt's questions: yes, and their own mosquitto.conf is kept.
printf '%s\n' 'APT::Get::Assume-Yes "true";' 'Dpkg::Options { "--force-confold"; };' >"$system/etc/apt/apt.conf.d/answers"
mkdir -p "$system/etc/mosquitto/edge" "$system/clone/docs"
cp -r docs/mosquitto "$system/clone/docs/"
echo 'include_dir /etc/mosquitto/edge' >"$system/etc/mosquitto/mosquitto.conf"
printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' 'persistence true' 'persistence_location /var/lib/mosquitto/' \
  'pid_file /run/mosquitto/mosquitto.pid' >"$system/etc/mosquitto/edge/test.conf"

# One message that is retained with a payload format that there is not, and one that waits for a reader.
broker
answers
inside mosquitto_sub -h 127.0.0.1 -p "$port" -c -i reader -q 1 -t waits -E
inside mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -t waits -m kept
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf '\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01p\x33\x0b\x00\x01t\x00\x01\x02\x01\x09odd' >&3
printf '\xe0\x00' >&3
cat <&3 >/dev/null
exec 3>&-
# shellcheck disable=SC2016 # it is a script
printf '%s\n' '#!/bin/sh' 'kill $(cat /run/mosquitto/mosquitto.pid); while [ -e /run/mosquitto/mosquitto.pid ]; do sleep 0.1; done' >"$system/usr/bin/systemctl"
chmod +x "$system/usr/bin/systemctl"
inside bash -eu -c "cd /clone; $(block drop-properties.py)"

said=$(inside bash -eu -c "$(block 'bookworm-backports main')")
echo "$said"
said=${said##*$'\n'}
[[ $said == "mosquitto version 2.0.21" ]] || { echo "this is not what the page says: $said" >&2; exit 1; }
grep -qx 'include_dir /etc/mosquitto/edge' "$system/etc/mosquitto/mosquitto.conf"
compgen -G "$system/usr/lib/*/mosquitto_dynamic_security.so" >/dev/null
broker
answers || { echo "it does not start" >&2; exit 1; }
[[ $(inside mosquitto_sub -h 127.0.0.1 -p "$port" -C 1 -W 10 -t t) == odd ]]
[[ $(inside mosquitto_sub -h 127.0.0.1 -p "$port" -c -i reader -q 1 -C 1 -W 10 -t waits) == kept ]]
inside systemctl
# Without that step it would not have started. If it does, the page need not say so.
mv "$system/var/lib/mosquitto/mosquitto.db.before" "$system/var/lib/mosquitto/mosquitto.db"
broker
if answers; then echo "the page warns of what does not happen any more" >&2; exit 1; fi
rm -f "$system/run/mosquitto/mosquitto.pid" # of one that has ended
echo "Debian 12 has the Mosquitto of docs/scale.md, with all that the older one kept"
