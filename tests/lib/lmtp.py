# SPDX-License-Identifier: GPL-3.0-or-later
"""LMTP to the suite's own socket, step by step, as Postfix would."""

import os
import socket

TIMEOUT = 30


class Lmtp:
    """One session; replies are (code, text)."""

    def __init__(self, suite):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(os.path.join(suite.sockets, "postfix/lmtp"))
        self._file = self._socket.makefile("rb")
        self.reply()
        self.command("LHLO mail")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def reply(self):
        text = ""
        while True:
            line = self._file.readline().decode()
            if not line:
                raise ConnectionError("LMTP ended")
            text += line
            if line[3:4] != "-":
                return int(line[:3]), text

    def command(self, line):
        self._socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def recipient(self, address, sender="sender@example.net"):
        self.command("RSET")
        self.command("MAIL FROM:<%s>" % sender)
        return self.command("RCPT TO:<%s>" % address)

    def data(self, message):
        assert self.command("DATA")[0] == 354
        self._socket.sendall(message.replace(b"\r\n.", b"\r\n..") +
                             b"\r\n.\r\n")
        return self.reply()

    def deliver(self, address, message):
        """The code of the first step that says no, else that of DATA."""
        code, text = self.recipient(address)
        return (code, text) if code != 250 else self.data(message)
