# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking into a maildir: whole messages, found by what is in them."""

import email
import email.policy
import os
import re

from . import at_rest
from .wait import wait_for


class Message:
    """One stored message: its clear bytes, file and parsed form."""

    def __init__(self, path):
        self.path = path
        self.data = at_rest.clear(path)

    @property
    def parsed(self):
        return email.message_from_bytes(self.data,
                                        policy=email.policy.default)

    def header(self, name):
        return self.parsed[name]

    def crlf(self):
        """The bytes as they were on the wire."""
        return re.sub(b"\r?\n", b"\r\n", self.data)


class Maildir:
    """A maildir and its folders (`.Junk` and so on)."""

    def __init__(self, path):
        self.path = path

    def folder(self, name):
        return Maildir(os.path.join(self.path, "." + name))

    def files(self):
        found = []
        for part in ("new", "cur"):
            directory = os.path.join(self.path, part)
            try:
                found += [os.path.join(directory, f)
                          for f in os.listdir(directory)
                          if not f.startswith(".")]
            except FileNotFoundError:
                continue
        return sorted(found)

    def messages(self):
        found = []
        for path in self.files():
            try:
                found.append(Message(path))
            except FileNotFoundError:  # moved to cur/ meanwhile
                continue
        return found

    def find(self, mark):
        """Messages that contain the bytes or text mark."""
        if isinstance(mark, str):
            mark = mark.encode()
        return [m for m in self.messages() if mark in m.data]

    def wait(self, mark, deadline=25.0, count=1):
        """Waits until count messages contain mark; returns the first."""
        def present():
            found = self.find(mark)
            return found if len(found) >= count else None
        return wait_for(present, deadline,
                        "%r in %s" % (mark, self.path))[0]


def locate(home):
    """The maildir in a mailbox's home."""
    for name in ("", "mail", "Maildir", "maildir"):
        path = os.path.join(home, name)
        if os.path.isdir(os.path.join(path, "cur")):
            return Maildir(path)
    for parent, names, _ in os.walk(home):
        if "cur" in names and "new" in names:
            return Maildir(parent)
    return Maildir(os.path.join(home, "mail"))
