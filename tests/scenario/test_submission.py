# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail from users to the world: 587, 465, sendmail on the host, DKIM."""

import dkim
import pytest

from lib.compare import added_headers
from lib.smtp import Smtp, SmtpError, make_mark, make_message, submit
from lib.suite import PASSWORD


def dns_text(lab):
    """A dnsfunc for dkim.verify that asks the lab's DNS."""
    def look_up(name, timeout=5):
        if isinstance(name, bytes):
            name = name.decode("ascii")
        answer = lab.dns.query(name, "TXT")
        strings = answer.split('"')[1::2]
        return "".join(strings).encode() or None
    return look_up


@pytest.mark.parametrize("port", [587, 465])
def test_mail_arrives_signed(lab, suite, mailbox, port):
    address = mailbox()
    mark = make_mark()
    message = make_message(mark, address, "person@example.net",
                           "\u00e4 line\n.dot\ntrailing  ")
    submit(lab.client, lab.mx.ipv4, address, PASSWORD, "person@example.net",
           message, port)
    arrived = lab.peer.inbox.wait(mark)
    assert "dkim-signature" in added_headers(message, arrived.crlf())
    assert "d=example.org" in arrived.header("DKIM-Signature")
    assert dkim.verify(arrived.crlf(), dnsfunc=dns_text(lab))
    tampered = arrived.crlf().replace(b"Hello", b"Hallo")
    assert not dkim.verify(tampered, dnsfunc=dns_text(lab))


def test_each_domain_signs_with_its_own_key(lab, suite, mailbox):
    address = mailbox(domain="example.com")
    mark = make_mark()
    submit(lab.client, lab.mx.ipv4, address, PASSWORD, "person@example.net",
           make_message(mark, address))
    arrived = lab.peer.inbox.wait(mark)
    assert "d=example.com" in arrived.header("DKIM-Signature")
    assert dkim.verify(arrived.crlf(), dnsfunc=dns_text(lab))


def test_mail_between_own_users(lab, suite, mailbox):
    sender, recipient = mailbox("from"), mailbox("to")
    mark = make_mark()
    submit(lab.client, lab.mx.ipv4, sender, PASSWORD, recipient,
           make_message(mark, sender, recipient))
    suite.wait_mail(recipient, mark)


def test_no_login_before_starttls(lab, suite, mailbox):
    address = mailbox()
    with Smtp(lab.client, lab.mx.ipv4, 587) as client:
        assert "AUTH" not in client.ehlo()
        code, _ = client.auth(address, PASSWORD)
        assert 500 <= code <= 599
        code, _ = client.command("MAIL FROM:<%s>" % address)
        assert code == 530
        assert "PLAIN" in client.starttls()["AUTH"]
        client.login(address, PASSWORD)


@pytest.mark.parametrize("port", [587, 465])
def test_nothing_without_a_login(lab, suite, port):
    with Smtp(lab.client, lab.mx.ipv4, port,
              implicit_tls=port == 465) as client:
        client.ehlo()
        if port == 587:
            client.starttls()
        code, _ = client.command("MAIL FROM:<sender@example.net>")
        if code == 250:
            code, _ = client.command("RCPT TO:<person@example.net>")
    assert 500 <= code <= 599


def test_a_wrong_password_is_permanent(lab, suite, mailbox):
    address = mailbox()
    with Smtp(lab.client, lab.mx.ipv4, 465, implicit_tls=True) as client:
        client.ehlo()
        assert client.auth(address, "not this one")[0] == 535
        assert client.auth("nobody@example.org", PASSWORD)[0] == 535
        client.login(address, PASSWORD)


def test_foreign_senders_are_refused(lab, suite, mailbox):
    address, other = mailbox(), mailbox("other")
    for sender in (other, "person@example.net", "ceo@example.org"):
        with pytest.raises(SmtpError) as refusal:
            submit(lab.client, lab.mx.ipv4, address, PASSWORD,
                   "person@example.net", make_message(make_mark(), address),
                   465, sender=sender)
        assert refusal.value.code == 553, refusal.value


def test_sendmail_on_the_host(lab, suite, mailbox):
    address = mailbox()
    inward, outward = make_mark(), make_mark()
    for mark, recipient in ((inward, address),
                            (outward, "person@example.net")):
        message = make_message(mark, address, recipient)
        suite.exec("sendmail", "-f", address, recipient,
                   input=message.decode().replace("\r\n", "\n"))
    suite.wait_mail(address, inward)
    lab.peer.inbox.wait(outward)
