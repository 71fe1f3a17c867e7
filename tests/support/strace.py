"""The daemon under strace: every file that it touches to write, every socket, every byte that goes anywhere.

strace -f reports one system call per line; with -yy it says to which file or socket a number belongs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

WRITES = "write,writev,pwrite64,pwritev,pwritev2"
SENDS = "sendto,sendmsg,sendmmsg"
# Other ways for bytes to leave a process: the daemon has no use for any of them.
NEVER = (
    "sendfile,splice,tee,vmsplice,copy_file_range,memfd_create,io_uring_setup,process_vm_writev,shmget,mq_open,mknod,"
    "mknodat,link,linkat,symlink,symlinkat,ptrace"
)
FILES = "open,openat,openat2,creat,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir,truncate"
SYSCALLS = f"{WRITES},{SENDS},{NEVER},{FILES},socket,connect,accept,accept4,bind,execve,mmap"
LONGEST_LINE = 1500  # bytes that the daemon prints or logs at once

_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\w+)")
_FD = re.compile(r"(\d+)<(.*?)>(?=[,)]|$)")
_FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<(.*?)>")
_ADDRESS = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([\d.]+)"\)')


@dataclass
class Trace:
    """What a traced daemon did, and what of that it must not do.

    Args:
        state: The only folder in which it may write.
        port: Of the only broker, on 127.0.0.1, to which it may send.
        stderr: The pipe that it was given as stderr, as strace writes it; lines may go there under any number.
    """

    state: Path
    port: int
    stderr: str
    sent: int = 0
    """Bytes to the broker."""
    stored: int = 0
    """Bytes into the folder."""
    connections: int = 0
    findings: list[str] = field(default_factory=list)
    _towards: dict[str, int] = field(default_factory=dict)  # number of a socket -> port
    _started: Counter[str] = field(default_factory=Counter)

    def read(self, lines: Iterable[str]) -> Trace:
        """Look at every line of a trace."""
        for line in _whole(lines):
            match = _CALL.match(line)
            if match:
                self._look(line, match["name"], match["arguments"], match["result"])
        return self

    def _look(self, line: str, name: str, arguments: str, result: str) -> None:
        if name in NEVER.split(","):
            self.findings.append(line)
        elif name == "execve":
            self._started[name] += 1
            if self._started[name] > 1:
                self.findings.append(line)
        elif name in FILES.split(","):
            self._look_at_file(line, name, arguments)
        elif name == "mmap":
            if "MAP_SHARED" in arguments and "PROT_WRITE" in arguments and not self._ours(arguments):
                self.findings.append(line)
        elif name in WRITES.split(","):
            self._look_at_write(line, arguments, result)
        else:
            self._look_at_socket(line, name, arguments, result)

    def _look_at_file(self, line: str, name: str, arguments: str) -> None:
        if name.startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE", arguments):
            return
        folder = _FOLDER.search(arguments)
        for path in re.findall(r'"(.*?)"', arguments):
            whole = Path(folder[1] if folder else "/", path)
            inside = self.state in (whole, *whole.parents) or (name.startswith("mkdir") and whole in self.state.parents)
            if not inside and str(whole) != "/dev/null":
                self.findings.append(line)

    def _look_at_write(self, line: str, arguments: str, result: str) -> None:
        found = _FD.match(arguments)
        number, target = found.groups() if found else ("", "")  # not known: in doubt a finding
        size = max(0, int(result))
        if target.startswith(("TCP:", "UDP", "UNIX", "socket:")):
            self._count(line, number, size)
        elif self._ours(arguments):
            self.stored += size
        elif target.startswith("/dev/null"):
            pass
        elif (number not in ("1", "2") and target != self.stderr) or size > LONGEST_LINE:
            self.findings.append(line)

    def _look_at_socket(self, line: str, name: str, arguments: str, result: str) -> None:
        if name == "socket":
            self._towards.pop(result, None)
            if not re.match(r"AF_INET6?, SOCK_STREAM", arguments):
                self.findings.append(line)
        elif name == "connect":
            number, address = arguments.partition("<")[0], _ADDRESS.search(arguments)
            if address is None or address[2] != "127.0.0.1":
                self.findings.append(line)
            else:
                self._towards[number] = int(address[1])
                self.connections += int(address[1]) == self.port
        elif name.startswith("accept"):
            self._towards[result] = 0
        elif name == "bind":
            if "htons(0)" not in arguments:
                self.findings.append(line)
        else:
            self._count(line, arguments.partition("<")[0], max(0, int(result)))

    def _count(self, line: str, number: str, size: int) -> None:
        port = self._towards.get(number)
        if port == self.port:
            self.sent += size
        elif port is None or size > 1:  # one byte wakes the network thread: a socket to ourselves
            self.findings.append(line)

    def _ours(self, arguments: str) -> bool:
        return f"<{self.state}/" in arguments


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls without the process number; those that another thread's interrupted are put together again."""
    waiting: dict[str, str] = {}
    for line in lines:
        process, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            waiting[process] = rest.removesuffix("<unfinished ...>").rstrip()
        elif rest.startswith("<... "):
            yield waiting.pop(process, "") + rest.partition(" resumed>")[2]
        else:
            yield rest
