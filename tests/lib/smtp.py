# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP client that shows every reply and can break every rule.

smtplib corrects line ends and hides replies; the tests need neither.
"""

import base64
import email.utils
import re
import secrets
import socket
import ssl

from .net import unchecked_tls

# Old dates count as spam; one for all, so that a message made twice is one.
DATE = email.utils.formatdate()


class SmtpError(AssertionError):
    """A reply other than the one that was asked for."""

    def __init__(self, command, code, text):
        super().__init__("%s: %d %s" % (command, code, text))
        self.code = code
        self.text = text


class Smtp:
    """One connection from a host of the lab."""

    def __init__(self, host, address, port, implicit_tls=False, timeout=60,
                 source=None):
        self.extensions = {}
        self._buffer = b""
        self.socket = host.connect(address, port, timeout, source)
        if implicit_tls:
            self.socket = unchecked_tls().wrap_socket(self.socket)
        self.greeting = self.expect("connect", 220)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.socket.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self.socket.close()

    def line(self):
        while b"\r\n" not in self._buffer:
            part = self.socket.recv(4096)
            if not part:
                raise ConnectionError("closed by the server")
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    def reply(self):
        """(code, text) of the next reply, lines joined."""
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(lines)

    def expect(self, command, *codes):
        code, text = self.reply()
        if code not in codes:
            raise SmtpError(command, code, text)
        return text

    def command(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def demand(self, text, *codes):
        code, answer = self.command(text)
        if code not in codes:
            raise SmtpError(text, code, answer)
        return answer

    def ehlo(self, name="client.example.com"):
        answer = self.demand("EHLO " + name, 250)
        self.extensions = {}
        for line in answer.split("\n")[1:]:
            words = line.split(" ")
            self.extensions[words[0].upper()] = words[1:]
        return self.extensions

    def starttls(self, context=None):
        self.demand("STARTTLS", 220)
        self.socket = (context or unchecked_tls()).wrap_socket(self.socket)
        self._buffer = b""
        return self.ehlo()

    def auth(self, user, password):
        """(code, text) of AUTH PLAIN."""
        token = base64.b64encode(
            ("\0%s\0%s" % (user, password)).encode()).decode()
        return self.command("AUTH PLAIN " + token)

    def login(self, user, password):
        code, text = self.auth(user, password)
        if code != 235:
            raise SmtpError("AUTH", code, text)

    def send_message(self, sender, recipients, message):
        """Sends bytes with CRLF line ends; returns the final reply's text.

        Raises SmtpError at the first reply that is not positive.
        """
        self.demand("MAIL FROM:<%s>" % sender, 250)
        for recipient in ([recipients] if isinstance(recipients, str)
                          else recipients):
            self.demand("RCPT TO:<%s>" % recipient, 250)
        self.demand("DATA", 354)
        self.socket.sendall(stuff(message) + b".\r\n")
        return self.expect("message", 250)


def stuff(message):
    """Doubles leading dots and ends the last line."""
    message = re.sub(rb"(?m)^\.", b"..", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def make_mark():
    """A word that occurs in no other message."""
    return "mark" + secrets.token_hex(8)


def make_message(mark, sender="sender@example.net",
                 recipient="someone@example.org", body="", headers=()):
    """A plain, well-formed message (bytes, CRLF) that contains mark.

    Whole as a mail program's, so that Rspamd leaves it in the INBOX: what
    is sent to port 25 and expected there is made here.
    """
    lines = ["From: Sender <%s>" % sender, "To: <%s>" % recipient,
             "Subject: Test %s" % mark,
             "Date: " + DATE,
             "Message-ID: <%s@%s>" % (mark, sender.split("@")[1]),
             "MIME-Version: 1.0",
             "Content-Type: text/plain; charset=utf-8",
             "Content-Transfer-Encoding: 8bit"]
    lines += list(headers)
    lines += ["", "Hello, this is %s." % mark]
    lines += body.splitlines()
    return ("\r\n".join(lines) + "\r\n").encode()


def submit(host, address, user, password, recipients, message, port=587,
           sender=None):
    """Sends a message as a person's mail program does."""
    with Smtp(host, address, port, implicit_tls=port == 465) as client:
        client.ehlo()
        if port != 465:
            client.starttls()
        client.login(user, password)
        return client.send_message(sender or user, recipients, message)


def tls_refused(host, address, port, version, greet=None, timeout=10):
    """True when the handshake with exactly this TLS version fails."""
    context = unchecked_tls()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version
    context.maximum_version = version
    raw = host.connect(address, port, timeout)
    try:
        if greet:
            greet(raw)
        context.wrap_socket(raw).close()
        return False
    except (ssl.SSLError, ConnectionError, socket.timeout):
        return True
    finally:
        raw.close()
