# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance costs: processor time of all its processes.

The total is the kernel's, from a control group, so that what lived for a
moment counts as well. The parts are what /proc says of each process when it
was last seen; what is missing to the total ended between two looks.
"""

import os
import shutil
import subprocess
import threading

# Version 2 of control groups, then the hierarchy of version 1.
HIERARCHIES = (("/sys/fs/cgroup", "cpu.stat"),
               ("/sys/fs/cgroup/cpuacct", "cpuacct.usage"))
LOOK_SECONDS = 0.5
TICKS = os.sysconf("SC_CLK_TCK")
UNSEEN = "(ended between two looks)"


class ControlGroup:
    """A group of its own; enter() is for a child before its exec."""

    def __init__(self, name):
        for top, counter in HIERARCHIES:
            path = os.path.join(top, "mhbench-%d-%s" % (os.getpid(), name))
            if not os.access(os.path.join(top, "cgroup.procs"), os.W_OK):
                continue
            os.mkdir(path)
            if os.path.exists(os.path.join(path, counter)):
                break
            os.rmdir(path)
        else:
            raise SystemExit("no control group that counts processor time")
        self.path = path
        self._counter = os.path.join(path, counter)

    def enter(self):
        with open(self.path + "/cgroup.procs", "w", encoding="ascii") as out:
            out.write(str(os.getpid()))

    def seconds(self):
        with open(self._counter, encoding="ascii") as file:
            words = file.read().split()
        if words[0] == "usage_usec":
            return int(words[1]) / 1e6
        return int(words[0]) / 1e9

    def pids(self):
        found = []
        for directory, _, _ in os.walk(self.path):
            with open(directory + "/cgroup.procs", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
        return found

    def close(self):
        for directory, _, _ in os.walk(self.path, topdown=False):
            os.rmdir(directory)


class Meter:
    """Processor seconds between start() and stop(), in all and by kind."""

    def __init__(self, group):
        self._group = group
        self._seen = {}  # (pid, start): [kind, first, last]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        self._before = self._group.seconds()
        self._look(new_from=None)
        self._thread.start()
        return self

    def stop(self):
        """(total, {kind: seconds})"""
        self._stopping.set()
        self._thread.join()
        self._look()
        total = self._group.seconds() - self._before
        kinds = {}
        for kind, first, last in self._seen.values():
            kinds[kind] = kinds.get(kind, 0) + last - first
        kinds[UNSEEN] = total - sum(kinds.values())
        return total, kinds

    def _watch(self):
        while not self._stopping.wait(LOOK_SECONDS):
            self._look()

    def _look(self, new_from=0.0):
        for pid in self._group.pids():
            try:
                with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
                    words = file.read().rpartition(")")[2].split()
                used = (int(words[11]) + int(words[12])) / TICKS
                key = (pid, words[19])
                if key not in self._seen:
                    self._seen[key] = [kind_of(pid), used if new_from is None
                                       else new_from, used]
                elif used > self._seen[key][2]:
                    self._seen[key][0] = kind_of(pid)
                    self._seen[key][2] = used
            except (OSError, IndexError):
                continue


def kind_of(pid):
    """engine/program; Rspamd's processes say what they are."""
    path = os.readlink("/proc/%d/exe" % pid).replace(" (deleted)", "")
    name = os.path.basename(path)
    if name.startswith("rspamd"):
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            title = file.read().split(b"\0")[0].decode()
        role = title.partition(": ")[2].replace(" process", "")
        return "rspamd/" + (role.split()[0] if role else "main")
    for engine in ("postfix", "dovecot"):
        if "/%s/" % engine in path:
            return "%s/%s" % (engine, name)
    return "redis" if name.startswith("redis") else name


class SyncCount:
    """Calls of fsync and fdatasync on the whole machine, by perf."""

    EVENTS = ("syscalls:sys_enter_fsync", "syscalls:sys_enter_fdatasync")

    def __init__(self):
        self._perf = None
        if shutil.which("perf"):
            self._perf = subprocess.Popen(
                ["perf", "stat", "-a", "-x,", "-e", ",".join(self.EVENTS),
                 "cat"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self):
        """Their number, None where perf does not count them."""
        if not self._perf:
            return None
        said = self._perf.communicate("")[1]  # its cat ends, then it tells
        counts = [line.split(",")[0] for line in said.splitlines()
                  if "sys_enter" in line]
        if len(counts) != len(self.EVENTS) or not all(
                count.isdigit() for count in counts):
            return None
        return sum(map(int, counts))
