#!/usr/bin/env bash
# Proves the discovery payload against a real Home Assistant: check.sh (about 40 s, the first time three minutes more).
# Home Assistant is installed into build/homeassistant by pip; everything after that happens on loopback, where possible
# in a network namespace that has nothing else. EDGE_PYTHON: a Python with the project's test requirements, instead of .venv.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"
# shellcheck source=scripts/venv.sh
source scripts/venv.sh
version=2025.4.4
venv=$root/build/homeassistant/venv

# pyenv's shims exist also for versions that are not there: a Python counts when it runs.
find_python313() {
  local candidate
  for candidate in "${PYTHON313:-}" python3.13 "$HOME"/.pyenv/versions/3.13*/bin/python \
    "$(uv python find --no-python-downloads 3.13 2>/dev/null || true)"; do
    if [[ -n $candidate ]] && "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  die "Home Assistant $version needs Python 3.13 with venv: apt-get install python3.13-venv, or uv python install 3.13," \
    "or name one with PYTHON313=/path/to/python3.13"
}

if [[ ! -f $venv/complete || $(<"$venv/complete") != "$version" ]]; then
  base=$(find_python313)
  say "Installing Home Assistant $version into build/homeassistant (about three minutes, 800 MB) ..."
  rm -rf "$venv"
  "$base" -m venv "$venv"
  "$venv/bin/python" -m pip install -qq "homeassistant==$version"
  pins=$("$venv/bin/python" -c 'import homeassistant as h; print(h.__path__[0] + "/package_constraints.txt")')
  # What it would fetch by itself at its first start.
  "$venv/bin/python" -m pip install -qq -c "$pins" home-assistant-frontend paho-mqtt
  echo "$version" >"$venv/complete"
fi
if [[ -z ${EDGE_PYTHON:-} ]]; then prepare_test_venv; fi
PATH=$PATH:/usr/sbin
command -v mosquitto >/dev/null || apt_install mosquitto

# shellcheck source=tests/system/network_namespace.sh
source tests/system/network_namespace.sh
exec timeout --kill-after 20 480 ${alone[@]+"${alone[@]}"} \
  "${EDGE_PYTHON:-$python}" -m tests.system.homeassistant.check "$venv/bin/hass"
