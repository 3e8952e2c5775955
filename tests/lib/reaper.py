# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes a lab when the process that made it ends, in whatever way.

Run as a child: `reaper.py TAG DIRECTORY`, with a pipe on standard input
whose other end only the parent holds. At end of file every process in the
lab's namespaces is killed by its id, then namespaces and directory go.
"""

import glob
import os
import shutil
import signal
import subprocess
import sys
import time

DEADLINE = 20.0


def processes(inodes):
    for link in glob.iglob("/proc/[0-9]*/ns/net"):
        try:
            if os.stat(link).st_ino in inodes:
                yield int(link.split("/")[2])
        except OSError:
            continue


def kill_all(inodes):
    """Kills until nothing is left: supervisors start things again."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        pids = [pid for pid in processes(inodes) if pid != os.getpid()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def unmount_below(directory):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    for point in reversed(points):
        if point.startswith(directory + "/"):
            subprocess.run(["umount", "--lazy", point], check=False)


def main(tag, directory):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    paths = glob.glob("/run/netns/%s-*" % tag)
    kill_all({os.stat(path).st_ino for path in paths})
    for path in paths:
        subprocess.run(["ip", "netns", "del", os.path.basename(path)],
                       check=False)
    if directory.startswith("/tmp/mhlab-") and not os.environ.get(
            "MAILHERD_LAB_KEEP"):
        unmount_below(directory)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
