#!/usr/bin/env bash
# The lines of docs/scale.md that bring a newer Mosquitto to Debian 12, on a system that has its own one. As root; two minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
((EUID == 0)) || { echo "$0 needs root: it makes a chroot" >&2; exit 2; }
system=$(mktemp -d)
trap 'rm -rf "$system"' EXIT
lines=$(PYTHONPATH=$PWD python3 -c '
from tests.system.docs.blocks import blocks
print(next(block.text for block in blocks() if "bookworm-backports main" in block.text))')

mmdebstrap --quiet --variant=minbase --include=mosquitto,mosquitto-clients,ca-certificates bookworm "$system"
cp -L /etc/resolv.conf "$system/etc/"
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d" # nothing is started here
chmod +x "$system/usr/sbin/policy-rc.d"
# As somebody answers apt's questions: yes, and their own mosquitto.conf is kept.
printf '%s\n' 'APT::Get::Assume-Yes "true";' 'Dpkg::Options { "--force-confold"; };' >"$system/etc/apt/apt.conf.d/answers"
echo 'include_dir /etc/mosquitto/edge' >"$system/etc/mosquitto/mosquitto.conf"
said=$(chroot "$system" env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  bash -eu -c "$lines")
echo "$said"
said=${said##*$'\n'}
[[ $said == "mosquitto version 2.0.21" ]] || { echo "this is not what the page says: $said" >&2; exit 1; }
grep -qx 'include_dir /etc/mosquitto/edge' "$system/etc/mosquitto/mosquitto.conf"
compgen -G "$system/usr/lib/*/mosquitto_dynamic_security.so" >/dev/null
echo "Debian 12 has the Mosquitto of docs/scale.md"
