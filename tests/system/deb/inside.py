"""What must hold for the Debian package, tried in a booted systemd (check.sh calls it, in its container)."""

from __future__ import annotations

import sys
import traceback

from tests.system.deb import package
from tests.system.systemd import installing, living, setting_up
from tests.system.systemd.machine import Subscriber, run


def main() -> int:
    """Every fact, in order; 0 when all hold."""
    print(f"Python {sys.version.split()[0]}, Debian {package.RELEASE}")
    try:
        installing.prepare()
        before = package.files()
        package.refused()
        package.install()
        package.what_is_missing()
        subscriber = Subscriber("check")
        package.upgrade(subscriber)
        package.roll_back(subscriber)
        living.ready(subscriber)
        living.hang_and_die(subscriber)
        living.pause(subscriber)
        living.reload(subscriber)
        living.stop(subscriber)
        living.exits()
        installing.instances(subscriber)
        setting_up.set_up(subscriber)
        package.remove(subscriber)
        package.purge(before)
    except Exception:  # noqa: BLE001 - whatever it is, the journal says more
        print(f"FAILED: {traceback.format_exc()}")
        print(run("journalctl", "-q", "-n", "60", "-u", "edge*", "-u", "run-*", check=False))
        print(run("systemctl", "status", "--no-pager", "edge", check=False))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
