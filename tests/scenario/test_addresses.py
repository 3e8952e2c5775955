# SPDX-License-Identifier: GPL-3.0-or-later
"""Sub-addresses, aliases, catch-alls, alias domains.

No test waits between the command and its first use: a change is in force
with its commit, without a reload.
"""

import itertools

import pytest

from lib.smtp import Smtp, make_mark, make_message

_names = itertools.count(1)


def name(prefix):
    return "%s%d" % (prefix, next(_names))


def rcpt(lab, recipient):
    """The reply to RCPT at this moment."""
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.demand("MAIL FROM:<sender@example.net>", 250)
        return client.command("RCPT TO:<%s>" % recipient)


def send(lab, recipient):
    """Sends a message to recipient; its mark."""
    mark = make_mark()
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", recipient,
                            make_message(mark, recipient=recipient))
    return mark


@pytest.fixture
def domain(suite):
    """A hosted domain of this test alone."""
    return suite.add_domain(name("d") + ".example.com")


def test_sub_address(lab, suite, mailbox):
    address = mailbox()
    local, _, host = address.partition("@")
    message = suite.wait_mail(address, send(lab, "%s+shop@%s" % (
        local, host)))
    assert "%s+shop@%s" % (local, host) in message.data.decode()


def test_case_does_not_matter(lab, suite, mailbox):
    address = mailbox()
    suite.wait_mail(address, send(lab, address.upper()))


def test_alias_to_several_and_to_outside(lab, suite, mailbox):
    first, second = mailbox(), mailbox()
    alias = name("team") + "@example.org"
    suite.add_alias(alias, first, second, "person@example.net")
    mark = send(lab, alias)
    suite.wait_mail(first, mark)
    suite.wait_mail(second, mark)
    outside = lab.peer.inbox.wait(mark)
    assert outside.header("Delivered-To") == "person@example.net"
    for address in (first, second):
        assert len(suite.find_mail(address, mark)) == 1


def test_alias_of_an_alias(lab, suite, mailbox):
    address = mailbox()
    inner, outer = name("inner") + "@example.org", name("o") + "@example.org"
    suite.add_alias(inner, address)
    suite.add_alias(outer, inner)
    suite.wait_mail(address, send(lab, outer))


def test_catch_all_takes_what_is_left(lab, suite, mailbox, domain):
    owner = mailbox("owner")
    own = suite.add_mailbox("own@" + domain)
    assert rcpt(lab, "whoever@" + domain)[0] == 550
    suite.add_alias("@" + domain, owner)
    for_owner, for_own = send(lab, "whoever@" + domain), send(lab, own)
    suite.wait_mail(owner, for_owner)
    suite.wait_mail(own, for_own)
    assert not suite.find_mail(owner, for_own)


def test_alias_domain(lab, suite, mailbox, domain):
    address = suite.add_mailbox("box@" + domain)
    twin = name("twin") + ".example.com"
    assert rcpt(lab, "box@" + twin)[0] == 554
    suite.add_alias_domain(twin, domain)
    suite.wait_mail(address, send(lab, "box@" + twin))
    suite.wait_mail(address, send(lab, "box+detail@" + twin))
    assert rcpt(lab, "nobody@" + twin)[0] == 550


def test_a_domain_is_in_force_for_a_session_that_was_refused(lab, suite,
                                                             domain):
    """smtpd remembers that a domain was unknown; its answer must not."""
    suite.add_mailbox("box@" + domain)
    twin = name("twin") + ".example.com"
    recipient = "RCPT TO:<box@%s>" % twin
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.demand("MAIL FROM:<sender@example.net>", 250)
        assert client.command(recipient)[0] == 554
        suite.add_alias_domain(twin, domain)
        assert client.command(recipient)[0] == 250
        suite.mailherd("alias-domain", "remove", twin)
        assert client.command(recipient)[0] in (550, 554)


def test_a_change_is_in_force_with_its_commit(lab, suite, domain):
    address = "new@" + domain
    assert rcpt(lab, address)[0] == 550
    suite.add_mailbox(address)
    assert rcpt(lab, address)[0] == 250
    suite.add_alias("also@" + domain, address)
    assert rcpt(lab, "also@" + domain)[0] == 250
    suite.mailherd("alias", "remove", "also@" + domain)
    assert rcpt(lab, "also@" + domain)[0] == 550
    suite.mailherd("mailbox", "remove", address)
    assert rcpt(lab, address)[0] == 550


def test_a_new_mailbox_of_an_old_name_is_empty(lab, suite, domain):
    address = suite.add_mailbox("again@" + domain)
    mark = send(lab, address)
    suite.wait_mail(address, mark)
    before = suite.mailherd("mailbox", "path", address).strip()
    suite.mailherd("mailbox", "remove", address)
    suite.add_mailbox(address)
    assert suite.mailherd("mailbox", "path", address).strip() != before
    suite._homes.pop(address)
    suite.wait_mail(address, send(lab, address))
    assert not suite.find_mail(address, mark)
