#!/usr/bin/env bash
# Proves the Debian package in a booted systemd, from `apt install` to purge: check.sh [bookworm|trixie], as root.
# Ten minutes. The package is that of dist/ where it lies there already, else scripts/package.sh makes it; the newer one, for the
# upgrade, is the same with another version. The machine is that of tests/system/systemd, without a network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
suite=${1:-bookworm}
# shellcheck source=tests/system/systemd/container.sh
source tests/system/systemd/container.sh
make_machine

case $suite in bookworm) release=12 ;; trixie) release=13 ;; esac
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py)
package=dist/edge_$version+deb${release}_$(dpkg --print-architecture).deb
[[ -e $package ]] || scripts/package.sh "$suite"
mkdir "$machine/packages"
cp "$package" "$machine/packages/edge_old.deb"

step "the newer package"
dpkg-deb -R "$package" "$machine/newer"
sed -i 's/^Version: .*/Version: 9.9.9/' "$machine/newer/DEBIAN/control"
sed -i 's/^__version__ = .*/__version__ = "9.9.9"/' "$machine"/newer/usr/lib/edge/lib/python3*/site-packages/edge/__init__.py
echo "# a new line" >>"$machine/newer/usr/lib/edge/config.yaml"
dpkg-deb -Zgzip -z1 -b "$machine/newer" "$machine/packages/edge_new.deb" >/dev/null

step "one that does not become ready"
sed -i 's/^Version: .*/Version: 9.9.10/' "$machine/newer/DEBIAN/control"
echo 'raise SystemExit("broken")' >"$(echo "$machine"/newer/usr/lib/edge/lib/python3*/site-packages/edge/daemon)/daemon.py"
dpkg-deb -Zgzip -z1 -b "$machine/newer" "$machine/packages/edge_broken.deb" >/dev/null
rm -rf "$machine/newer"

boot tests.system.deb.inside EDGE_PYTHON=/usr/lib/edge/bin/python3
