#!/usr/bin/env bash
# Installs the wheel with pipx from an empty folder and runs it, both without a network: pipx.sh, as root. Half a minute, after the
# download. What the wheel needs is fetched before, by the lock, as somebody would carry it to a machine without the Internet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
((EUID == 0)) || { echo "$0 needs root, for a machine without a network" >&2; exit 2; }
for program in pipx python3-build:pyproject-build; do
  command -v "${program#*:}" >/dev/null || apt-get install -y -qq --no-install-recommends "${program%:*}" >/dev/null
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
step() { echo "[${SECONDS}s] $*"; }

step "the wheel, and what it needs"
git archive HEAD | tar x --one-top-level="$folder/source"
python3 -m venv "$folder/pip"
"$folder/pip/bin/pip" install --quiet build
"$folder/pip/bin/python" -m build --wheel --outdir "$folder/wheels" "$folder/source" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/pip/bin/pip" download --quiet --require-hashes --only-binary :all: --dest "$folder/wheels" -r requirements-broker.lock
# pipx makes an environment that it shares between programs, for which it wants the newest pip.
"$folder/pip/bin/pip" download --quiet --only-binary :all: --dest "$folder/wheels" pip setuptools wheel

cat >"$folder/without-network" <<'EOF'
set -euo pipefail
ip link set lo up
cd "$1/empty"
began=$(date +%s)
pipx install "$(echo "$1"/wheels/edge_emotions-*.whl)[broker]"
echo "installed in $(($(date +%s) - began)) s"
began=$(date +%s)
edge run >"$1/run" 2>&1 &
edge watch --once --timeout 40 >"$1/watch" 2>&1 || { cat "$1/watch" "$1/run"; exit 1; }
echo "the first window after $(($(date +%s) - began)) s:"
head -n 5 "$1/watch"
kill -TERM $!
wait $! || { echo "edge run ends with $?"; exit 1; }
EOF
mkdir "$folder/empty"
step "pipx install, edge run, edge watch: no network but a loopback"
began=$SECONDS
env -u PYTHONPATH PIPX_HOME="$folder/pipx" PIPX_BIN_DIR="$folder/bin" PATH="$folder/bin:$PATH" HOME="$folder" \
  PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$folder/wheels" unshare --net bash "$folder/without-network" "$folder"
((SECONDS - began < 60)) || { echo "FAILED: $((SECONDS - began)) s; a minute is promised" >&2; exit 1; }
step "passed"
