"""What can go wrong for a reason outside the code: one sentence, one remedy, one exit code (sysexits.h)."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INPUT = 66  # EX_NOINPUT: no camera, no such file, nothing readable in it
EXIT_BROKER = 69  # EX_UNAVAILABLE: the embedded broker could not be started
EXIT_BUSY = 75  # EX_TEMPFAIL: another program has what we need; it may be free the next time
EXIT_REFUSED = 77  # EX_NOPERM: the broker refuses us
EXIT_CONFIG = 78  # EX_CONFIG: a person must change something; systemd does not restart


class EdgeError(Exception):
    """An error to be shown to a person as one line, never as a traceback.

    Args:
        problem: What is wrong, naming the file, key or address and the value found. Text, or a sentence of `edge.text`,
            which pages can say in another language.
        remedy: What to do about it; text or a sentence, too.

    Attributes:
        problem: The problem as English text.
        remedy: The remedy as English text.
        told: Both as they were given.
    """

    exit_code = EXIT_FAILED

    def __init__(self, problem: object, remedy: object = "") -> None:
        super().__init__(f"{problem}: {remedy}" if remedy else str(problem))
        self.problem = str(problem)
        self.remedy = str(remedy)
        self.told = problem, remedy


class ConfigError(EdgeError):
    """The configuration cannot be used; starting again would not help."""

    exit_code = EXIT_CONFIG


class ModelError(EdgeError):
    """A model file, its card, or the TFLite runtime cannot be used."""

    exit_code = EXIT_CONFIG


class CameraError(EdgeError):
    """The camera, file or stream cannot be opened or yields nothing."""

    exit_code = EXIT_INPUT


class CameraUnfitError(CameraError):
    """The camera works, but what is configured cannot be kept with it; starting again would not help."""

    exit_code = EXIT_CONFIG


class BrokerError(EdgeError):
    """The embedded broker cannot be started."""

    exit_code = EXIT_BROKER


class BusyError(EdgeError):
    """Another program has what only one can have, such as a pin or a file; starting again later may help."""

    exit_code = EXIT_BUSY


class RefusedError(EdgeError):
    """The broker answered, and refused us (credentials, rights, protocol)."""

    exit_code = EXIT_REFUSED


class CredentialsError(RefusedError):
    """The broker does not take us as who we say we are: name, password, or no right to come at all."""


def pages_missing(command: str, library: str | None) -> ConfigError:
    """The libraries that pages and reports are made with were not installed; a device does not need them.

    Args:
        command: Of `edge`, that needs them.
        library: The first that was not found.
    """
    return ConfigError(
        f"edge {command} needs {library}, which is not installed",
        f"start it as ./run {command}, which installs it; beside a service: sudo systemd/install.sh --pages",
    )
