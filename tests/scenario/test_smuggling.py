# SPDX-License-Identifier: GPL-3.0-or-later
"""An end of data other than CR LF . CR LF never begins a second message."""

import socket

import pytest

from lib.smtp import Smtp, make_mark, make_message
from lib.suite import PASSWORD

ENDS = [first + b"." + second for first in (b"\r", b"\n", b"\r\n")
        for second in (b"\r", b"\n", b"\r\n")
        if (first, second) != (b"\r\n", b"\r\n")]
assert len(ENDS) == 8


def smuggle(client, sender, recipient, end, outer, inner):
    """Sends an outer message with an inner one behind a false end.

    Returns the codes of all replies after DATA.
    """
    client.demand("MAIL FROM:<%s>" % sender, 250)
    client.demand("RCPT TO:<%s>" % recipient, 250)
    client.demand("DATA", 354)
    hidden = make_message(inner, "smuggler@example.com", recipient)
    client.socket.sendall(
        make_message(outer, sender, recipient).rstrip(b"\r\n") + end
        + b"MAIL FROM:<smuggler@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\n"
        % recipient.encode() + hidden + b"\r\n.\r\nQUIT\r\n")
    codes = []
    try:
        while not codes or codes[-1] != 221:
            codes.append(client.reply()[0])
    except (ConnectionError, socket.timeout, OSError):
        pass
    return codes


def no_second_message(messages, inner):
    """The inner message stands at most inside the outer one."""
    for message in messages:
        assert inner not in str(message.header("Subject")), message.path
        assert "smuggler@example.com" not in str(
            message.header("Return-Path"))


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_from_another_host(lab, suite, mailbox, end):
    address = mailbox("box")
    outer, inner, fence = make_mark(), make_mark(), make_mark()
    with Smtp(lab.client, lab.mx.ipv4, 25, timeout=20) as client:
        client.ehlo()
        codes = smuggle(client, "sender@example.net", address, end, outer,
                        inner)
    assert codes.count(250) <= 1, codes
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address,
                            make_message(fence))
    suite.wait_mail(address, fence)
    suite.wait_queue_empty()
    no_second_message(suite.find_mail(address, inner), inner)


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_from_a_user_to_another_host(lab, suite, mailbox, end):
    address = mailbox("sender")
    outer, inner, fence = make_mark(), make_mark(), make_mark()
    with Smtp(lab.client, lab.mx.ipv4, 465, implicit_tls=True,
              timeout=20) as client:
        client.ehlo()
        client.login(address, PASSWORD)
        codes = smuggle(client, address, "person@example.net", end, outer,
                        inner)
    assert codes.count(250) <= 1, codes
    with Smtp(lab.client, lab.mx.ipv4, 465, implicit_tls=True) as client:
        client.ehlo()
        client.login(address, PASSWORD)
        client.send_message(address, "person@example.net",
                            make_message(fence, address))
    lab.peer.inbox.wait(fence)
    suite.wait_queue_empty()
    no_second_message(lab.peer.inbox.find(inner), inner)


def test_a_host_without_the_defence_is_fooled(lab):
    """The control: the tests above can see a smuggled message."""
    outer, inner = make_mark(), make_mark()
    with Smtp(lab.client, lab.other.ipv4, 25, timeout=20) as client:
        client.ehlo()
        codes = smuggle(client, "sender@example.com", "person@example.net",
                        b"\n.\r\n", outer, inner)
    assert codes.count(250) > 1
    lab.peer.inbox.wait("Subject: Test " + inner)
    with pytest.raises(AssertionError):
        no_second_message(lab.peer.inbox.find(inner), inner)
