"""`edge upgrade` with dpkg and apt, and packages of almost nothing: what it keeps to go back to is always whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
# A database of packages, and a disk of a megabyte to keep them on, that nobody else sees; no service runs there.
MACHINE = """
set -eu
for folder in /var /run /etc/apt; do mount -t tmpfs none $folder; done
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/apt/lists/partial
mkdir -p /var/cache/apt/archives/partial /var/cache/edge /var/log/apt
mount -t tmpfs -o size=1m none /var/cache/edge
touch /var/lib/dpkg/status
echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf
kept=/var/cache/edge/edge.deb
dpkg --install 1.deb
cp 1.deb $kept
upgrade() { status=0; sh "$ROOT/systemd/upgrade.sh" "$@" || status=$?; echo "status: $status"; }
"""
STATE = """
echo "installed: $(dpkg-query -W -f '${Version} ${db:Status-Status}' edge)"
for each in 1 2 3; do if cmp -s $each.deb $kept; then echo "kept: $each"; fi; done
echo "left:" $(ls /var/cache/edge)
"""

Run = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions, of which the last cannot be configured."""
    if any(shutil.which(name) is None for name in ("dpkg-deb", "apt-get", "unshare")):
        pytest.skip("this is no Debian")
    if subprocess.run(
        [*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
    ).returncode:
        pytest.skip("unshare cannot make a mount namespace here")
    folder = tmp_path_factory.mktemp("packages")
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    for version in "123":
        control = folder / version / "DEBIAN"
        content = folder / version / "var/lib/edge-content"
        control.mkdir(parents=True)
        content.mkdir(parents=True)
        (content / "bulk").write_bytes(os.urandom(200_000))
        (control / "control").write_text(
            f"Package: edge\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Edge <edge@example.org>\n"
            "Description: almost nothing\n"
        )
        (control / "postinst").write_text(f"#!/bin/sh\nexit {int(version == '3')}\n")
        (control / "postinst").chmod(0o755)
        subprocess.run(
            ["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", str(folder / version), str(folder / f"{version}.deb")],
            check=True,
            capture_output=True,
        )
    (folder / "cut.deb").write_bytes((folder / "2.deb").read_bytes()[:100_000])
    return folder


@pytest.fixture
def run(packages: Path) -> Run:
    """Runs lines of a shell on a machine with version 1; what they said, and how it is then."""

    def run(lines: str) -> list[str]:
        command = [*NAMESPACE, "sh", "-c", f"{MACHINE}\n{lines}\n{STATE}"]
        done = subprocess.run(
            command,
            cwd=packages,
            env={"PATH": os.defpath + ":/usr/sbin:/sbin", "ROOT": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.splitlines()

    return run


# systemd, as far as it lists units: those that match one of the patterns.
LISTING = """
mkdir /var/stub
cat >/var/stub/systemctl <<'STUB'
#!/bin/sh
for unit in edge.service edge@hall.service edge-dashboard.service edge-record.service edge-setup-1.service ssh.service
do
  for pattern; do case $unit in $pattern) echo "$unit loaded active running" ;; esac; done
done
STUB
chmod +x /var/stub/systemctl
PATH=/var/stub:$PATH
"""


def test_it_waits_for_all_services_that_run_the_program(run: Run) -> None:
    said = "\n".join(run(f"{LISTING}upgrade --check 2.deb"))
    ours = ["edge.service", "edge@hall.service", "edge-dashboard.service", "edge-record.service"]
    assert "would go back if one of these did not become ready: " + "\n".join(ours) in said
    assert "edge-setup" not in said
    assert "ssh" not in said


def test_half_an_installation_is_not_taken_for_a_whole_one(run: Run) -> None:
    """As a power cut leaves it, where dpkg alone cannot go on."""
    cut = r"sed -i 's/^Status: .*/Status: install reinstreq unpacked/; s/^Version: .*/Version: 2/' /var/lib/dpkg/status"
    mended = "dpkg --configure -a || true; dpkg --install 2.deb >/dev/null"
    said = run(f"{cut}; upgrade 2.deb; {mended}; upgrade 2.deb")
    (half, again) = [line for line in said if line.startswith("edge upgrade:")]
    assert "the package edge is half installed (unpacked reinstreq): sudo dpkg --configure -a; sudo apt install" in half
    assert again.endswith("nothing to do")
    assert "installed: 2 installed" in said


def lay_script(script: str, machine: Path) -> Path:
    """One of the package's scripts, with what it needs, on a machine that is a folder."""
    program = machine / "usr/lib/edge"
    (program / "lib").mkdir(parents=True)
    (program / "bin").mkdir()
    (machine / "etc").mkdir()
    (machine / "run/systemd/system").mkdir(parents=True)
    for source in (ROOT / "config.yaml", ROOT / "systemd/services"):
        shutil.copy(source, program if source.suffix else program / "bin")
    text = (ROOT / "scripts/debian" / script).read_text()
    for path in ("/usr/lib/edge", "/etc/edge", "/run/systemd"):
        text = text.replace(path, f"{machine}{path}")
    (machine / script).write_text(text)
    return machine / script


def test_a_disk_that_is_full_leaves_no_half_configuration(tmp_path: Path) -> None:
    """It would be kept at every call to come."""
    script = lay_script("postinst", tmp_path)
    full = "trap '' XFSZ; ulimit -f 8; exec sh \"$@\""  # files end at 4 KiB
    command = ["sh", str(script), "configure"]
    assert subprocess.run(["sh", "-c", full, *command], check=False, capture_output=True).returncode != 0
    config = tmp_path / "etc/edge/config.yaml"
    assert not config.exists()
    subprocess.run(command, check=True)
    assert config.read_bytes() == (ROOT / "config.yaml").read_bytes()
    assert config.stat().st_mode & 0o777 == 0o644
    assert {file.name for file in config.parent.iterdir()} == {"config.yaml", "config.yaml.dist", "config.env"}


@pytest.mark.parametrize(
    ("script", "arguments", "verb", "without"),
    [("postinst", ["configure", "0.2.0"], "try-restart", {"edge.service"}), ("prerm", ["remove"], "stop", set())],
)
def test_the_package_s_scripts_tell_the_same_services(
    script: str, arguments: list[str], verb: str, without: set[str], tmp_path: Path
) -> None:
    """Of the two edge.service is restarted by debhelper's lines."""
    laid, told = lay_script(script, tmp_path), tmp_path / "told"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{told}\n')
    (tmp_path / "systemctl").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["sh", str(laid), *arguments], env=environment, check=True)
    listed = {line for line in (ROOT / "systemd/services").read_text().splitlines() if not line.startswith("#")}
    assert "edge-record*.service" in listed
    words = told.read_text().splitlines()
    assert words[0] == verb
    assert set(words[1:]) == listed - without


def test_the_new_version_is_kept_in_place_of_the_one_before(run: Run) -> None:
    said = run("upgrade 2.deb")
    assert said[-4:] == ["status: 0", "installed: 2 installed", "kept: 2", "left: edge.deb"]
    said = run("rm $kept; upgrade --previous 1.deb 3.deb")
    assert said[-4:] == ["status: 1", "installed: 1 installed", "kept: 1", "left: edge.deb"]


def test_a_package_that_is_not_there_is_named(run: Run) -> None:
    for words in ("/media/none/2.deb", "--previous /media/none/1.deb 2.deb"):
        said = run(f"upgrade {words} 2>&1")
        assert "edge upgrade: /media/none/" in said[-5]
        assert said[-5].endswith(".deb is not there")
        assert said[-4:] == ["status: 1", "installed: 1 installed", "kept: 1", "left: edge.deb"]
    said = run("(upgrade --previous) 2>&1")
    assert "edge upgrade" in said[-5]


def test_a_disk_that_becomes_full_leaves_the_version_before_and_says_so(run: Run) -> None:
    said = run("head -c 800000 /dev/zero >/var/cache/edge/filler; upgrade 2.deb; rm /var/cache/edge/filler")
    assert said[-4:] == ["status: 3", "installed: 2 installed", "kept: 1", "left: edge.deb"]
    assert any("name it with --previous at the next upgrade" in line for line in said)
    said = run("rm $kept; head -c 1000000 /dev/zero >/var/cache/edge/filler; upgrade --previous 1.deb 2.deb")
    assert said[-3:] == ["status: 1", "installed: 1 installed", "left: filler"]
    assert any("1.deb cannot be kept in /var/cache/edge: nothing was changed" in line for line in said)


def test_what_a_run_that_was_ended_has_left_is_not_gone_back_to(run: Run) -> None:
    said = run("cp cut.deb $kept.tmp; upgrade 3.deb")
    assert said[-4:] == ["status: 1", "installed: 1 installed", "kept: 1", "left: edge.deb"]
    assert "edge upgrade: 1 is installed again, and ready" in said


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("upgrade {}cut.deb", "cut.deb is damaged: copy it again"),
        ("head -c 100000 1.deb >$kept; upgrade {}2.deb", "edge.deb is damaged, and would be needed to go back"),
    ],
)
@pytest.mark.parametrize("check", ["", "--check "])
def test_a_package_that_was_cut_off_is_refused_before_anything_is_changed(
    run: Run, lines: str, words: str, check: str
) -> None:
    said = run(lines.format(check))
    assert any(words in line for line in said)
    assert {"status: 1", "installed: 1 installed", "left: edge.deb"} <= set(said)
    assert not any("from 1 to 2" in line for line in said)
