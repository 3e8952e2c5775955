# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that knocks at mail ports ten times a second, logs in all the
while and keeps one session in IDLE: what does a user notice?"""

import collections
import imaplib
import threading
import time

from .imap import Imap, imap_login
from .suite import PASSWORD

PORTS = {25: b"220", 587: b"220", 143: b"* OK", 993: b"* OK"}
EVERY = 0.1
DEADLINE = 20


class Knocks:
    """start(), then stop(); afterwards the answers are in the members."""

    def __init__(self, host, address, user):
        self.refused = []  # (port, seconds since the start, what was said)
        self.wrong_passwords = []
        self.greeted = collections.defaultdict(list)  # port -> seconds
        self.logins = []  # seconds
        self._host, self._address, self._user = host, address, user
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = []
        self._idle = None

    def start(self):
        self._began = time.monotonic()
        self._idle = Imap(self._host, self._address)
        self._idle.login(self._user, PASSWORD)
        self._idle.select("INBOX", readonly=True)
        self._idle.send(b"x IDLE\r\n")
        assert self._idle.readline().startswith(b"+")
        for port in PORTS:
            self._run(self._knock_often, port)
        self._run(self._log_in_often)
        return self

    def stop(self):
        self._stopping.set()
        for thread in list(self._threads):
            thread.join(DEADLINE + 5)
        self.seconds = time.monotonic() - self._began

    def idle_is_alive(self):
        """The session of before is still there, and answers."""
        self._idle.send(b"DONE\r\n")
        while True:
            line = self._idle.readline()
            if not line:
                return False
            if line.startswith(b"x "):
                return line.startswith(b"x OK")

    def outage(self, times):
        """The longest time between two answers, also to the end."""
        points = [0.0] + sorted(times) + [self.seconds]
        return max(b - a for a, b in zip(points, points[1:]))

    def outages(self):
        """{what: seconds}; a knock each 0.1 s cannot show less than that."""
        found = {str(port): self.outage(times)
                 for port, times in self.greeted.items()}
        found["login"] = self.outage(self.logins)
        return found

    def _run(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _knock_often(self, port):
        """Open loop: a knock that waits holds up no other."""
        due = time.monotonic()
        while not self._stopping.is_set():
            self._run(self._knock, port)
            due += EVERY
            self._stopping.wait(max(0, due - time.monotonic()))

    def _knock(self, port):
        connect = (self._host.connect_tls if port == 993
                   else self._host.connect)
        try:
            with connect(self._address, port, DEADLINE) as there:
                there.settimeout(DEADLINE)
                said = there.recv(512)
        except OSError as error:
            said = str(error).encode()
        now = time.monotonic() - self._began
        with self._lock:
            if said.startswith(PORTS[port]):
                self.greeted[port].append(now)
            else:
                self.refused.append((port, round(now, 1), said))

    def _log_in_often(self):
        while not self._stopping.is_set():
            try:
                imap_login(self._host, self._address, self._user).logout()
                self.logins.append(time.monotonic() - self._began)
            except imaplib.IMAP4.error as error:
                if "AUTHENTICATIONFAILED" in str(error):
                    self.wrong_passwords.append(str(error))
            except OSError:
                pass
            self._stopping.wait(EVERY)
