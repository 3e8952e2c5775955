# SPDX-License-Identifier: GPL-3.0-or-later
"""Load by smtp-source, with an account of what happened to each message.

Each message is one smtp-source whose subject carries a number: its exit
status says exactly whether the server took it with 250. What was refused
is tried again, as a mail host would, so a message is lost only by a fault.
"""

import collections
import re
import secrets
import threading
import time

RETRY_SECONDS = 0.25


class Letter:
    """What is known of one message."""

    def __init__(self, number):
        self.number = number
        self.started = time.time()
        self.accepted = None  # time of the 250
        self.refusals = []


class Load:
    """Sends numbered messages from a host until stop()."""

    def __init__(self, host, address, recipients, workers=4, pause=0.05,
                 size=2000):
        self.host = host
        self.target = "%s:25" % address
        self.recipients = recipients
        self.tag = "load" + secrets.token_hex(3)
        self.letters = []
        self._pause = pause
        self._size = size
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True)
                         for _ in range(workers)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        """Ends the load when each message begun was accepted."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(90)
        assert not any(t.is_alive() for t in self._threads), \
            "messages are still refused: %s" % self.refusals()

    def accepted(self):
        with self._lock:
            return [l for l in self.letters if l.accepted]

    def refusals(self):
        """How often each reason for a refusal was seen."""
        return collections.Counter(
            reason for letter in list(self.letters)
            for reason in letter.refusals)

    def permanent_refusals(self):
        return [r for r in self.refusals() if re.search(r"\b5\d\d[ -]", r)]

    def _next(self):
        with self._lock:
            letter = Letter(len(self.letters))
            self.letters.append(letter)
        return letter

    def _work(self):
        while not self._stopping.is_set():
            letter = self._next()
            give_up = None
            while not letter.accepted:
                self._send(letter)
                if self._stopping.is_set() and not letter.accepted:
                    give_up = give_up or time.monotonic() + 60
                    if time.monotonic() > give_up:
                        return
                time.sleep(self._pause if letter.accepted
                           else RETRY_SECONDS)

    def _send(self, letter):
        recipient = self.recipients[letter.number % len(self.recipients)]
        done = self.host.run(
            ["smtp-source", "-4", "-m", "1", "-s", "1", "-l",
             str(self._size), "-M", "mx.example.net", "-S",
             subject(self.tag, letter.number), "-f", "load@example.net",
             "-t", recipient, self.target], check=False, timeout=120)
        if done.returncode == 0:
            letter.accepted = time.time()
        else:
            letter.refusals.append(shorten(done.stderr))


def subject(tag, number):
    return "%s-%06d-end" % (tag, number)


def shorten(text):
    """A reason without what differs each time."""
    line = (text.strip().splitlines() or ["no reason"])[-1]
    return re.sub(r"^smtp-source: ", "", line)[:160]


class Account:
    """Where the accepted messages are: counts per number."""

    def __init__(self, load, suite, kill_times=()):
        self.load = load
        self.copies = collections.Counter()
        self._last = {}
        pattern = re.compile(
            (r"^Subject: %s-(\d{6})-end" % load.tag).encode(), re.M)
        for address in load.recipients:
            for message in suite.find_mail(address, load.tag):
                match = pattern.search(message.data)
                if match:
                    number = int(match.group(1))
                    self.copies[number] += 1
                    self._last[number] = max(self._last.get(number, 0),
                                             stored_at(message.path))
        self._kills = kill_times

    def lost(self):
        return [l.number for l in self.load.accepted()
                if not self.copies[l.number]]

    def duplicates(self):
        return [n for n, count in self.copies.items() if count > 1]

    def unexcused(self):
        """Duplicates that were not in flight when something was killed."""
        letters = {l.number: l for l in self.load.letters}
        return [n for n in self.duplicates() if not any(
            letters[n].started <= when <= self._last[n]
            for when in self._kills)]

    def __str__(self):
        return "%d accepted, %d lost, %d duplicated, %d refusals" % (
            len(self.load.accepted()), len(self.lost()),
            len(self.duplicates()), sum(self.load.refusals().values()))


def stored_at(path):
    """Time in a maildir file's name: seconds.Mmicroseconds."""
    match = re.match(r"(\d+)\.M(\d+)", path.rpartition("/")[2])
    return int(match.group(1)) + int(match.group(2)) / 1e6 if match else 0.0
