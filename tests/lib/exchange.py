# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail of a whole machine under test, as seen from the test internet.

`host` is the machine's place there (lib/net.py).
"""

import re

from .imap import imap_login
from .smtp import make_mark, make_message, submit
from .suite import PASSWORD
from .wait import wait_for

OUTSIDER = "writer@example.net"


def subjects(lab, host, address):
    """Subject lines of the mailbox, sorted: what is lost or doubled shows."""
    session = imap_login(lab.client, host.ipv4, address, PASSWORD)
    try:
        session.select("INBOX", readonly=True)
        numbers = session.search(None, "ALL")[1][0].split()
        if not numbers:
            return []
        answer = session.fetch(b",".join(numbers),
                               "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        text = b"".join(part[1] for part in answer if isinstance(part, tuple))
        return sorted(re.findall(r"Subject: (.*)\r", text.decode()))
    finally:
        session.logout()


def expect_mail(lab, host, address, mark, deadline=40):
    wait_for(lambda: [s for s in subjects(lab, host, address) if mark in s],
             deadline, "mail with " + mark, every=0.5)


def expect_exchange(lab, host, address):
    """A message comes in and an answer goes out, by themselves."""
    mark, answer = make_mark(), make_mark()
    lab.peer.send(OUTSIDER, [address], make_message(
        mark, sender=OUTSIDER, recipient=address))
    submit(lab.client, host.ipv4, address, PASSWORD, [OUTSIDER],
           make_message(answer, sender=address, recipient=OUTSIDER))
    expect_mail(lab, host, address, mark)
    wait_for(lambda: lab.peer.inbox.find(answer), 30, "answer at the peer")
