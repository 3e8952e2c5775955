# SPDX-License-Identifier: GPL-3.0-or-later
"""Load of every kind, and what must be true when a failure is over.

Looks at every mailbox, every database, the queue, the numbers of the quota
and the keys in Redis; a look that can end well only later waits for it.
"""

import glob
import os

from .commands import Changes, core_path, open_read_only
from .load import Account, Appends, Load, Submissions
from .matrix import add
from .wait import wait_for


class Work:
    """Mail by 25, 587 and IMAP, and changes by the command line."""

    def __init__(self, lab, suite, mailbox, workers=2):
        client, address = lab.client, lab.mx.ipv4
        self.client = client
        self.suite = suite
        self.boxes = [mailbox("a"), mailbox("b")]
        sender, owner, changing = mailbox("s"), mailbox("i"), mailbox("c")
        # Changes add some hundred a minute.
        suite.mailherd("domain", "edit", changing.partition("@")[2],
                       "--max-mailboxes", "100000", "--max-aliases", "100000")
        self.streams = [
            Load(client, address, self.boxes, workers),
            Submissions(client, address, sender, self.boxes),
            Appends(client, address, owner)]
        self.changes = Changes(suite, changing)

    def __enter__(self):
        for part in self.streams + [self.changes]:
            part.start()
        return self

    def __exit__(self, kind, *_):
        for part in self.streams + [self.changes]:
            try:
                part.stop()
            except AssertionError:
                if kind is None:
                    raise

    def counts(self):
        return [len(s.accepted()) for s in self.streams] + [
            len(self.changes.answered())]

    def advance(self, steps=5, deadline=60):
        """Waits until each kind of work went so many steps further."""
        goal = [count + steps for count in self.counts()]
        wait_for(lambda: all(now >= then for now, then in
                             zip(self.counts(), goal)), deadline,
                 "work of each kind (%s now, from %s)" % (self.counts(),
                                                          goal))

    def mailboxes(self):
        return self.boxes + self.streams[2].recipients


class Aftermath:
    """What is true afterwards; judge() raises at the first untruth."""

    def __init__(self, work, crashes):
        self.work = work
        self.suite = work.suite
        self.crashes = crashes
        self.suite.wait_queue_empty(90)
        times = [at for crash in crashes
                 for at in (crash.at, crash.until) if at]
        self.accounts = [Account(s, self.suite, times) for s in work.streams]
        print()
        for account in self.accounts:
            print("%-12s %s" % (type(account.load).__name__, account))
            for reason, count in account.load.refusals().most_common(8):
                print("%5d x %s" % (count, reason))
        print("%-12s %d answered, %d not" % (
            "Changes", len(work.changes.answered()),
            len(work.changes.done) - len(work.changes.answered())))

    def rows(self):
        """One row of the crash matrix for each crash."""
        found = []
        for crash, following in zip(self.crashes, self.crashes[1:] + [None]):
            until = following.at if following else float("inf")
            first, *others = [a.row(crash, until) for a in self.accounts]
            for other in others:
                first = add(first, other)
            found.append(first)
        return found

    def judge(self, flags=True, numbers=True):
        for account in self.accounts:
            assert not account.lost(), "lost: %s" % account.lost()
            assert not account.unexcused(), account.unexcused()
            refused = account.load.permanent_refusals()
            assert not refused, refused
            if flags:
                assert not account.unflagged(), account.unflagged()
        faults = self.work.changes.faults()
        assert not faults, faults
        assert self.work.changes.password_works(
            self.work.client, self.suite.host.ipv4), "a password is lost"
        check_databases(self.suite)
        check_queue_directories(self.suite)
        for address in self.work.mailboxes() if numbers else ():
            wait_for(lambda box=address: quota_numbers(self.suite, box) ==
                     stored_numbers(self.suite, box), 30,
                     "quota of %s: %s" % (address, stored_numbers(
                         self.suite, address)))
        wait_for(lambda: keys_in_redis(self.suite) ==
                 keys_in_core(self.suite), 10, "keys in Redis")
        wait_for(lambda: not pending_effects(self.suite), 60, "empty outbox")


def pending_effects(suite):
    with open_read_only(core_path(suite)) as core:
        return core.execute("SELECT count(*) FROM outbox").fetchone()[0]


def check_databases(suite):
    paths = glob.glob(suite.root + "/var/lib/mailherd/db/*/*.db")
    assert paths
    for path in paths:
        with open_read_only(path) as database:
            rows = database.execute("PRAGMA integrity_check").fetchall()
            assert rows == [("ok",)], (path, rows)
            rows = database.execute("PRAGMA foreign_key_check").fetchall()
            assert not rows, (path, rows)


def check_queue_directories(suite):
    """Nothing lies where no queue run would look for it.

    A file that nobody may execute is a message that was not yet taken:
    postsuper drops it some day.
    """
    spool = suite.root + "/var/lib/mailherd/engines/postfix/spool/"
    left = [path for name in ("maildrop", "incoming", "corrupt", "hold")
            for path in glob.glob(spool + name + "/**/*", recursive=True)
            if os.path.isfile(path) and os.stat(path).st_mode & 0o100]
    assert not left, left


def stored_numbers(suite, address):
    """(bytes, messages) that lie in a mailbox, as Dovecot counts them."""
    messages = suite.find_mail(address, b"")
    return sum(len(m.crlf()) for m in messages), len(messages)


def quota_numbers(suite, address):
    """(bytes, messages) that the administrator is shown."""
    usage = os.path.join(suite.root, "var/lib/mailherd/db/usage/usage.db")
    with open_read_only(core_path(suite)) as core:
        number = core.execute("SELECT id FROM mailbox WHERE address = ?",
                              (address,)).fetchone()
    with open_read_only(usage) as database:
        return database.execute("SELECT bytes, messages FROM quota "
                                "WHERE mailbox_id = ?", number).fetchone()


def keys_in_core(suite):
    with open_read_only(core_path(suite)) as core:
        return {selector + "." + domain for domain, selector in
                core.execute("SELECT domain, selector FROM dkim_key")}


def keys_in_redis(suite):
    listed = suite.exec("redis-cli", "HKEYS", "DKIM_PRIV_KEYS").stdout
    return set(listed.split())
