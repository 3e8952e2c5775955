# SPDX-License-Identifier: GPL-3.0-or-later
"""IMAP and POP3 from a host of the lab, with Python's own clients."""

import contextlib
import imaplib
import poplib

from .net import unchecked_tls
from .suite import PASSWORD

TIMEOUT = 20


class Imap(imaplib.IMAP4):
    """IMAP over TLS (993), or STARTTLS on 143 with implicit_tls=False."""

    def __init__(self, host, address, port=993, implicit_tls=True,
                 timeout=TIMEOUT, source=None):
        self._lab_host = host
        self._source = source
        self._implicit_tls = implicit_tls
        super().__init__(address, port, timeout)
        if not implicit_tls:
            self.starttls(unchecked_tls())

    def _create_socket(self, timeout):
        connect = (self._lab_host.connect_tls if self._implicit_tls
                   else self._lab_host.connect)
        return connect(self.host, self.port, timeout, source=self._source)


class Pop3(poplib.POP3):
    """POP3 over TLS (995)."""

    def __init__(self, host, address, port=995, timeout=TIMEOUT,
                 source=None):
        self._lab_host = host
        self._source = source
        super().__init__(address, port, timeout)

    def _create_socket(self, timeout):
        return self._lab_host.connect_tls(self.host, self.port, timeout,
                                          source=self._source)


def imap_login(host, address, user, password=PASSWORD, source=None):
    """A session that is logged in; raises imaplib.IMAP4.error when not."""
    session = Imap(host, address, source=source)
    try:
        session.login(user, '"%s"' % password if "\\" in password
                      else password)
    except BaseException:
        session.shutdown()
        raise
    return session


@contextlib.contextmanager
def imap_sessions(client, server):
    """login(user) opens sessions, which are closed at the end."""
    opened = []

    def login(user):
        opened.append(imap_login(client, server, user))
        return opened[-1]
    yield login
    for one in opened:
        one.shutdown()


def imap_may_login(host, address, user, password=PASSWORD, source=None):
    """Whether IMAP lets the user in; other failures are raised."""
    try:
        imap_login(host, address, user, password, source).logout()
        return True
    except imaplib.IMAP4.error as error:
        if "AUTHENTICATIONFAILED" in str(error):
            return False
        raise


def pop3_may_login(host, address, user, password=PASSWORD, source=None):
    session = Pop3(host, address, source=source)
    try:
        session.user(user)
        session.pass_(password)
        return True
    except poplib.error_proto as error:
        if "AUTH" in str(error):
            return False
        raise
    finally:
        session.close()


def append(session, message, folder="INBOX"):
    """(status, text) of APPEND."""
    status, data = session.append(folder, None, None, message)
    return status, b" ".join(d for d in data if d).decode()
