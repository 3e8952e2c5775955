# SPDX-License-Identifier: GPL-3.0-or-later
"""Power loss, simulated as LazyFS does: what was not synced is gone.

tests/lib/powerloss is a file system for FUSE that keeps everything in
memory, twice. It is mounted over directories of an instance that is down.
"""

import contextlib
import glob
import os
import signal
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "..", "..", "src")
# Errors in memory of a test's tool would be blamed on the suite.
CHECKS = ["-fsanitize=address,undefined", "-fno-sanitize-recover"]

_built = []


def _program():
    """The file system, built once a session."""
    if not _built:
        directory = tempfile.TemporaryDirectory(prefix="mhlab-powerloss-")
        path = os.path.join(directory.name, "powerloss")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"],
                               check=True, capture_output=True, text=True)
        subprocess.run(
            ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", "-Wall",
             "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
            + CHECKS + ["-I" + SOURCES, "-o", path]
            + sorted(glob.glob(os.path.join(HERE, "powerloss", "*.c")))
            + [os.path.join(SOURCES, "base", name) for name in
               ("alloc.c", "clock.c", "compiler.c")]
            + flags.stdout.split(), check=True)
        _built.append((path, directory))
    return _built[0][0]


class Power:
    """One directory whose unsynced state can be lost, again and again.

    each: only what was asked for is synced, as POSIX promises; without it
    a sync carries all changes of names, as a journal does. survive: per
    cent of what was not synced that is there all the same, page by page.
    """

    def __init__(self, directory, each=False, survive=0):
        self.directory = directory
        self._options = ["--each"] * each + ["--survive=%d" % survive]
        self._process = None

    def on(self):
        self._process = subprocess.Popen(
            [_program()] + self._options + [self.directory],
            stdout=subprocess.PIPE, start_new_session=True,
            env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def lose(self):
        """The loss; the directory holds what is left, without a mount."""
        self._end(signal.SIGUSR1)

    def off(self):
        """An orderly end: everything is in its place."""
        if self._process and self._process.poll() is None:
            self._end(signal.SIGTERM)

    def _end(self, number):
        self._process.send_signal(number)
        try:
            assert self._process.wait(60) == 0
        finally:
            # Somebody may still look at it when a test has failed.
            subprocess.run(["umount", "--lazy", self.directory], check=True)


@contextlib.contextmanager
def powered(directories, **options):
    """Mounts over each directory for a while."""
    with contextlib.ExitStack() as stack:
        powers = []
        for directory in directories:
            power = Power(directory, **options).on()
            stack.callback(power.off)
            powers.append(power)
        yield powers


def lose_all(powers):
    """All machines of one plug: nothing is synced between the losses,
    as nobody is left who would; then the power is back."""
    for power in powers:
        power.lose()
    for power in powers:
        power.on()
