#!/usr/bin/env bash
# Makes the Debian package for one release and one processor: scripts/package.sh [bookworm|trixie] [amd64|arm64]
# Without arguments, for this machine. The result, which needs no network to install, lies in dist/. Nothing of the target
# is run, so any Debian makes all of them: apt-get install debhelper lintian. The same commit gives the same bytes.
# With PACKAGE_COMPRESSION='-Zgzip -z1' it is done sooner and larger, for trials. Nothing is in dist/ before it is checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

die() { echo "error: $*" >&2; exit 1; }
say() { echo "$release $architecture: $*"; }
release=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
architecture=${2:-$(dpkg --print-architecture)}
case $release in # uv knows glibc up to 2.40; Debian 13 has 2.41
  bookworm) debian=12 python=11 glibc=2_36 ;;
  trixie) debian=13 python=13 glibc=2_40 ;;
  *) die "usage: $0 [bookworm|trixie] [amd64|arm64] ($release is none of them)" ;;
esac
case $architecture in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) die "usage: $0 [bookworm|trixie] [amd64|arm64] (there are no wheels for $architecture)" ;;
esac
for program in dh:debhelper dpkg-buildpackage:dpkg-dev lintian:lintian; do
  command -v "${program%:*}" >/dev/null || die "no ${program%:*} here: apt-get install ${program#*:}"
done
# shellcheck source=scripts/uv.sh
source scripts/uv.sh

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || die "not a git clone: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH PACKAGE_COMPRESSION=${PACKAGE_COMPRESSION:-}
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py | sed -E 's/(a|b|rc)([0-9]+)$/~\1\2/')+deb$debian
stage=build/package-$release-$architecture
rm -rf "$stage"
mkdir -p "$stage/debian" "$stage/usr/bin" "$stage/usr/lib/edge/bin" "$stage/lib/systemd/system"
home=$stage/usr/lib/edge
site=$home/lib/python3.$python/site-packages
libraries='^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so\.[0-9]+|libz\.so\.1|ld-linux-.*)$' # of the packages in debian/control

# The wheel with the very versions and hashes of the lock, and without what only builds. PyAV's wheels hold x264 and
# x265 (GPL): left out. Debian's python3-av is suggested; without it OpenCV decodes video (docs/cameras.md).
fill_site() {
  local wheels=$stage/wheels
  uv build --quiet --no-config --wheel --require-hashes --build-constraints requirements.lock --out-dir "$wheels" .
  echo "av ; python_version < '0'" >"$wheels/left-out"
  uv pip install --quiet --no-config --target "$site" --python-version "3.$python" --link-mode copy \
    --python-platform "$machine-manylinux_$glibc" --only-binary :all: --constraints requirements-pages.lock \
    --overrides "$wheels/left-out" "$(echo "$wheels"/*.whl)[broker,pages]"
  rm -rf "$wheels" "${site:?}"/{bin,share,.lock} "$site"/*.dist-info/{RECORD,INSTALLER,REQUESTED,direct_url.json,uv_*.json}
  rm -rf "$site"/ai_edge_litert/{vendors,tools/apply_plugin_main,libLiteRtWebGpuAccelerator.so} # for other processors; 32 MB
  find "$site" -depth -type d -name __pycache__ -exec rm -rf {} + # each device makes its own: debian/postinst
  find "$site" -type f -exec chmod 644 {} +
}

# Fails where a library is neither in the package nor in what debian/control depends on, or must not be passed on.
check_libraries() {
  local strange
  strange=$(find "$site" -iname '*x26[45]*')
  [[ -z $strange ]] || die "under the GPL: $strange"
  find "$site" -name '*.so*' -exec basename {} \; | sort >"$stage/inside"
  strange=$(find "$site" -name '*.so*' -exec readelf -d {} + | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u |
    grep -vxFf "$stage/inside" | grep -vE "$libraries" || true)
  rm "$stage/inside"
  [[ -z $strange ]] || die "add the packages of these libraries to scripts/debian/control: $strange"
}

# A virtual environment is these three files. Apt's picamera2 and gpiozero are seen from inside.
make_environment() {
  ln -s ../../../bin/python3 "$home/bin/python3"
  printf '%s\n' "home = /usr/bin" "include-system-site-packages = true" "version = 3.$python" >"$home/pyvenv.cfg"
  printf '%s\n' "#!/usr/lib/edge/bin/python3 -I" "import sys" "from edge.__main__ import main" "sys.exit(main())" \
    >"$home/bin/edge"
  chmod 755 "$home/bin/edge"
}

put() { # SOURCE TARGET: a file of systemd/, with our paths in it, as systemd/install.sh does it with its own
  sed -E 's#/opt/edge/\.venv#/usr/lib/edge#g; s#/opt/edge/current/README#/usr/share/doc/edge/README#g
    s#([Ii]nstalled by) systemd/install\.sh( --pages)?#\1 the Debian package#' "$1" >"$2"
  ! grep -n /opt/ "$2" || die "$1 names a path that the package does not have"
}

say "fetching the Python packages (1 of 3; all of it takes some minutes)"
fill_site
check_libraries
make_environment
for unit in systemd/*.service; do put "$unit" "$stage/lib/systemd/system/${unit#*/}"; done
put systemd/edge-command.sh "$stage/usr/bin/edge"
cp systemd/upgrade.sh "$home/bin/upgrade"
cp systemd/services "$home/bin/"
chmod 755 "$stage/usr/bin/edge" "$home/bin/upgrade"
cp config.yaml "$home/" # postinst copies it; not a conffile: preinst says why
cp -r scripts/debian/. "$stage/debian/"
mkdir -p "$stage/manual/docs"
cp README.md CHANGELOG.md "$stage/manual/"
cp docs/*.md "$stage/manual/docs/"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=. python3 scripts/debian/copyright.py "$site" >"$stage/debian/copyright"
cat >"$stage/debian/changelog" <<CHANGES
edge ($version) $release; urgency=medium

  * See /usr/share/doc/edge/CHANGELOG.md.

 -- The authors of edge <edge@users.noreply.github.com>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
CHANGES
export PYTHON_DEPENDS="python3 (>= 3.$python~), python3 (<< 3.$((python + 1)))"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

say "packing (2 of 3)"
# -d: a compiler for the target is not needed, as nothing is compiled.
(cd "$stage" && dpkg-buildpackage -b -d -us -uc "-a$architecture") >"$stage.log" 2>&1 ||
  { tail -n 30 "$stage.log" >&2; die "the whole log: $stage.log"; }
package=edge_${version}_$architecture
rm -f "build/$package".{changes,buildinfo}
python3 scripts/sbom.py "$stage" --name edge --version "$version" >"build/$package.cdx.json"
say "checking (3 of 3)"
lintian --fail-on error "build/$package.deb" || die "lintian: see above"
mkdir -p dist
mv "build/$package".{cdx.json,deb} dist/
package=dist/$package.deb
echo "$package: $(du -m "$package" | cut -f1) MB, installed $(dpkg-deb -f "$package" Installed-Size | awk '{ printf "%d", $1 / 1024 }') MB"
