# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail from other hosts: what is taken, what is refused, what is stored."""

import base64

import pytest

from lib.compare import added_headers
from lib.smtp import DATE, Smtp, SmtpError, make_mark, make_message

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# In two halves, so that no scanner takes this file for the test virus.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-"
         r"ANTIVIRUS-TEST-FILE!$H+H*")

AWKWARD_BODY = "\n".join([
    ".", "..", ".leading dot", "From the beginning of a line",
    "trailing blanks   ", "\ttab", "", "", "x" * 900,
    "\u00e4\u00f6\u00fc \u20ac \U0001f4ee", "-- ", "", "last line"])


def attempt(lab, message, recipient, address=None):
    """Sends from the client host to port 25; the final reply."""
    with Smtp(lab.client, address or lab.mx.ipv4, 25) as client:
        client.ehlo()
        return client.send_message("sender@example.net", recipient, message)


def test_mail_from_another_host_is_stored_byte_for_byte(lab, suite, mailbox):
    address = mailbox()
    mark = make_mark()
    message = make_message(mark, "person@example.net", address, AWKWARD_BODY,
                           headers=["X-Folded: one\r\n\ttwo\r\n  three",
                                    "X-Empty:"])
    lab.peer.send("person@example.net", address, message)
    stored = suite.wait_mail(address, mark)
    added = added_headers(message, stored.crlf())
    assert "return-path" in added and "received" in added
    assert stored.header("Return-Path") == "<person@example.net>"
    assert len(suite.find_mail(address, mark)) == 1


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_mail_arrives_over_both_families(lab, suite, mailbox, family):
    address = mailbox()
    mark = make_mark()
    message = make_message(mark, "person@example.net", address)
    attempt(lab, message, address, getattr(lab.mx, family))
    stored = suite.wait_mail(address, mark)
    assert getattr(lab.client, family) in stored.data.decode()


def test_many_recipients_get_one_copy_each(lab, suite, mailbox):
    addresses = [mailbox(), mailbox(), mailbox()]
    mark = make_mark()
    attempt(lab, make_message(mark), addresses)
    for address in addresses:
        suite.wait_mail(address, mark)
        assert len(suite.find_mail(address, mark)) == 1


def test_an_unknown_recipient_is_refused(lab, suite):
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.demand("MAIL FROM:<sender@example.net>", 250)
        code, text = client.command("RCPT TO:<no-such-box@example.org>")
    assert code == 550 and text.startswith("5.1.1")


@pytest.mark.parametrize("recipient", [
    "someone@example.net", "someone%example.net@example.org",
    "@example.org:someone@example.net", "someone@[198.51.100.25]",
    "example.net!someone", '"someone@example.net"@example.org',
    '"someone@example.net"',
])
def test_relaying_is_refused(lab, suite, recipient):
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.demand("MAIL FROM:<sender@example.com>", 250, 550, 553, 554)
        code, text = client.command("RCPT TO:<%s>" % recipient)
    assert 500 <= code <= 599, text


def test_port_25_offers_no_login(lab, suite):
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        assert "AUTH" not in client.ehlo()
        assert "AUTH" not in client.starttls()
        code, _ = client.auth("someone@example.org", "password")
    assert 500 <= code <= 599


def refused_and_not_stored(lab, suite, address, mark, message):
    """The message gets 554, and a later one arrives without it."""
    with pytest.raises(SmtpError) as refusal:
        attempt(lab, message, address)
    assert refusal.value.code == 554, refusal.value.text
    fence = make_mark()
    attempt(lab, make_message(fence), address)
    suite.wait_mail(address, fence)
    assert not suite.find_mail(address, mark)
    assert not any(mark in str(entry) for entry in suite.queue())
    return refusal.value.text


def test_gtube_is_refused(lab, suite, mailbox):
    address = mailbox()
    mark = make_mark()
    refused_and_not_stored(lab, suite, address, mark,
                           make_message(mark, body=GTUBE))


def test_a_virus_is_refused_and_not_stored(lab, suite, mailbox):
    address = mailbox()
    mark = make_mark()
    content = base64.b64encode(EICAR.encode()).decode()
    message = "\r\n".join([
        "From: Sender <sender@example.net>", "To: <%s>" % address,
        "Subject: Your file %s" % mark,
        "Date: " + DATE,
        "Message-ID: <%s@example.net>" % mark, "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="cut"', "", "--cut",
        "Content-Type: text/plain", "", "See the file.", "", "--cut",
        'Content-Type: application/octet-stream; name="file.com"',
        "Content-Transfer-Encoding: base64",
        'Content-Disposition: attachment; filename="file.com"', "",
        content, "--cut--", ""]).encode()
    text = refused_and_not_stored(lab, suite, address, mark, message)
    assert "virus" in text.lower() or "eicar" in text.lower()


def test_an_oversized_announcement_is_refused(lab, suite, mailbox):
    address = mailbox()
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        sizes = client.ehlo()["SIZE"]
        assert int(sizes[0]) > 1024 * 1024
        code, _ = client.command(
            "MAIL FROM:<sender@example.net> SIZE=%d" % (int(sizes[0]) + 1))
        if code == 250:
            code, _ = client.command("RCPT TO:<%s>" % address)
    assert code == 552
