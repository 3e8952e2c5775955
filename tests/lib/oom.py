# SPDX-License-Identifier: GPL-3.0-or-later
"""An OOM kill by the kernel, for one process that was chosen.

The machine's own units have no memory controller here (testing in a
container on cgroup v1), so the limit is set from outside: the process moves
into a memory group of its own with next to no room, and the kernel kills it
at the next page that it wants.
"""

import contextlib
import pathlib
import secrets
import time

MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
ROOM_BYTES = 64 * 1024


class Cage:
    """A memory group with room for nothing; close() removes it."""

    def __init__(self):
        self.path = MEMORY / ("mhlab-" + secrets.token_hex(4))
        self.path.mkdir()
        self._write("memory.limit_in_bytes", ROOM_BYTES)

    def _write(self, name, value):
        (self.path / name).write_text(str(value))

    def take(self, pid):
        self._write("cgroup.procs", pid)

    def kills(self):
        """How often the kernel killed in here."""
        for line in (self.path / "memory.oom_control").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def close(self):
        """What is still alive goes back to where there is room."""
        for pid in (self.path / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (MEMORY / "cgroup.procs").write_text(pid)
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(0.05)


def available():
    return (MEMORY / "memory.limit_in_bytes").exists()
