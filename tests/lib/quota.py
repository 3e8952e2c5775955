# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills mailboxes; what usage.db and warnings say of them then."""

import contextlib
import email
import email.policy
import os
import signal
import sqlite3

from .imap import append, imap_login
from .smtp import make_mark, make_message
from .wait import wait_for

MIB = 1024 * 1024
LINE = b"y" * 76 + b"\r\n"


def usage_path(suite):
    return os.path.join(suite.root, "var/lib/mailherd/db/usage/usage.db")


def filler(size):
    """A message of about that many bytes."""
    return make_message(make_mark()) + LINE * (size // len(LINE))


def fill(lab, address, size, folder="INBOX"):
    """(status, text) of putting so many bytes into a mailbox."""
    session = imap_login(lab.client, lab.mx.ipv4, address)
    answer = append(session, filler(size), folder)
    session.logout()
    return answer


def fetch_all(lab, address, folder="INBOX"):
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select(folder, readonly=True)
    _, data = session.fetch("1:*", "(BODY.PEEK[])")
    session.logout()
    return [email.message_from_bytes(part[1], policy=email.policy.default)
            for part in data if isinstance(part, tuple)]


def is_warning(message):
    return message["Message-ID"].startswith("<quota.")


def warnings(lab, address):
    return [m for m in fetch_all(lab, address) if is_warning(m)]


def wait_warnings(lab, address, count, deadline=15):
    return wait_for(lambda: [w for w in [warnings(lab, address)]
                             if len(w) == count],
                    deadline, "%d warnings of %s" % (count, address),
                    every=0.2)[0]


def pending(suite, address):
    """Parts of warnings that wait, 0 when none does."""
    identity = suite.mailherd("mailbox", "show", address, json=True)["id"]
    path = "file:%s?mode=ro" % usage_path(suite)
    with contextlib.closing(sqlite3.connect(path, uri=True)) as database:
        row = database.execute("SELECT parts FROM quota_warning WHERE "
                               "mailbox_id = ?", (identity,)).fetchone()
    return row[0] if row else 0


def used(suite, address):
    return suite.mailherd("mailbox", "show", address,
                          json=True)["usage"]["bytes"]


@contextlib.contextmanager
def undelivered(lab, suite, address):
    """A warning that waits, because Dovecot starts nothing new now."""
    session = imap_login(lab.client, lab.mx.ipv4, address)
    pid = suite.pid("dovecot")
    os.kill(pid, signal.SIGSTOP)
    try:
        append(session, filler(int(0.85 * MIB)))
        session.logout()
        wait_for(lambda: pending(suite, address) == 3, 5, "it waits")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def quota_in_imap(lab, address):
    """KiB of use, as Dovecot itself counts them."""
    session = imap_login(lab.client, lab.mx.ipv4, address)
    _, answer = session.getquota('"User quota"')
    session.logout()
    return int(answer[0].decode().split("(")[1].split()[1])


def spoil(suite, address):
    """A number that is wrong, as a crash could leave it."""
    identity = suite.mailherd("mailbox", "show", address, json=True)["id"]
    with contextlib.closing(sqlite3.connect(
            usage_path(suite), timeout=10)) as database, database:
        database.execute("UPDATE quota SET bytes = 5, messages = 77 WHERE "
                         "mailbox_id = ?", (identity,))
