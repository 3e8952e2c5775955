# SPDX-License-Identifier: GPL-3.0-or-later
"""Load by SMTP and IMAP, with an account of what became of each message.

Each message's subject carries a number, and each has an answer of its own
(250, OK). What was refused is tried again, as a mail host would, so a
message is lost only by a fault.
"""

import collections
import imaplib
import re
import secrets
import threading
import time

from .imap import append, imap_login
from .matrix import Row
from .smtp import make_message, submit
from .suite import PASSWORD

RETRY_SECONDS = 0.25


class Letter:
    """What is known of one message."""

    def __init__(self, number):
        self.number = number
        self.started = time.time()
        self.accepted = None  # time of the 250
        self.flagged = None  # time of the OK to STORE
        self.refusals = []


class Stream:
    """Sends numbered messages until stop(); how is the subclass's matter."""

    def __init__(self, recipients, workers, pause):
        self.recipients = recipients
        self.tag = "load" + secrets.token_hex(3)
        self.letters = []
        self._pause = pause
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

    def send(self, letter):
        """One attempt; raises what the other side said instead of yes."""
        raise NotImplementedError

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
                self._try(letter)
                if self._stopping.is_set() and not letter.accepted:
                    give_up = give_up or time.monotonic() + 60
                    if time.monotonic() > give_up:
                        return
                time.sleep(self._pause if letter.accepted
                           else RETRY_SECONDS)

    def _try(self, letter):
        try:
            self.send(letter)
        except (OSError, AssertionError, imaplib.IMAP4.error) as error:
            letter.refusals.append(shorten(str(error) or repr(error)))


class Load(Stream):
    """Port 25, as another mail host: one smtp-source a message."""

    def __init__(self, host, address, recipients, workers=4, pause=0.05,
                 size=2000):
        super().__init__(recipients, workers, pause)
        self.host = host
        self.target = "%s:25" % address
        self._size = size

    def send(self, letter):
        recipient = self.recipients[letter.number % len(self.recipients)]
        done = self.host.run(
            ["smtp-source", "-4", "-m", "1", "-s", "1", "-l",
             str(self._size), "-M", "mx.example.net", "-S",
             subject(self.tag, letter.number), "-f", "load@example.net",
             "-t", recipient, self.target], check=False, timeout=120)
        if done.returncode != 0:
            raise ConnectionError(done.stderr)
        letter.accepted = time.time()


class Submissions(Stream):
    """Port 587, as a person: TLS and a login for each message."""

    def __init__(self, host, address, user, recipients, workers=1,
                 pause=0.1):
        super().__init__(recipients, workers, pause)
        self._arguments = (host, address, user, PASSWORD)

    def send(self, letter):
        recipient = self.recipients[letter.number % len(self.recipients)]
        submit(*self._arguments, recipient,
               make_message(subject(self.tag, letter.number),
                            self._arguments[2], recipient))
        letter.accepted = time.time()


class Appends(Stream):
    """IMAP: APPEND to a mailbox, then STORE of a flag, one session."""

    def __init__(self, host, address, user, pause=0.1):
        super().__init__([user], 1, pause)
        self._arguments = (host, address, user)
        self._session = None

    def send(self, letter):
        try:
            self._append(letter)
        except (OSError, imaplib.IMAP4.error):
            if self._session:
                self._session.shutdown()
            self._session = None
            raise

    def stop(self):
        super().stop()
        if self._session:
            self._session.logout()

    def _append(self, letter):
        if not self._session:
            self._session = imap_login(*self._arguments)
            self._session.select()
        status, answer = append(
            self._session, make_message(subject(self.tag, letter.number)))
        if status != "OK":
            raise ConnectionError("APPEND: %s %s" % (status, answer))
        letter.accepted = time.time()
        uid = re.search(r"APPENDUID \d+ (\d+)", answer).group(1)
        status, _ = self._session.uid("STORE", uid, "+FLAGS", r"(\Flagged)")
        if status == "OK":
            letter.flagged = time.time()


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
        self._flagged = set()
        pattern = re.compile((r"^Subject: (?:Test )?%s-(\d{6})-end"
                              % load.tag).encode(), re.M)
        for address in load.recipients:
            for message in suite.find_mail(address, load.tag):
                match = pattern.search(message.data)
                if match:
                    self._note(int(match.group(1)), message.path)
        self._kills = kill_times

    def _note(self, number, path):
        self.copies[number] += 1
        self._last[number] = max(self._last.get(number, 0), stored_at(path))
        if "F" in path.rpartition(":2,")[2]:
            self._flagged.add(number)

    def lost(self):
        return [l.number for l in self.load.accepted()
                if not self.copies[l.number]]

    def unflagged(self):
        """Messages whose flag was stored with OK and is not there."""
        return [l.number for l in self.load.accepted()
                if l.flagged and l.number not in self._flagged]

    def duplicates(self):
        return [n for n, count in self.copies.items() if count > 1]

    def unexcused(self):
        """Duplicates that were not in flight when something was killed."""
        letters = {l.number: l for l in self.load.letters}
        return [n for n in self.duplicates() if not any(
            letters[n].started <= when <= self._last[n]
            for when in self._kills)]

    def row(self, crash, until=float("inf")):
        """What the crash did to the mail that it and the time until the
        next one could have met."""
        met = {l.number for l in self.load.accepted() if l.started < until
               and self._last.get(l.number, float("inf")) >= crash.at}
        return Row(crash.name, len(met), len(met.intersection(self.lost())),
                   len(met.intersection(self.duplicates())), crash.seconds)

    def __str__(self):
        return "%d accepted, %d lost, %d duplicated, %d refusals" % (
            len(self.load.accepted()), len(self.lost()),
            len(self.duplicates()), sum(self.load.refusals().values()))


def stored_at(path):
    """Time in a maildir file's name: seconds.Mmicroseconds."""
    match = re.match(r"(\d+)\.M(\d+)", path.rpartition("/")[2])
    return int(match.group(1)) + int(match.group(2)) / 1e6 if match else 0.0
