# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the machine below an instance, and the book of its mail."""

import contextlib
import os
import shutil
import sqlite3
import subprocess

from . import imap, smtp
from .suite import PASSWORD
from .wait import wait_for

# Places of an instance, by the name of their fact disk.NAME; nobody is told
# of the index.
PLACES = {"queue": "var/lib/mailherd/engines/postfix/spool",
          "mail": "var/lib/mailherd/vmail",
          "index": "var/lib/mailherd/index",
          "database": "var/lib/mailherd/db",
          "log": "var/log/mailherd"}
SENDER = "sender@example.net"


class FileSystem:
    """A file system of its own (tmpfs) at one place of an instance."""

    SIZE = 2 << 30

    def __init__(self, root, place):
        self.place = place
        self.path = os.path.join(root, PLACES[place])
        os.makedirs(self.path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o",
                        "size=%d,mode=755" % self.SIZE, "mailherd-" + place,
                        self.path], check=True)

    def free(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def _resize(self, size, names):
        subprocess.run(["mount", "-o", "remount,size=%d,nr_inodes=%d" % (
            size, names), self.path], check=True)

    @contextlib.contextmanager
    def full(self, names=False):
        """Nothing is free: as large as what is in it. names: no new file,
        directory or link either, which take no room of a tmpfs."""
        status = os.statvfs(self.path)
        self._resize((status.f_blocks - status.f_bfree) * status.f_frsize,
                     status.f_files - names * status.f_ffree)
        try:
            yield self
        finally:
            self._resize(self.SIZE, status.f_files)

    def close(self):
        subprocess.run(["umount", "--lazy", self.path], check=False)


class Ledger:
    """Sends mail and remembers what was promised; `judge` looks for it.

    A temporary refusal is fine, a permanent one and a lost message never.
    """

    def __init__(self, lab):
        self.lab = lab
        self.accepted = []
        self.permanent = []

    def send(self, recipient, user=None):
        """Code of the last reply; user submits on port 587, else 25."""
        mark = smtp.make_mark()
        sender = user or SENDER
        message = smtp.make_message(mark, sender, recipient)
        port = 587 if user else 25
        try:
            with smtp.Smtp(self.lab.client, self.lab.mx.ipv4, port,
                           timeout=100) as client:
                client.ehlo()
                if user:
                    client.starttls()
                    client.login(user, PASSWORD)
                client.send_message(sender, recipient, message)
        except smtp.SmtpError as refusal:
            if refusal.code >= 500:
                self.permanent.append(str(refusal))
            return refusal.code
        except OSError:
            return 0
        self.accepted.append((recipient, mark))
        return 250

    def judge(self, suite, deadline=60):
        """Everything that was accepted is there, once; nothing bounced."""
        suite.wait_queue_empty(deadline)
        assert not self.permanent, self.permanent
        for recipient, mark in self.accepted:
            if recipient.endswith("@" + suite.domain):
                suite.wait_mail(recipient, mark)
                copies = suite.find_mail(recipient, mark)
                assert len(copies) == 1, (mark, copies)


def may_log_in(lab, user):
    """"in", "unavailable" (a temporary failure) or "refused"."""
    try:
        session = imap.imap_login(lab.client, lab.mx.ipv4, user)
    except OSError:
        return "unavailable"
    except imap.imaplib.IMAP4.error as refusal:
        return ("unavailable" if "UNAVAILABLE" in str(refusal)
                else "refused: %s" % refusal)
    try:
        session.select("INBOX")
    finally:
        with contextlib.suppress(OSError, imap.imaplib.IMAP4.error):
            session.logout()
    return "in"


def fact(suite, name):
    """One line of status's health, or None before it is known."""
    return next((f for f in suite.status()["health"] if f["name"] == name),
                None)


def wait_fact(suite, name, good, deadline=20):
    """Waits until a fact is (not) ok; its text."""
    def is_so():
        found = fact(suite, name)
        return found["text"] if found and found["ok"] == good else None
    return wait_for(is_so, deadline, "%s %sok" % (
        name, "" if good else "not "), every=0.2)


class Database:
    """A database file of an instance: ways to break it, and a backup."""

    def __init__(self, suite, name):
        self.path = os.path.join(suite.root, "var/lib/mailherd/db", name,
                                 name + ".db")
        self._backup = self.path + "-backup"
        self._status = None

    def back_up(self):
        """A copy as `VACUUM INTO` makes it: one file, without a log."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._backup)
        connection = sqlite3.connect(self.path)
        connection.execute("VACUUM INTO ?", (self._backup,))
        connection.close()
        self._status = os.stat(self.path)

    def restore(self):
        """Puts the backup in its place; -wal and -shm stay as they are."""
        shutil.copyfile(self._backup, self.path + "-new")
        self._take_after(self.path + "-new")
        os.rename(self.path + "-new", self.path)

    def _take_after(self, other):
        os.chown(other, self._status.st_uid, self._status.st_gid)
        os.chmod(other, self._status.st_mode & 0o777)

    def overwrite(self):
        """Zeros, in place."""
        with open(self.path, "r+b") as file:
            file.write(bytes(os.path.getsize(self.path)))

    def replace(self):
        """Another file, of zeros."""
        with open(self.path + "-new", "wb") as file:
            file.write(bytes(os.path.getsize(self.path)))
        self._take_after(self.path + "-new")
        os.rename(self.path + "-new", self.path)

    def truncate(self):
        os.truncate(self.path, 0)

    def halve(self):
        os.truncate(self.path, os.path.getsize(self.path) // 8192 * 4096)

    def cut_log(self):
        os.truncate(self.path + "-wal", 0)

    def remove(self):
        os.unlink(self.path)

    def forbid(self):
        os.chmod(self.path, 0)

    def allow(self):
        os.chmod(self.path, 0o664)

    @contextlib.contextmanager
    def locked(self):
        """A foreign program's BEGIN EXCLUSIVE."""
        connection = sqlite3.connect(self.path, isolation_level=None,
                                     timeout=10)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.close()
