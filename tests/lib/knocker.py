# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that knocks at every public port, many times a second.

It says whether a connection was ever refused, reset, or closed before the
greeting; ports that begin with TLS only have to take the connection.
"""

import errno
import selectors
import socket
import threading
import time

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
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

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
        self.slowest[knock.port] = max(self.slowest.get(knock.port, 0.0),
                                       now - knock.began)
