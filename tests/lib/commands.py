# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes by the command line under load, and whether they are there.

What a command answered with success must be there afterwards; of the others
everything or nothing: a row without its audit row, an alias without its
target or a counter that does not count would be half of a change.
"""

import sqlite3
import threading
import time

from .imap import imap_may_login
from .suite import CommandError, PASSWORD


class Change:
    """One command: its object, and whether it said yes."""

    def __init__(self, kind, name):
        self.kind = kind
        self.name = name
        self.answered = None


class Changes:
    """mailbox add, alias add, mailbox passwd in turn, from a thread."""

    def __init__(self, suite, owner, pause=0.05):
        self.suite = suite
        self.owner = owner  # the mailbox whose password changes
        self.domain = owner.partition("@")[2]
        self.done = []
        self.reasons = []
        self._stem = owner.partition("@")[0]
        self._pause = pause
        self._stopping = threading.Event()
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._running = threading.Lock()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._may_begin.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a command does not end"

    def hold(self):
        """No command begins from now on; one may be running."""
        self._may_begin.clear()

    def wait_idle(self):
        with self._running:
            pass

    def go_on(self):
        self._may_begin.set()

    def answered(self):
        return [c for c in list(self.done) if c.answered]

    def _work(self):
        number = 0
        while not self._stopping.is_set():
            number += 1
            # Each changed password ends sessions afterwards: not too many.
            for kind in ("mailbox", "alias", "passwd")[:3 if number % 4 == 1
                                                       else 2]:
                with self._running:
                    if self._may_begin.is_set():
                        self._change(kind, number)
                self._may_begin.wait()
                time.sleep(self._pause)

    def _change(self, kind, number):
        change = Change(kind, {
            "mailbox": "%s-m%d@%s" % (self._stem, number, self.domain),
            "alias": "%s-a%d@%s" % (self._stem, number, self.domain),
            "passwd": "%s %d" % (PASSWORD, number)}[kind])
        self.done.append(change)
        try:
            if kind == "mailbox":
                self.suite.add_mailbox(change.name, quota="1M")
            elif kind == "alias":
                self.suite.add_alias(change.name, self.owner)
            else:
                self.suite.set_password(self.owner, change.name)
            change.answered = time.time()
        except CommandError as error:
            self.reasons.append(str(error))

    # Afterwards

    def password_works(self, client, address):
        """The last password that was answered, or a later attempt."""
        wanted = [PASSWORD]
        for change in (c for c in self.done if c.kind == "passwd"):
            wanted = [change.name] + ([] if change.answered else wanted)
        return any(imap_may_login(client, address, self.owner, password)
                   for password in wanted)

    def faults(self):
        """What is missing or half there: a list of texts, best empty."""
        with open_read_only(core_path(self.suite)) as core:
            found = [fault for change in self.done if change.kind != "passwd"
                     for fault in _faults_of(core, change)]
            return found + _wrong_counters(core)


def core_path(suite):
    return suite.root + "/var/lib/mailherd/db/core/core.db"


def open_read_only(path):
    return sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=20)


def _faults_of(core, change):
    row = core.execute("SELECT id FROM %s WHERE address = ?" % change.kind,
                       (change.name,)).fetchone()
    audit = core.execute(
        "SELECT count(*) FROM audit WHERE action = 'add' AND type = ? "
        "AND object = ?", (change.kind, change.name)).fetchone()[0]
    if change.answered and not row:
        yield "%s %s is lost" % (change.kind, change.name)
    if bool(row) != bool(audit):
        yield "%s %s: row %s, audit %s" % (change.kind, change.name, row,
                                           audit)
    if row and change.kind == "alias" and not core.execute(
            "SELECT 1 FROM alias_target WHERE alias_id = ?", row).fetchone():
        yield "alias %s has no target" % change.name


def _wrong_counters(core):
    rows = core.execute(
        "SELECT name, mailboxes, aliases, quota_used,"
        " (SELECT count(*) FROM mailbox WHERE domain_id = domain.id),"
        " (SELECT count(*) FROM alias WHERE domain_id = domain.id),"
        " (SELECT total(quota) FROM mailbox WHERE domain_id = domain.id)"
        " FROM domain").fetchall()
    return ["counters of %s: %s" % (row[0], row[1:]) for row in rows
            if row[1:4] != (row[4], row[5], int(row[6]))]
