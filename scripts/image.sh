#!/usr/bin/env bash
# Makes the container image from the Debian package: scripts/image.sh [amd64|arm64], as root; without an argument for this
# machine. Needs mmdebstrap and buildah, and the package of trixie in dist/, else scripts/package.sh makes it. Built FROM scratch: what
# the package depends on, unpacked from Debian, without a shell, a package manager or a setuid program. docs/container.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

die() { echo "error: $*" >&2; exit 1; }
here=$(dpkg --print-architecture)
architecture=${1:-$here}
[[ $architecture == amd64 || $architecture == arm64 ]] || die "usage: $0 [amd64|arm64] ($architecture is none of them)"
((EUID == 0)) || die "$0 needs root: the files of an image belong to its users"
for program in mmdebstrap buildah; do
  command -v "$program" >/dev/null || die "no $program here: apt-get install --no-install-recommends $program"
done
emulator=''
if [[ $architecture != "$here" ]]; then
  emulator=$(command -v qemu-aarch64-static) || die "bytecode for $architecture is made in emulation: apt-get install qemu-user-static"
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || die "not a git clone: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py)
package=dist/edge_${version}+deb13_$architecture.deb
[[ -e $package ]] || scripts/package.sh trixie "$architecture"

stage=build/image-$architecture
root=$stage/root
rm -rf "$stage"
mkdir -p "$root/var/lib/dpkg/status.d" "$stage/debs"
# What maintainer scripts and logins need: nothing of it is needed to run.
left_out=(adduser base-passwd debconf dpkg init-system-helpers mawk passwd login.defs openssl openssl-provider-legacy
  sysvinit-utils tar perl-base 'libaudit.*' 'libpam.*' 'libsemanage.*' 'libsepol.*' libselinux1 'libpcre2.*' libbsd0 libmd0 libcap-ng0
  libacl1 libattr1 'libdb5.*' libdebconfclient0 libcrypt1 'libreadline8.*' readline-common)

fetch_packages() {
  mmdebstrap --quiet --variant=extract --architectures="$architecture" --skip=cleanup/apt,essential/unlink \
    --include=base-files,python3,libstdc++6,zlib1g,mosquitto,tzdata,ca-certificates trixie "$stage/apt" 2>"$stage/apt.log" ||
    { cat "$stage/apt.log" >&2; die "no packages of Debian"; }
  mv "$stage"/apt/var/cache/apt/archives/*.deb "$stage/debs/"
  rm -rf "$stage/apt"
}

# unpack PACKAGE: its files, and what scanners and our list of contents read of it. Licences stay, other documents do not.
unpack() {
  local name
  name=$(dpkg-deb -f "$1" Package)
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/man' --exclude='./usr/share/locale' \
    --exclude='./usr/share/lintian' --exclude='./usr/share/bug' --exclude='./usr/lib/systemd' --exclude='./lib/systemd' \
    --exclude='*/lib-dynload/_dbm.*' --exclude='*/lib-dynload/readline.*' # they need libdb and libreadline (GPL)
  find "$root/usr/share/doc/$name" -type f ! -name copyright -delete 2>/dev/null || true
  dpkg-deb -f "$1" Package Source Version Architecture Maintainer Homepage >"$root/var/lib/dpkg/status.d/$name"
}

# What maintainer scripts would have done.
configure() {
  printf '%s\n' root:x:0:0:root:/root:/usr/sbin/nologin edge:x:10001:10001:edge:/var/lib/edge:/usr/sbin/nologin >"$root/etc/passwd"
  printf '%s\n' root:x:0: video:x:44:edge edge:x:10001: >"$root/etc/group"
  echo "hosts: files dns" >"$root/etc/nsswitch.conf"
  mkdir -p "$root/etc/ssl/certs" "$root"/{proc,sys,dev,run}
  find "$root/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat >"$root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$root/usr/bin/edge" "$root"/etc/{mosquitto,init.d,logrotate.d,cron*,apt} "$root/usr/share/mosquitto"
  ln -s /usr/lib/edge/bin/edge "$root/usr/bin/edge"
  install -m 755 scripts/container/healthy.py "$root/usr/bin/edge-healthy"
  install -d "$root/etc/edge" # for what is mounted there
  install -m 755 scripts/container/broker.py "$root/usr/bin/edge-broker"
  install -d -m 1777 "$root/tmp"
  install -d -m 700 -o 10001 -g 10001 "$root/var/lib/edge"
  find "$root" -xdev -type f -perm /6000 -exec chmod u-s,g-s {} +
}

# The image is read-only, so bytecode is in it; by hash, so that the times of files do not matter.
compile() {
  [[ -z $emulator ]] || install -m 755 "$emulator" "$root/usr/bin/emulator"
  # shellcheck disable=SC2086
  chroot "$root" ${emulator:+/usr/bin/emulator} /usr/bin/python3 -I -m compileall -q --invalidation-mode unchecked-hash \
    /usr/lib/edge/lib /usr/lib/python3.13 || die "bytecode"
  rm -f "$root/usr/bin/emulator"
}

# Fails where a library is missing, or one that must not be passed on is inside.
check_libraries() {
  local strange
  strange=$(find "$root" -iname '*x26[45]*')
  [[ -z $strange ]] || die "under the GPL: $strange"
  find "$root" -name '*.so*' -exec basename {} \; | sort -u >"$stage/inside"
  strange=$(find "$root/usr" -type f \( -name '*.so*' -o -path '*bin/*' \) -exec readelf -d {} + 2>/dev/null |
    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u | grep -vxFf "$stage/inside" || true)
  [[ -z $strange ]] || die "the image lacks these libraries: $strange"
}

make_image() {
  local container name=localhost/edge:$version
  # The format of Docker, because that of OCI has no place for a health check; either program loads it.
  export BUILDAH_FORMAT=docker BUILDAH_ISOLATION=chroot
  local buildah=(buildah --root "$PWD/$stage/store" --runroot "$PWD/$stage/run" --storage-driver vfs --log-level error)
  container=$("${buildah[@]}" from --arch "$architecture" scratch)
  cp -a "$root/." "$("${buildah[@]}" mount "$container")/" # `buildah copy` would give it all to root
  "${buildah[@]}" config --arch "$architecture" --os linux --user 10001:10001 --workingdir /var/lib/edge --volume /var/lib/edge --port 8080 \
    --env PATH=/usr/bin:/usr/sbin --env STATE_DIRECTORY=/var/lib/edge --env HOME=/var/lib/edge --env PROGRESS_FILE=/tmp/progress \
    --env OPENBLAS_NUM_THREADS=1 --env LANG=C.UTF-8 --env PYTHONDONTWRITEBYTECODE=1 \
    --entrypoint '["/usr/bin/edge"]' --cmd 'run --quiet' --healthcheck 'CMD /usr/bin/edge-healthy' --healthcheck-interval 15s --healthcheck-timeout 5s \
    --healthcheck-retries 2 --healthcheck-start-period 60s \
    --label org.opencontainers.image.title=edge --label "org.opencontainers.image.version=$version" \
    --label org.opencontainers.image.licenses=Apache-2.0 "$container"
  "${buildah[@]}" commit --quiet --rm --format docker --timestamp "$SOURCE_DATE_EPOCH" "$container" "docker-archive:$stage/image.tar:$name" >/dev/null
  gzip -n <"$stage/image.tar" >"$image"
  rm -rf "$stage/image.tar" "$stage/store" "$stage/run"
}

fetch_packages
for deb in "$stage"/debs/*.deb; do
  dpkg-deb -f "$deb" Package | grep -qxE -f <(printf '%s\n' "${left_out[@]}") || unpack "$deb"
done
unpack "$package"
configure
compile
check_libraries
image=dist/edge_${version}_$architecture.image.tar.gz
make_image
python3 scripts/sbom.py "$root" --name "edge image $architecture" --version "$version" >"${image%.tar.gz}.cdx.json"
echo "$image: $(du -m "$image" | cut -f1) MB; unpacked $(du -sm "$root" | cut -f1) MB"
