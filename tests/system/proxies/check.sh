#!/usr/bin/env bash
# The dashboard behind nginx with TLS, at the root and under /rooms/, with the configurations of docs/web-server.md:
# check.sh [root|path ...] (both: a minute). nginx is Debian's, unpacked into ~/.cache/edge-tests/system/proxies; nothing
# of the system is changed. EDGE_PYTHON: a Python with the libraries of the tests.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"
# shellcheck source=scripts/venv.sh
source scripts/venv.sh
programs=$HOME/.cache/edge-tests/system/proxies
if (($# == 0)); then set -- root path; fi

PATH=$PATH:/usr/sbin
command -v mosquitto >/dev/null || apt_install mosquitto
command -v chromium >/dev/null || apt_install chromium fonts-dejavu-core
command -v openssl >/dev/null || apt_install openssl
if [[ -z ${EDGE_PYTHON:-} ]]; then prepare_test_venv; fi
python=${EDGE_PYTHON:-$python}

if [[ ! -x $programs/usr/sbin/nginx ]]; then
  say "Fetching nginx with apt-get ..."
  mkdir -p "$programs"
  (
    cd "$programs"
    apt-get -qq download nginx 2>/dev/null || die "nginx cannot be fetched"
    for package in ./*.deb; do dpkg -x "$package" .; done
    rm ./*.deb
  )
fi

# shellcheck source=tests/system/network_namespace.sh
source tests/system/network_namespace.sh
exec timeout --kill-after 20 300 ${alone[@]+"${alone[@]}"} "$python" -m tests.system.proxies.check "$programs" "$@"
