#!/usr/bin/env bash
# Proves the service in a booted systemd, from install.sh to --uninstall: check.sh [bookworm|trixie], as root.
# About five minutes, ten the first time. The machine is a systemd-nspawn container without a network, made of a bare
# Debian and of wheels that are kept in ~/.cache/edge-tests; what git would commit here, now, is installed in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
suite=${1:-bookworm}
# shellcheck source=tests/system/systemd/container.sh
source tests/system/systemd/container.sh
wheels=$cache/systemd-$suite.wheels-$(cat requirements-broker.lock requirements-pages.lock | sha256sum | cut -c1-12)
make_machine

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

boot tests.system.systemd.inside "PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels" --bind-ro="$wheels:/wheels"
