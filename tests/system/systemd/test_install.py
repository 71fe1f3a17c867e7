"""install.sh, below a folder and with a Python environment that is made in a moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.editable import bare_environment, lay_wrong_packages, make_editable_venv
from tests.support.paths import ROOT
from tests.system.systemd.conftest import VENV

SCRIPTS = sorted(
    file
    for pattern in (
        "systemd/*.sh",
        "tests/system/systemd/*.sh",
        "tests/system/deb/*.sh",
        "tests/system/container/*.sh",
        "scripts/*.sh",
        "scripts/debian/p*[mt]",
    )
    for file in ROOT.glob(pattern)
)
ANALYZE = shutil.which("systemd-analyze")


def below(folder: Path) -> dict[str, bytes]:
    return {
        str(f): b"" if f.is_symlink() else f.read_bytes() for f in folder.rglob("*") if f.is_symlink() or f.is_file()
    }


def test_the_installed_units_please_systemd(install: Callable[..., str], tmp_path: Path) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed")
    install("--pages")
    units = tmp_path / "root/etc/systemd/system"
    shutil.copy(units / "edge@.service", units / "edge@hall.service")
    for unit in ("edge.service", "edge@hall.service", "edge-dashboard.service"):
        command = [ANALYZE, "verify", "--man=no", str(units / unit)]
        # An unknown key is a line on stderr with exit status 0.
        assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


def test_a_dry_run_prints_every_step_and_does_nothing(install: Callable[..., str], tmp_path: Path) -> None:
    said = install("--dry-run")
    for word in (
        "mkdir -p",
        "compileall",
        "/etc/edge/config.yaml",
        "edge.service",
        "edge@.service",
        "/usr/local/bin/edge",
    ):
        assert word in said
    assert not (tmp_path / "root").exists()
    put = [line.split()[0] for line in said.splitlines() if "/etc/edge/config.yaml.new" in line]
    assert put == ["install", "sync", "mv"]  # half a file would be kept at every call to come
    install()
    before = below(tmp_path / "root")
    assert "rm -rf" in install("--uninstall", "--purge", "--dry-run")
    assert below(tmp_path / "root") == before


def test_an_upgrade_restarts_all_services_that_run_the_program(tree: Path) -> None:
    """Printed only: systemd is not touched."""
    command = [str(tree / "systemd/install.sh"), "--dry-run"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        pytest.skip(f"edge is installed here in another way: {done.stdout}")
    (line,) = [line for line in done.stdout.splitlines() if "try-restart" in line]
    assert line.replace("\\", "").split()[2:] == [
        "edge.service", "edge@*.service", "edge-dashboard*.service", "edge-record*.service",
        "edge-announce*.service",
    ]  # fmt: skip


def test_twice_is_once(install: Callable[..., str], tmp_path: Path) -> None:
    install()
    before = below(tmp_path / "root")
    assert "up to date" in install()
    assert below(tmp_path / "root") == before
    root = tmp_path / "root"
    assert (root / "opt/edge/.venv/bin/edge").exists()
    assert (root / "opt/edge/current/models/emotions.tflite").exists()
    assert (root / "etc/edge/config.yaml").read_bytes() == (ROOT / "config.yaml").read_bytes()
    secrets = root / "etc/edge/config.env"
    assert secrets.stat().st_mode & 0o777 == 0o600
    everything = [path for path in root.rglob("*") if not path.is_symlink() and path != secrets]
    assert all(path.stat().st_mode & 0o004 for path in everything), "the service's user cannot read it"


def test_an_upgrade_keeps_the_configuration(install: Callable[..., str], tree: Path, tmp_path: Path) -> None:
    install()
    root = tmp_path / "root"
    old = (root / "opt/edge/current").resolve()
    mine = root / "etc/edge/config.yaml"
    mine.write_text("device: {name: mine}\n")
    (root / "etc/systemd/system/edge.service.d").mkdir()
    (tree / "config.yaml").write_text("# new\n")
    (tree / "edge/__init__.py").write_text('__version__ = "9.9.9"\n')
    said = install()
    assert "is kept" in said
    assert mine.read_text() == "device: {name: mine}\n"
    assert (root / "etc/edge/config.yaml.dist").read_text() == "# new\n"
    assert "9.9.9" in (root / "opt/edge/current/edge/__init__.py").read_text()
    assert not old.exists()
    assert "is kept" not in install()


def test_a_power_cut_after_an_upgrade_leaves_whole_files(
    install: Callable[..., str], tree: Path, tmp_path: Path
) -> None:
    """Of what was not on the disk ext4 keeps the names, of empty files."""
    disk, cut, root = tmp_path / "disk", tmp_path / "cut", tmp_path / "root"
    root.mkdir()
    with disk.open("wb") as file:
        file.truncate(64_000_000)
    if os.geteuid() != 0 or subprocess.run(["mkfs.ext4", "-q", disk], check=False).returncode:
        pytest.skip("no disk can be made here")
    if subprocess.run(["mount", "-o", "loop", disk, root], check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        install()
        os.sync()
        (tree / "edge/__init__.py").write_text('__version__ = "9.9.9"\n')
        install()
        expected = below(root)
        shutil.copy(disk, cut)  # what is in memory alone is gone
    finally:
        subprocess.run(["umount", root], check=True)
    subprocess.run(["mount", "-o", "loop", cut, root], check=True)
    try:
        found = below(root)
    finally:
        subprocess.run(["umount", root], check=True)
    kept = {name: content for name, content in found.items() if name in expected}
    assert [name for name in expected if kept.get(name) != expected[name] and not name.endswith(".dist")] == []


def test_an_interrupted_upgrade_is_done_again(install: Callable[..., str], tree: Path, tmp_path: Path) -> None:
    install()
    root = tmp_path / "root"
    before = (root / "opt/edge/current").resolve()
    (tree / "edge/__init__.py").write_text('__version__ = "9.9.9"\n')
    (tree / "scripts/venv.sh").write_text("prepare_venv() { exit 3; }\nready_to_run() { true; }\n")
    install(fails=True)
    assert (root / "opt/edge/current").resolve() == before, "half an installation is in use"
    assert (root / "opt/edge/.venv/bin/edge").exists()
    (tree / "scripts/venv.sh").write_text(VENV % sys.executable)
    install()
    assert (root / "opt/edge/current").resolve() != before
    assert len(list((root / "opt/edge/releases").iterdir())) == 1


def state_of(root: Path, name: str, *files: str) -> Path:
    """The state folder of a unit, as systemd makes it, with these files."""
    state = root / "var/lib/private" / name
    state.mkdir(parents=True)
    for file in files:
        (state / file).touch()
    (root / "var/lib" / name).symlink_to(f"private/{name}")
    return state


def test_uninstall_says_what_it_leaves(install: Callable[..., str], tmp_path: Path) -> None:
    install()
    root = tmp_path / "root"
    (root / "etc/systemd/system/edge@hall.service.d").mkdir()
    for name in ("edge", "edge-hall"):
        state_of(root, name, "outbox.sqlite")
    left = {line for line in install("--uninstall").splitlines() if line.startswith("/")}
    names = {f"{folder}/{name}" for folder in ("lib", "lib/private") for name in ("edge", "edge-hall")}
    assert left == {
        f"{root}/etc/edge",
        f"{root}/etc/systemd/system/edge@hall.service.d",
        *(f"{root}/var/{name}" for name in names),
    }
    assert all(any(file.startswith(kept) for kept in left) for file in below(root))


def test_purge_leaves_nothing_of_what_we_made(install: Callable[..., str], tmp_path: Path) -> None:
    install("--pages")
    root = tmp_path / "root"
    for name in ("hall", "b2-north"):
        for ending in ("yaml", "yaml.bak-20261129T100000", "env", "mqtt-password"):
            (root / f"etc/edge/{name}.{ending}").touch()
        state_of(root, f"edge-{name}", "outbox.sqlite", "outbox.sqlite-wal", "outbox.pause")
        (root / f"etc/systemd/system/edge@{name}.service.d").mkdir()
    for name in ("config.yaml.bak-20261129T100000", "mqtt-password", "dashboard.env"):
        (root / "etc/edge" / name).touch()
    state_of(root, "edge", "outbox.masks", "outbox.sqlite")
    state_of(root, "edge-dashboard", "access.yaml", ".access.yaml.lock", ".access.yaml.cookies")
    state_of(root, "edge-ended-at-once")
    said = install("--uninstall", "--purge")
    assert "left" not in said, said
    assert below(root) == {}
    assert not (root / "etc/edge").exists()
    assert list((root / "var/lib").iterdir()) == [root / "var/lib/private"]
    assert list((root / "var/lib/private").iterdir()) == []


def test_purge_deletes_no_recording_and_nothing_that_somebody_else_has_put_there(
    install: Callable[..., str], tmp_path: Path
) -> None:
    install("--pages")
    root = tmp_path / "root"
    # A service of docs/record.md with a configuration of its own, and a folder of somebody else's program.
    kept = {root / "etc/edge" / name for name in ("record.yaml", "record.mqtt-password", "timetable.yaml", "ca.pem")}
    for file in kept:
        file.touch()
    recorded = state_of(root, "edge-record", "school.sqlite", "school.sqlite-wal")
    shown = state_of(root, "edge-dashboard", "school.sqlite", "access.yaml", "outbox.sqlite")
    other = state_of(root, "edge-other", "data")
    kept |= {recorded / "school.sqlite", recorded / "school.sqlite-wal", shown / "school.sqlite", other / "data"}
    said = install("--uninstall", "--purge")
    assert {root / name for name in below(root) if not (root / name).is_symlink()} == kept
    assert (root / "var/lib/edge-record/school.sqlite").exists(), "its link is gone"
    for folder in (root / "etc/edge", recorded, shown, other):
        assert f"there is more in it than the package made: {folder}\n" in said


@pytest.mark.parametrize("word", ["remove", "upgrade", "failed-upgrade", "disappear"])
def test_the_package_s_script_deletes_at_a_purge_only(tmp_path: Path, word: str) -> None:
    state_of(tmp_path, "edge", "outbox.sqlite")
    before = below(tmp_path)
    script = str(ROOT / "scripts/debian/postrm")
    subprocess.run(["sh", script, word], env={**os.environ, "DPKG_ROOT": str(tmp_path)}, check=True)
    assert below(tmp_path) == before


def test_the_dashboard_s_unit_comes_with_pages_stays_and_goes(
    install: Callable[..., str], tree: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    unit = root / "etc/systemd/system/edge-dashboard.service"
    install()
    assert not unit.exists()
    install("--pages")
    assert f"--config {root}/etc/edge/config.yaml" in unit.read_text()
    (tree / "systemd/edge-dashboard.service").write_text("[Service]\nExecStart=/opt/edge/new\n")
    install()  # an upgrade
    assert "/opt/edge/new" in unit.read_text()
    recorded = root / "var/lib/private/edge-dashboard/school.sqlite"
    recorded.parent.mkdir(parents=True)
    recorded.touch()
    said = install("--uninstall")
    assert not unit.exists()
    assert str(recorded.parent) in said
    assert recorded.exists()
    install("--uninstall", "--purge")
    assert recorded.exists()


def test_tokens_and_the_recording_are_changed_by_the_dashboard_s_user(
    install: Callable[..., str], tmp_path: Path
) -> None:
    """With stand-ins for systemd; system/systemd/pages.py does it for real."""
    install("--pages")
    stubs, pages = tmp_path / "stubs", "/var/lib/edge-dashboard"
    stubs.mkdir()

    def edge(*arguments: str, installed: str = "0") -> str:
        control = f'[ "$2" != cat ] || exit {installed}; echo "$3-of-$4"'
        for name, text in (("systemd-run", 'echo "$@"'), ("systemctl", control), ("id", "echo 0")):
            (stubs / name).write_text(f"#!/bin/sh\n{text}\n")
            (stubs / name).chmod(0o755)
        command = [str(tmp_path / "root/usr/local/bin/edge"), *arguments]
        environment = {"PATH": f"{stubs}:{os.environ['PATH']}"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip()

    said = edge("access", "add", "Mrs Doe", "--role", "all", "--rooms", "*")
    assert "-p User=User-of-edge-dashboard.service" in said
    assert "-p StateDirectory=StateDirectory-of-edge-dashboard.service" in said
    assert said.endswith(f"edge access add Mrs Doe --role all --rooms * --file {pages}/access.yaml")
    assert edge("access", "list", "--file", "mine.yaml") == "edge access list --file mine.yaml"
    said = edge("delete", "--database", f"{pages}/school.sqlite", "--device", "room 1")
    assert "-p User=User-of-edge-dashboard.service" in said
    assert said.endswith(f"edge delete --database {pages}/school.sqlite --device room 1 --by root")
    assert edge("delete", f"--database={pages}/school.sqlite", "--by", "Mrs Doe").endswith("school.sqlite --by Mrs Doe")
    said = edge("access", "list", "--file", f"{pages}/access.yaml")
    assert "-p User=User-of-edge-dashboard.service" in said
    assert said.endswith(f"edge access list --file {pages}/access.yaml")
    assert edge("delete", "--database", "mine.sqlite", "--list") == "edge delete --database mine.sqlite --list"
    assert "install.sh --pages" in edge("access", "list", installed="1")


def test_a_stranger_called_edge_is_left_alone(install: Callable[..., str], tmp_path: Path) -> None:
    stranger = tmp_path / "root/usr/local/bin/edge"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("#!/bin/sh\n")
    assert "somebody else's" in install(fails=True)
    assert "somebody else's" in install("--uninstall", fails=True)
    assert list(below(tmp_path / "root")) == [str(stranger)]


def test_the_installed_command_runs_as_the_service(install: Callable[..., str], tmp_path: Path) -> None:
    install()
    stubs = tmp_path / "stubs"
    stubs.mkdir()

    def edge(*arguments: str, user: str = "0") -> str:
        for name, text in (
            ("systemd-run", 'echo "$@"'),
            ("systemctl", '[ "$2" != is-active ] || exit 3; echo "$3-of-$4"'),
            ("id", f"echo {user}"),
        ):
            (stubs / name).write_text(f"#!/bin/sh\n{text}\n")
            (stubs / name).chmod(0o755)
        command = [str(tmp_path / "root/usr/local/bin/edge"), *arguments]
        environment = {"PATH": f"{stubs}:{os.environ['PATH']}"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()

    etc = tmp_path / "root/etc/edge"
    assert edge("--version") == "edge --version"
    assert edge("watch", "--plain") == f"edge watch --config {etc}/config.yaml --plain"
    assert edge("@hall", "run", "--quiet") == f"edge run --config {etc}/hall.yaml --quiet"
    assert edge("@hall", "pause") == "", "there is no such instance"
    (etc / "hall.yaml").touch()
    said = edge("@hall", "pause", "--by", "me")
    assert "-p User=User-of-edge@hall.service" in said
    assert f"LoadCredential=mqtt-password:{etc}/hall.mqtt-password" in said
    assert said.endswith(f"/.venv/bin/edge pause --config {etc}/hall.yaml --by me")
    assert "-p StateDirectory=StateDirectory-of-edge.service" in edge("resume")
    assert edge("pause", user="1000") == ""


def test_edge_setup_runs_as_the_service_and_root_installs_with_one_folder_to_write(
    install: Callable[..., str], tmp_path: Path
) -> None:
    """With stand-ins for systemd; system/systemd/setting_up.py does it for real."""
    install()
    stubs, calls, handed = tmp_path / "stubs", tmp_path / "calls", tmp_path / "run/private/edge-setup-hall"
    stubs.mkdir()
    etc = tmp_path / "root/etc/edge"
    (etc / "hall.yaml").touch()
    wrapper = tmp_path / "root/usr/local/bin/edge"
    wrapper.write_text(wrapper.read_text().replace("/run/", f"{tmp_path}/run/"))

    def edge(saves: str, enabled: str = "0") -> tuple[int, str, list[str]]:
        page = f'case "$*" in *--hand-over*) {saves} ;; *) echo installed ;; esac'
        control = f'case "$*" in *is-enabled*) exit {enabled} ;; *is-active*) exit 1 ;; esac'
        for name, text in (("systemd-run", page), ("systemctl", control), ("id", "echo 0")):
            (stubs / name).write_text(f"#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>{calls}\n{text}\n")
            (stubs / name).chmod(0o755)
        calls.write_text("")
        environment = {"PATH": f"{stubs}:{os.environ['PATH']}"}
        done = subprocess.run(
            [str(wrapper), "@hall", "setup"], env=environment, capture_output=True, text=True, check=False
        )
        lines = [line for line in calls.read_text().splitlines() if " show " not in line and line != "id -u"]
        return done.returncode, done.stdout, lines

    save = f"mkdir -p {handed}; touch {handed}/config.yaml"
    code, said, (page, root, *control) = edge(f"{save} {handed}/restart")
    assert code == 0
    assert "User=" in page
    assert "DynamicUser=yes" in page
    assert "-p LimitCORE=0 -p LimitMEMLOCK=infinity -p MemorySwapMax=0 " in page  # it holds pictures, as the daemon
    assert "RuntimeDirectory=edge-setup-hall" in page
    assert page.endswith(f"edge setup --config {etc}/hall.yaml --hand-over {tmp_path}/run/edge-setup-hall")
    assert f"ProtectSystem=strict -p ReadWritePaths={etc} " in root
    assert "-p MemoryMax=500M -p MemorySwapMax=0 " in root
    assert "DynamicUser" not in root
    assert root.endswith(
        f"setup --install-from {handed} --config {etc}/hall.yaml --password-to {etc}/hall.mqtt-password"
    )
    assert control[-1] == "systemctl restart edge@hall.service"
    assert not handed.exists()
    assert "edge@hall.service is restarted." in said
    _, said, lines = edge(save)
    assert "systemctl restart" not in " ".join(lines)
    assert "To use it: sudo systemctl restart edge@hall" in said
    _, said, lines = edge(f"{save} {handed}/restart", enabled="1")
    assert "systemctl restart" not in " ".join(lines)
    assert "enable --now edge@hall" in said
    code, said, lines = edge("exit 130")  # nothing was saved
    assert (code, said) == (130, "")
    assert len(lines) == 1


def test_the_installed_command_does_not_import_what_lies_in_the_current_folder(
    install: Callable[..., str], tmp_path: Path
) -> None:
    install()
    release = (tmp_path / "root/opt/edge/current").resolve()
    make_editable_venv(release)
    lay_wrong_packages(tmp_path / "elsewhere")
    command = [str(tmp_path / "root/usr/local/bin/edge"), "schema", "state"]
    done = subprocess.run(
        command, cwd=tmp_path / "elsewhere", env=bare_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"title": "State"' in done.stdout


def test_beside_the_debian_package_it_refuses(install: Callable[..., str], tmp_path: Path) -> None:
    package = tmp_path / "root/usr/lib/edge/bin/edge"
    package.parent.mkdir(parents=True)
    package.touch()
    said = install(fails=True)
    assert "the Debian package edge is installed" in said
    assert "sudo apt remove edge" in said
    assert not (tmp_path / "root/opt").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_are_sound(script: Path) -> None:
    shell = "sh" if script.read_text().startswith("#!/bin/sh") else "bash"
    subprocess.run([shell, "-n", str(script)], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "-x", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
