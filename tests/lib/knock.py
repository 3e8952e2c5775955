# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user notices of a restart: clients that knock at every public port,
many times a second, that log in all the while, and that keep a session.

A knock says whether a connection was ever refused, reset, or closed before
the greeting; ports that begin with TLS only have to take the connection.
"""

import collections
import errno
import imaplib
import selectors
import socket
import threading
import time

from .imap import Imap, imap_login
from .suite import PASSWORD

GREETING_PORTS = (25, 587, 143, 110, 4190)
TLS_PORTS = (465, 993, 995)
MAIL_PORTS = GREETING_PORTS + TLS_PORTS
PATIENCE = 15.0  # until a greeting; postscreen lets strangers wait 3 s


class Knock:
    """One connection."""

    def __init__(self, address, port):
        self.port = port
        self.began = time.monotonic()
        self.connected = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        answer = self.socket.connect_ex((address, port))
        self.error = None if answer in (0, errno.EINPROGRESS) else \
            errno.errorcode[answer]

    def step(self):
        """True when it is over; error says how, None: well."""
        if not self.connected:
            answer = self.socket.getsockopt(socket.SOL_SOCKET,
                                            socket.SO_ERROR)
            self.connected = answer == 0
            self.error = errno.errorcode[answer] if answer else None
            return not self.connected or self.port not in GREETING_PORTS
        try:
            self.error = None if self.socket.recv(1) else "closed"
        except BlockingIOError:
            return False
        except OSError as error:
            self.error = errno.errorcode[error.errno]
        return True


class Knocker:
    """Knocks from a host until stop(); `failures` is what went wrong."""

    def __init__(self, host, address, ports=MAIL_PORTS, every=0.1):
        self.host = host
        self.address = address
        self.ports = ports
        self.every = every
        self.count = 0
        self.failures = []  # (seconds since start, port, what)
        self.slowest = {}  # port -> seconds until the greeting
        self.answered = collections.defaultdict(list)  # port -> seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends when each connection that was begun is over."""
        self._stopping.set()
        self._thread.join(PATIENCE + 5)
        assert not self._thread.is_alive()
        return self

    def outage(self):
        """Seconds from the first to the last failure; 0 without one."""
        times = [at for at, _, _ in self.failures]
        return max(times) - min(times) + self.every if times else 0.0

    def _work(self):
        with self.host.inside():
            self._knock_on()

    def _knock_on(self):
        self._start = time.monotonic()
        self._waiting = selectors.DefaultSelector()
        due = self._start
        while not self._stopping.is_set() or self._waiting.get_map():
            now = time.monotonic()
            if now >= due and not self._stopping.is_set():
                due = max(due + self.every, now)
                for port in self.ports:
                    self._begin(port)
            for key, _ in self._waiting.select(max(0.0, min(
                    0.05, due - time.monotonic()))):
                self._step(key.data)
            self._expire()
        self._waiting.close()

    def _begin(self, port):
        self.count += 1
        knock = Knock(self.address, port)
        if knock.error:
            self._end(knock)
        else:
            self._waiting.register(knock.socket, selectors.EVENT_WRITE,
                                   knock)

    def _step(self, knock):
        was_connected = knock.connected
        if knock.step():
            self._waiting.unregister(knock.socket)
            self._end(knock)
        elif not was_connected:
            self._waiting.modify(knock.socket, selectors.EVENT_READ, knock)

    def _expire(self):
        for key in list(self._waiting.get_map().values()):
            if time.monotonic() - key.data.began > PATIENCE:
                key.data.error = "no greeting"
                self._waiting.unregister(key.fileobj)
                self._end(key.data)

    def _end(self, knock):
        now = time.monotonic()
        knock.socket.close()
        if knock.error:
            self.failures.append((round(now - self._start, 2), knock.port,
                                  knock.error))
        else:
            self.answered[knock.port].append(now - self._start)
        self.slowest[knock.port] = max(self.slowest.get(knock.port, 0.0),
                                       now - knock.began)


class User:
    """start(), then stop(); afterwards the answers are in the members."""

    PORTS = (25, 587, 143, 993)
    EVERY = 0.1

    def __init__(self, host, address, user):
        self.wrong_passwords = []
        self.logins = []  # seconds
        self._host, self._address, self._user = host, address, user
        self._knocker = Knocker(host, address, self.PORTS, self.EVERY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._log_in_often,
                                        daemon=True)
        self._idle = None

    @property
    def refused(self):
        return self._knocker.failures

    def start(self):
        self._began = time.monotonic()
        self._idle = Imap(self._host, self._address)
        self._idle.login(self._user, PASSWORD)
        self._idle.select("INBOX", readonly=True)
        self._idle.send(b"x IDLE\r\n")
        assert self._idle.readline().startswith(b"+")
        self._knocker.start()
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(PATIENCE + 5)
        self._knocker.stop()
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
                 for port, times in self._knocker.answered.items()}
        found["login"] = self.outage(self.logins)
        return found

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
            self._stopping.wait(self.EVERY)
