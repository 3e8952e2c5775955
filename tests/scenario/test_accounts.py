# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, since when, and for how long: states, quota, passwords."""

import itertools
import json
import time
from concurrent import futures

import pytest

from lib.imap import (append, imap_login, imap_may_login, pop3_may_login)
from lib.lab import CLIENT_SPARE
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import PASSWORD, options
from lib.wait import wait_for


def smtp_may_login(host, server, address, password, source):
    with Smtp(host, server, 465, implicit_tls=True,
              source=source) as client:
        client.ehlo()
        code, text = client.auth(address, password)
    assert code in (235, 535), text
    return code == 235


CHECKS = {"imap": imap_may_login, "pop3": pop3_may_login,
          "smtp": smtp_may_login}
_sources = itertools.cycle(CLIENT_SPARE)


def logins(lab, address, password=PASSWORD):
    """Which of the three protocols let the user in, asked at once."""
    with futures.ThreadPoolExecutor(len(CHECKS)) as pool:
        asked = {name: pool.submit(check, lab.client, lab.mx.ipv4, address,
                                   password, next(_sources))
                 for name, check in CHECKS.items()}
    return {name for name, answer in asked.items() if answer.result()}


def rcpt(lab, recipient, size=0):
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.demand("MAIL FROM:<sender@example.net>%s" % (
            " SIZE=%d" % size if size else ""), 250)
        return client.command("RCPT TO:<%s>" % recipient)


def last_logins(suite, address):
    """{service: Unix time}"""
    shown = json.loads(suite.mailherd("mailbox", "show", address, "--json"))
    assert all(login["ip"] in CLIENT_SPARE
               for login in shown["usage"]["last_logins"])
    return {login["service"]: login["at"]
            for login in shown["usage"]["last_logins"]}


def test_a_new_mailbox_can_log_in_at_once(lab, suite, mailbox):
    """And it is shown when and from where it did."""
    address, begun = mailbox(), int(time.time())
    assert last_logins(suite, address) == {}
    assert logins(lab, address) == {"imap", "pop3", "smtp"}
    assert logins(lab, address, "wrong") == set()
    wait_for(lambda: set(last_logins(suite, address)) ==
             {"imap", "pop3", "smtp"}, 5, "last logins")
    assert all(begun <= at <= time.time()
               for at in last_logins(suite, address).values())


def test_state_2_receives_but_cannot_log_in(lab, suite, mailbox):
    address = mailbox()
    suite.edit_mailbox(address, active="no-login")
    assert logins(lab, address) == set()
    mark = make_mark()
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address,
                            make_message(mark))
    suite.wait_mail(address, mark)


def test_state_0_does_neither(lab, suite, mailbox):
    address = mailbox()
    suite.edit_mailbox(address, active="off")
    assert logins(lab, address) == set()
    assert rcpt(lab, address)[0] == 550
    suite.edit_mailbox(address, active="on")
    assert logins(lab, address) == {"imap", "pop3", "smtp"}
    assert rcpt(lab, address)[0] == 250


def test_over_quota_is_said_at_rcpt(lab, suite, mailbox):
    address = mailbox(quota="1M")
    code, text = rcpt(lab, address, size=2 * 1024 * 1024)
    assert code == 552, text
    assert rcpt(lab, address, size=1000)[0] == 250
    session = imap_login(lab.client, lab.mx.ipv4, address)
    filler = make_message(make_mark(), body="x" * 70 + "\n") + (
        b"y" * 76 + b"\r\n") * 3000
    status = "OK"
    for _ in range(8):
        if status == "OK":
            status, text = append(session, filler)
    assert status == "NO" and "OVERQUOTA" in text
    session.logout()
    wait_for(lambda: rcpt(lab, address, size=300000)[0] in (452, 552), 5,
             "refusal of a full mailbox")


def closed_within(session, seconds):
    """Seconds until the server ends a session."""
    started = time.monotonic()
    session.sock.settimeout(seconds + 5)
    try:
        while session.sock.recv(4096):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - started


def test_a_changed_password_counts_at_the_next_attempt(lab, suite, mailbox):
    address = mailbox()
    assert logins(lab, address) == {"imap", "pop3", "smtp"}
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select()
    suite.set_password(address, "a new one 8 letters")
    took = closed_within(session, 1.0)
    assert took <= 1.0, "session lived %.2f s after the command" % took
    assert logins(lab, address) == set()
    assert logins(lab, address, "a new one 8 letters") == {
        "imap", "pop3", "smtp"}


def app_password(suite, address, name, protocols):
    rights = {p: "yes" if p in protocols.split(",") else "no"
              for p in ("imap", "pop3", "smtp", "sieve")}
    answer = suite.mailherd("app-password", "add", address, "--name", name,
                            *options(rights), json=True)
    return answer["password"]


@pytest.mark.parametrize("protocols", ["imap", "pop3,smtp"])
def test_an_app_password_opens_its_protocols_only(
        lab, suite, mailbox, protocols):
    address = mailbox()
    password = app_password(suite, address, "phone", protocols)
    assert logins(lab, address, password) == set(protocols.split(","))


def test_a_revoked_app_password_ends_its_sessions(lab, suite, mailbox):
    address = mailbox()
    password = app_password(suite, address, "phone", "imap,smtp")
    session = imap_login(lab.client, lab.mx.ipv4, address, password)
    session.select()
    listed = suite.mailherd("app-password", "list", address, json=True)
    entries = listed if isinstance(listed, list) else next(
        value for value in listed.values() if isinstance(value, list))
    assert password not in str(listed)
    suite.mailherd("app-password", "remove", str(entries[0]["id"]))
    took = closed_within(session, 1.0)
    assert took <= 1.0, "session lived %.2f s after the command" % took
    assert logins(lab, address, password) == set()
    assert logins(lab, address) == {"imap", "pop3", "smtp"}


def test_a_protocol_switched_off(lab, suite, mailbox):
    address = mailbox()
    suite.edit_mailbox(address, imap="no")
    assert logins(lab, address) == {"pop3", "smtp"}


def test_a_deleted_mailbox_is_out(lab, suite, mailbox):
    address = mailbox()
    session = imap_login(lab.client, lab.mx.ipv4, address)
    suite.mailherd("mailbox", "remove", address)
    took = closed_within(session, 1.0)
    assert took <= 1.0
    assert logins(lab, address) == set()
