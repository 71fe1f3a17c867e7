#!/usr/bin/env bash
# The ready-made subscribers of docs/subscribers against the real programs: check.sh [PART...] (all: about three minutes)
# Parts: asyncapi scripts node-red home-assistant grafana. Programs go to ~/.cache/edge-tests/system/subscribers (300 MB), except
# Home Assistant, which tests/system/homeassistant/check.sh installs. Everything after that happens on loopback, where possible
# in a network namespace that has nothing else. Pictures: build/subscribers. EDGE_PYTHON: as in tests/system/homeassistant.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"
# shellcheck source=scripts/venv.sh
source scripts/venv.sh
export EDGE_PACKAGES=${EDGE_PACKAGES:-$HOME/.cache/edge-tests/system/subscribers}
versions=(@asyncapi/parser@3.6.3 @grafana/schema@11.6.16 mqtt@5.16.0 node-red@4.1.15 typescript@5.9.3)
if (($# == 0)); then set -- asyncapi scripts node-red home-assistant grafana; fi

PATH=$PATH:/usr/sbin
command -v mosquitto >/dev/null || apt_install mosquitto
command -v chromium >/dev/null || apt_install chromium fonts-dejavu-core
command -v npm >/dev/null || die "Node.js 18 or newer with npm is needed (Debian: apt-get install nodejs npm)"
if [[ -z ${EDGE_PYTHON:-} ]]; then prepare_test_venv; fi
python=${EDGE_PYTHON:-$python}

if [[ ! -f $EDGE_PACKAGES/complete || $(<"$EDGE_PACKAGES/complete") != "${versions[*]}" ]]; then
  say "Installing ${versions[*]} into $EDGE_PACKAGES ..."
  rm -rf "$EDGE_PACKAGES/node_modules"
  mkdir -p "$EDGE_PACKAGES"
  echo '{"private": true}' >"$EDGE_PACKAGES/package.json"
  npm install --prefix "$EDGE_PACKAGES" --silent --no-audit --no-fund --ignore-scripts --no-package-lock "${versions[@]}" >&2
  echo "${versions[*]}" >"$EDGE_PACKAGES/complete"
fi

# shellcheck source=tests/system/network_namespace.sh
source tests/system/network_namespace.sh

# shut_in COMMAND...: without a network, for a limited time.
shut_in() { timeout --kill-after 20 300 ${alone[@]+"${alone[@]}"} "$@"; }

# Debian's InfluxDB, unpacked beside the packages: nothing of the system is changed.
fetch_influxdb() {
  if [[ -x $EDGE_PACKAGES/influxdb/usr/bin/influxd ]]; then return; fi
  say "Fetching InfluxDB with apt-get ..."
  (cd "$EDGE_PACKAGES" && apt-get -qq download influxdb 2>/dev/null && dpkg -x influxdb_*.deb influxdb && rm influxdb_*.deb) ||
    die "InfluxDB cannot be fetched (Debian 12 has it): name its influxd with EDGE_INFLUXD=/path, or leave out 'grafana'"
}

for part; do
  case $part in
    asyncapi) shut_in node tests/system/subscribers/asyncapi.mjs "$EDGE_PACKAGES" docs/schemas/asyncapi.json ;;
    scripts) shut_in "$python" -m pytest -q tests/integration/cli/test_subscribers.py ;;
    node-red) shut_in "$python" -m tests.system.subscribers.nodered ;;
    home-assistant)
      [[ -f build/homeassistant/venv/complete ]] || die "run tests/system/homeassistant/check.sh first: it installs Home Assistant"
      shut_in "$python" -m tests.system.subscribers.homeassistant
      ;;
    grafana)
      [[ -n ${EDGE_INFLUXD:-} ]] || fetch_influxdb
      shut_in "$python" -m tests.system.subscribers.grafana
      ;;
    *) die "no such part: $part (asyncapi, scripts, node-red, home-assistant, grafana)" ;;
  esac
done
