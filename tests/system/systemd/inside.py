"""What must hold for the service, tried in a booted systemd (check.sh calls it, in its container)."""

from __future__ import annotations

import sys
import traceback

from tests.system.systemd import installing, living, machine, pages, setting_up
from tests.system.systemd.machine import Subscriber, run


def main() -> int:
    """Every fact, in order; 0 when all hold."""
    systemd = run("systemctl", "--version").split("\n", 1)[0]
    print(f"{systemd}, Python {sys.version.split()[0]}")
    try:
        installing.prepare()
        before = machine.files()
        installing.install()
        subscriber = Subscriber("check")
        living.ready(subscriber)
        living.hang_and_die(subscriber)
        living.pause(subscriber)
        living.reload(subscriber)
        living.stop(subscriber)
        living.exits()
        installing.instances(subscriber)
        installing.upgrade(subscriber)
        installing.hardening()
        run(installing.INSTALL, "--pages")
        setting_up.set_up(subscriber)
        pages.pages(subscriber)
        installing.uninstall(before)
    except Exception:  # noqa: BLE001 - whatever it is, the journal says more
        print(f"FAILED: {traceback.format_exc()}")
        print(run("journalctl", "-q", "-n", "60", "-u", "edge*", "-u", "run-*", check=False))
        print(run("systemctl", "status", "--no-pager", "edge", check=False))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
