# SPDX-License-Identifier: GPL-3.0-or-later
"""IMAP's IDLE, which Python's own client does not know."""

import select
import time

from .imap import imap_login


class Waiting:
    """A session that is logged in, has a folder selected and waits there."""

    def __init__(self, host, address, user, before=(), folder="INBOX",
                 **options):
        self.session = imap_login(host, address, user, **options)
        for words in before:
            status, data = self.session.xatom(*words)
            assert status == "OK", (words, data)
        status, data = self.session.select(folder)
        assert status == "OK", data
        self.idle()

    def idle(self):
        self.session.send(b"IDLING IDLE\r\n")
        line = self.session.readline()
        assert line.startswith(b"+"), line

    def done(self):
        """Ends IDLE; the lines that came before its end."""
        self.session.send(b"DONE\r\n")
        lines = []
        while True:
            line = self.session.readline()
            assert line, lines
            if line.startswith(b"IDLING "):
                assert line.startswith(b"IDLING OK"), line
                return lines
            lines.append(line)

    def line(self, deadline):
        """The next line, b"" when the server has closed; None: none came."""
        connection = self.session.sock
        pending = getattr(connection, "pending", lambda: 0)()
        if not pending and not select.select([connection], [], [],
                                             deadline)[0]:
            return None
        try:
            return self.session.readline()
        except (OSError, self.session.abort):
            return b""

    def wait_line(self, text, deadline):
        """Waits for a line that has text in it; returns seconds it took."""
        started = time.monotonic()
        seen = []
        while True:
            left = started + deadline - time.monotonic()
            line = self.line(left) if left > 0 else None
            assert line, "no %r within %g s, but %r" % (text, deadline, seen)
            seen.append(line)
            if text in line:
                return time.monotonic() - started

    def is_over(self):
        """True when the server has ended the session."""
        while (line := self.line(0)) is not None:
            if line == b"" or line.startswith(b"* BYE"):
                return True
        return False

    def close(self):
        self.session.shutdown()
