"""systemd/install.sh and the Debian package on one machine: the purge of one leaves the other alone.

A chroot in a namespace of its own: dpkg is this machine's, and its maintainer scripts reach nothing outside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.system.systemd.test_install import below, state_of

CHROOT = """
set -eu
for folder in / /usr/ /usr/lib/; do
  for each in "$folder"*; do
    case $each in /bin | /sbin | /lib* | /usr/* | /dev) ;; *) continue ;; esac
    case $each in /usr/lib | /usr/lib/edge) continue ;; esac
    if [ -L "$each" ]; then [ -L "root$each" ] || cp -P "$each" "root$each"
    elif [ -d "$each" ]; then mkdir -p "root$each"; mount --rbind "$each" "root$each"; fi
  done
done
exec chroot root sh -c "$1"
"""
# What debhelper's lines do to the link of a service that is started by itself.
DEBHELPER = '[ "$1" != purge ] || rm -f /etc/systemd/system/multi-user.target.wants/edge.service'
MINE = "device: {name: room-204}\n"

Chroot = Callable[[str], str]
Install = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine without edge."""
    for program in ("dpkg-deb", "unshare", "chroot"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"no {program} here")
    if subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        check=False,
        capture_output=True,
    ).returncode:
        pytest.skip("unshare cannot make a mount namespace here")
    root = tmp_path / "root"
    for folder in ("usr/lib", "tmp", "etc/systemd/system/multi-user.target.wants", "var/lib/dpkg/info"):
        (root / folder).mkdir(parents=True)
    for folder in ("var/lib/dpkg/updates", "var/log", "var/lib/private"):
        (root / folder).mkdir()
    (root / "var/lib/dpkg/status").touch()
    return root


@pytest.fixture
def chroot(root: Path) -> Chroot:
    """Runs lines of a shell as that machine's root; what they said."""

    def run(lines: str) -> str:
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", CHROOT, "sh", f"set -eu\n{lines}"],
            cwd=root.parent,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture
def packages(root: Path) -> None:
    """0.2.0, which had a conffile, and the one of now, with the maintainer scripts as they are."""
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    for version in ("0.2.0", "0.3.0"):
        stage = root.parent / version
        library = stage / "usr/lib/edge"
        (library / "lib").mkdir(parents=True)
        (library / "bin").mkdir()
        (library / "bin/edge").write_text("#!/bin/sh\n")
        (stage / "DEBIAN").mkdir()
        (stage / "DEBIAN/control").write_text(
            f"Package: edge\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Edge <edge@example.org>\n"
            "Description: almost nothing\n"
        )
        if version == "0.2.0":
            (stage / "etc/edge").mkdir(parents=True)
            (stage / "etc/edge/config.yaml").write_text("# 0.2.0\n")
            (stage / "DEBIAN/conffiles").write_text("/etc/edge/config.yaml\n")
        else:
            (library / "config.yaml").write_text("# 0.3.0\n")
            for name in ("preinst", "postinst", "prerm", "postrm"):
                text = (ROOT / "scripts/debian" / name).read_text().replace("#DEBHELPER#", DEBHELPER)
                (stage / "DEBIAN" / name).write_text(text)
                (stage / "DEBIAN" / name).chmod(0o755)
        subprocess.run(
            ["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", str(stage), str(root / f"{version}.deb")],
            check=True,
            capture_output=True,
        )


def used(root: Path) -> dict[str, bytes]:
    """Makes what an administrator and the services make; with what is there already."""
    (root / "etc/edge/config.yaml").write_text(MINE)
    for name in ("mqtt-password", "dashboard.env", "hall.yaml", "room.key"):
        (root / "etc/edge" / name).touch()
    (root / "etc/systemd/system/edge.service.d").mkdir()
    (root / "etc/systemd/system/edge.service.d/override.conf").touch()
    (root / "etc/systemd/system/multi-user.target.wants/edge.service").symlink_to("../edge.service")
    state_of(root, "edge", "outbox.sqlite")
    state_of(root, "edge-hall", "outbox.sqlite")
    state_of(root, "edge-dashboard", "access.yaml", "school.sqlite")
    return {
        name: content
        for folder in ("etc/edge", "etc/systemd", "opt", "usr/local", "usr/lib/edge", "var/lib")
        for name, content in below(root / folder).items()
        if "/var/lib/dpkg/" not in name
    }


def lost(root: Path, before: dict[str, bytes]) -> list[str]:
    now = below(root)
    return [name for name, content in before.items() if now.get(name) != content]


@pytest.mark.usefixtures("packages")
def test_purging_what_is_left_of_the_package_leaves_the_other_installation_alone(
    root: Path, chroot: Chroot, install: Install
) -> None:
    chroot("dpkg --install 0.3.0.deb; dpkg --remove edge")
    install()
    before = used(root)
    said = chroot("dpkg --purge edge; dpkg-query -W -f '${db:Status-Status}' edge || echo unknown")
    assert lost(root, before) == []
    assert "configuration and state are kept" in said
    assert "systemd/install.sh has installed" in said
    assert "unknown" in said, "it can be purged again"


@pytest.mark.usefixtures("packages")
def test_uninstalling_beside_the_package_touches_nothing(root: Path, chroot: Chroot, install: Install) -> None:
    chroot("dpkg --install 0.3.0.deb")
    before = used(root)
    for words in (["--uninstall"], ["--uninstall", "--purge"], ["--uninstall", "--purge", "--dry-run"]):
        assert "the Debian package edge is installed" in install(*words, fails=True)
    said = subprocess.check_output(
        ["sh", str(ROOT / "scripts/debian/postrm"), "purge"], env={**os.environ, "DPKG_ROOT": str(root)}, text=True
    )
    assert "the Debian package has installed" in said
    assert lost(root, before) == []


@pytest.mark.usefixtures("packages")
def test_the_package_alone_is_purged_as_a_whole(root: Path, chroot: Chroot) -> None:
    chroot("dpkg --install 0.3.0.deb")
    assert (
        (root / "etc/edge/config.yaml").read_text() == (root / "etc/edge/config.yaml.dist").read_text() == "# 0.3.0\n"
    )
    used(root)
    for name in ("dashboard.env", "room.key"):
        (root / "etc/edge" / name).unlink()
    (root / "var/lib/private/edge-dashboard/school.sqlite").unlink()
    chroot("dpkg --remove edge")
    assert (root / "etc/edge/config.yaml").read_text() == MINE
    chroot("dpkg --purge edge")
    assert not (root / "etc/edge").exists()
    assert list((root / "var/lib/private").iterdir()) == []
    assert below(root / "etc/systemd") == {}


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("state", ["installed", "removed"])
def test_a_configuration_of_0_2_0_is_kept_and_dpkg_s_no_more(
    root: Path, chroot: Chroot, install: Install, state: str
) -> None:
    chroot("dpkg --install 0.2.0.deb")
    (root / "etc/edge/config.yaml").write_text(MINE)
    if state == "removed":
        chroot("dpkg --remove edge")
        assert "install a newer package and remove it again" in install(fails=True)
        assert not (root / "opt").exists()
    said = chroot("dpkg --install 0.3.0.deb; echo \"conffiles: [$(dpkg-query -W -f '${Conffiles}' edge)]\"")
    assert "conffiles: []" in said
    assert (root / "etc/edge/config.yaml").read_text() == MINE
    assert (root / "etc/edge/config.yaml.dist").read_text() == "# 0.3.0\n"
    assert not (root / "etc/edge/config.yaml.kept").exists()
    chroot("dpkg --remove edge")
    install()
    chroot("dpkg --purge edge")
    assert (root / "etc/edge/config.yaml").read_text() == MINE


@pytest.mark.usefixtures("packages")
def test_an_upgrade_from_0_2_0_that_fails_leaves_the_configuration(root: Path, chroot: Chroot) -> None:
    chroot("dpkg --install 0.2.0.deb")
    (root / "etc/edge/config.yaml").write_text(MINE)
    said = chroot(
        "truncate -s $(($(stat -c %s 0.3.0.deb) - 100)) 0.3.0.deb\n"
        "dpkg --install 0.3.0.deb || dpkg-query -W -f 'now ${Version}' edge"
    )
    assert "now 0.2.0" in said
    assert (root / "etc/edge/config.yaml").read_text() == MINE
