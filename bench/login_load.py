# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail programs and guessers for bench/login, as processes of their own.

Usage, inside a host of the lab:
  login_load.py guess imap|smtp SERVER RATE SECONDS USER SOURCE...
  login_load.py watch SERVER RATE SECONDS FIRST SOURCE
  login_load.py stay SERVER FIRST COUNT SOURCE
Each prints JSON lines. Times are of the machine's monotonic clock, so that
they compare between processes.
"""

import json
import os
import select
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

# pylint: disable=wrong-import-position
from lib.imap import Imap  # noqa: E402
from lib.net import unchecked_tls  # noqa: E402
from lib.smtp import Smtp  # noqa: E402
from lib.suite import PASSWORD  # noqa: E402

TIMEOUT = 60
RETRY_SECONDS = 0.5
STACK_BYTES = 256 * 1024
WARM = "warm@example.com"
VICTIM = "victim@example.com"


def user(number):
    return "user%d@example.org" % number


class Here:
    """What lib's clients want of a host: this process is inside already."""

    def __init__(self, source):
        self.source = source
        self.tls = unchecked_tls()

    def connect(self, address, port, timeout=TIMEOUT, source=None):
        return socket.create_connection((address, port), timeout,
                                        (source or self.source, 0))

    def connect_tls(self, address, port, timeout=TIMEOUT, source=None):
        return self.tls.wrap_socket(
            self.connect(address, port, timeout, source))


def imap_login(here, server, name, password):
    session = Imap(here, server, timeout=TIMEOUT)
    try:
        asked = time.monotonic()
        session.login(name, password)
        return "ok", time.monotonic() - asked
    except Imap.error as error:
        for word in ("AUTHENTICATIONFAILED", "UNAVAILABLE"):
            if word in str(error):
                return word, time.monotonic() - asked
        return str(error), time.monotonic() - asked
    finally:
        session.shutdown()


def smtp_login(here, server, name, password):
    with Smtp(here, server, 465, implicit_tls=True,
              timeout=TIMEOUT) as session:
        session.ehlo()
        asked = time.monotonic()
        code, _ = session.auth(name, password)
        return "ok" if code == 235 else str(code), time.monotonic() - asked


LOGINS = {"imap": imap_login, "smtp": smtp_login}


def login(protocol, here, server, name, password):
    """{answer, seconds of the whole login, seconds of its last step}."""
    started = time.monotonic()
    step = 0.0
    try:
        answer, step = LOGINS[protocol](here, server, name, password)
    except (OSError, AssertionError, Imap.error) as error:
        answer = type(error).__name__
    return {"protocol": protocol, "answer": answer, "step": step,
            "seconds": time.monotonic() - started}


def every(seconds, rate, action):
    """Open loop: action(n) in threads at a fixed rate, however slow it is."""
    threads = []
    started = time.monotonic()
    for n in range(int(seconds * rate)):
        delay = started + n / rate - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        thread = threading.Thread(target=action, args=(n,), daemon=True)
        thread.start()
        threads.append(thread)
    spent = time.monotonic() - started
    for thread in threads:
        thread.join(TIMEOUT)
    return spent


def guess(protocol, server, rate, seconds, victim, *sources):
    """Each guess is another one: no memory can answer it."""
    answers = {}
    places = [Here(source) for source in sources]

    def attempt(n):
        got = login(protocol, places[n % len(places)], server, victim,
                    "wrong guess %d" % n)["answer"]
        answers[got] = answers.get(got, 0) + 1

    spent = every(float(seconds), float(rate), attempt)
    print(json.dumps({"answers": answers,
                      "rate": sum(answers.values()) / spent}))


def watch(server, rate, seconds, first, source):
    """Who has never logged in before (cold), and one who has (warm)."""
    here = Here(source)
    results = []

    def attempt(n):
        cold = n % 4 < 2
        result = login(("imap", "smtp")[n % 2], here, server,
                       user(int(first) + n) if cold else WARM, PASSWORD)
        results.append(dict(result, cold=cold))

    for protocol in LOGINS:
        login(protocol, here, server, WARM, PASSWORD)
    every(float(seconds), float(rate), attempt)
    print(json.dumps(results))


class Client:
    """One mail program that stays logged in and comes back."""

    def __init__(self, here, server, number):
        self.here = here
        self.server = server
        self.number = number
        self.session = None
        self.refused = 0

    def log_in(self):
        while True:
            session = None
            try:
                session = Imap(self.here, self.server, timeout=TIMEOUT)
                session.login(user(self.number), PASSWORD)
                self.session = session
                return
            except Imap.error as error:  # a refusal, or the line broke
                self.refused += not isinstance(error, Imap.abort)
            except OSError:
                pass
            if session:
                session.shutdown()
            time.sleep(RETRY_SECONDS)

    def wait_for_end(self):
        """A server that goes says BYE, then closes."""
        try:
            while self.session.sock.recv(4096):
                pass
        except OSError:
            pass
        self.session.shutdown()


def stay(server, first, count, source):
    """Logs in, says so, comes back when the server went, says so."""
    here = Here(source)
    clients = [Client(here, server, int(first) + n)
               for n in range(int(count))]
    gate = threading.Barrier(len(clients) + 1)

    def live(client):
        client.log_in()
        gate.wait()
        client.session.sock.settimeout(None)
        client.wait_for_end()
        client.log_in()
        gate.wait()

    threading.stack_size(STACK_BYTES)
    for client in clients:
        threading.Thread(target=live, args=(client,), daemon=True).start()
    for _ in range(2):
        gate.wait()
        print(json.dumps({"in": time.monotonic(),
                          "refused": sum(c.refused for c in clients)}),
              flush=True)
        for client in clients:
            client.refused = 0
    select.select([sys.stdin], [], [])  # sessions stay open until told


if __name__ == "__main__":
    {"guess": guess, "watch": watch, "stay": stay}[sys.argv[1]](*sys.argv[2:])
