# SPDX-License-Identifier: GPL-3.0-or-later
"""Killing programs of the suite and looking what comes back."""

import os
import signal
import threading
import time

from .smtp import Smtp
from .suite import PASSWORD, command_line
from .wait import wait_for


def program_of(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return None


def parent_of(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as stat:
            return int(stat.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def descends_from(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        pid = parent_of(pid)
    return False


def copies(suite, service):
    """Ids of processes of the service's program in no other's family."""
    main = suite.pid(service)
    program = program_of(main) if main else None
    if not program:
        return []
    return [pid for pid in suite.host.pids() if program_of(pid) == program
            and (pid == main or not descends_from(pid, main))]


def supervisors(suite, service):
    found = []
    for pid in suite.host.pids():
        words = command_line(pid)
        if (len(words) >= 2 and words[0].endswith("s6-supervise")
                and os.path.basename(words[1]) == service):
            found.append(pid)
    return found


def strays(suite):
    """Processes of the instance that the supervision tree lost."""
    pids = suite.host.pids()
    scans = [pid for pid in pids
             if command_line(pid)[:1] and
             command_line(pid)[0].endswith("s6-svscan")]
    assert len(scans) == 1, scans
    return [pid for pid in pids if command_line(pid)
            and not descends_from(pid, scans[0])]


# What a person notices of a service: these ports greet again.
GREETING_PORTS = {"postfix": (25, 587), "dovecot": (143, 110, 4190)}


def greets(suite, service):
    """Whether the ports of a service send their first bytes."""
    for port in GREETING_PORTS.get(service, ()):
        with suite.host.connect("127.0.0.1", port, 5) as connection:
            if not connection.recv(16):
                return False
    return True


class Crash:
    """One kill: what, when, and how long until it was back."""

    def __init__(self, suite, service, supervisor=False):
        self.suite = suite
        self.service = service
        self.supervisor = supervisor
        self.name = ("supervisor of " if supervisor else "") + service
        self.at = None
        self.seconds = None

    def _back(self, old_service, old_supervisor):
        state = self.suite.svstat(self.service)
        if not state["ready"] or state["pid"] == old_service:
            return False
        if self.supervisor:
            now = supervisors(self.suite, self.service)
            return now and old_supervisor not in now
        return True

    def run(self, deadline=20.0):
        """Kills, waits until ready again, checks that it is alone."""
        service = wait_for(lambda: self.suite.pid(self.service), 10,
                           "pid of " + self.service)
        supervisor = self.suite.supervisor_pid(self.service)
        victim = supervisor if self.supervisor else service
        self.at = time.time()
        started = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: self._back(service, supervisor), deadline,
                 self.name + " back", every=0.01)
        wait_for(lambda: greets(self.suite, self.service), deadline,
                 self.name + " greets", every=0.01)
        self.seconds = time.monotonic() - started
        wait_for(lambda: len(copies(self.suite, self.service)) == 1
                 and len(supervisors(self.suite, self.service)) == 1
                 and not strays(self.suite), 5,
                 "one copy of %s and no strays" % self.service)
        return self


def family(suite):
    """Every process of the instance: those of its host, and all that
    descend from them (a jail may have a network of its own)."""
    inside = set(suite.host.pids())
    everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    parents = {pid: parent_of(pid) for pid in everybody}

    def belongs(pid):
        while pid > 1 and pid not in inside:
            pid = parents.get(pid, 0)
        return pid > 1
    return [pid for pid in everybody if belongs(pid)]


def is_supervision(pid):
    words = command_line(pid)
    return bool(words) and os.path.basename(words[0]) in (
        "s6-svscan", "s6-supervise")


class Blackout:
    """Everything killed in one go, as a power switch would, then `up`.

    `meanwhile` is what happens before the machine is up again.
    """

    def __init__(self, suite, name="all at once", meanwhile=None):
        self.suite = suite
        self.name = name
        self.at = None  # the first kill; the last one is at `until`
        self.until = None
        self.seconds = None
        self._meanwhile = meanwhile

    def kill(self):
        # Who would start anything again goes first.
        victims = sorted(family(self.suite), key=is_supervision,
                         reverse=True)
        assert len(victims) > len(self.suite.active()), victims
        self.at = time.time()
        while victims:
            for pid in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            victims = [pid for pid in family(self.suite)
                       if command_line(pid)]
        self.until = time.time()

    def run(self):
        self.kill()
        if self._meanwhile:
            self._meanwhile()
        started = time.monotonic()
        self.suite.up()
        wait_for(self.suite.all_ready, 60, "all ready")
        self.seconds = time.monotonic() - started
        wait_for(lambda: not strays(self.suite), 5, "no strays")
        return self


class ScanCrash(Blackout):
    """Only s6-svscan is killed: nobody looks after the supervisors."""

    def __init__(self, suite):
        super().__init__(suite, "s6-svscan")

    def kill(self):
        scans = [pid for pid in family(self.suite)
                 if command_line(pid)[:1] and os.path.basename(
                     command_line(pid)[0]) == "s6-svscan"]
        assert len(scans) == 1, scans
        self.at = time.time()
        os.kill(scans[0], signal.SIGKILL)
        wait_for(lambda: not command_line(scans[0]), 5, "end of s6-svscan")


class LoginProbe:
    """Logs in on a submission port again and again, from a thread."""

    def __init__(self, host, address, user, port=587):
        self._arguments = (host, address, port)
        self._user = user
        self.refused = []  # no connection or no banner
        self.answers = []  # codes of AUTH
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(60)

    def _work(self):
        while not self._stopping.is_set():
            try:
                client = Smtp(*self._arguments, timeout=20)
            except (OSError, AssertionError) as error:
                self.refused.append(repr(error))
                continue
            with client:
                self.answers.append(self._login(client))

    def _login(self, client):
        try:
            client.ehlo()
            client.starttls()
            return client.auth(self._user, PASSWORD)[0]
        except (OSError, AssertionError) as error:
            return getattr(error, "code", repr(error))
