# SPDX-License-Identifier: GPL-3.0-or-later
"""Quota: who is warned when, with what, and that no warning is lost."""

import os
import signal

from lib.imap import append, imap_login
from lib.quota import (MIB, fetch_all, fill, filler, is_warning, pending,
                       spoil, undelivered, used, wait_warnings, warnings)
from lib.suite import CommandError
from lib.wait import holds_for, wait_for

TEMPLATE = """Grüße an {{username}} von {{hostname}}!
{{! a remark }}
Das Postfach ist zu {{percent}} % voll: {{used}} von {{quota}}.
{{#domain}}Es gehört zu {{domain}}.{{/domain}}
.
From hier an: 100 = voll
"""


def copies(lab, address):
    """Of warnings, that came to the other host."""
    found = [m.parsed for m in lab.peer.inbox.find("quota.")]
    return [m for m in found if is_warning(m) and address in m["Subject"]]


def wait_copy(lab, address, deadline=25):
    return wait_for(lambda: copies(lab, address), deadline,
                    "copy of the warning of " + address, every=0.2)[0]


def percents(messages):
    return [m["Subject"] for m in messages]


def test_each_level_is_said_once(lab, suite, mailbox):
    address = mailbox(quota="1M")
    fill(lab, address, int(0.70 * MIB))
    fill(lab, address, int(0.12 * MIB))  # 82 %
    wait_warnings(lab, address, 1)
    fill(lab, address, int(0.05 * MIB))  # 87 %: nothing new
    fill(lab, address, int(0.09 * MIB))  # 96 %
    said = wait_warnings(lab, address, 2)
    assert percents(said)[0].startswith("Your mailbox is 8")
    assert percents(said)[1].startswith("Your mailbox is 9")
    wait_for(lambda: pending(suite, address) == 0, 5, "nothing waits")
    assert len(warnings(lab, address)) == 2


def test_one_message_over_two_levels(lab, suite, mailbox):
    address = mailbox(quota="1M")
    fill(lab, address, int(0.97 * MIB))
    said = wait_warnings(lab, address, 1)
    assert percents(said)[0].startswith("Your mailbox is 97 %")
    message = said[0]
    assert message["To"] == address
    assert message["From"] == "postmaster@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["Date"].datetime is not None
    text = message.get_content()
    assert "%s is 97 %% full" % address in text and "of 1 MiB" in text
    assert "mail.example.org" in text
    holds_for(lambda: len(warnings(lab, address)) == 1, 2)


def test_a_mailbox_over_its_limit_takes_its_warning(lab, suite, mailbox):
    address = mailbox(quota="1M")
    fill(lab, address, int(0.90 * MIB))
    wait_warnings(lab, address, 1)
    suite.edit_mailbox(address, quota="800K")
    assert fill(lab, address, 1000)[0] == "NO"
    # The Trash takes more, and with it comes the next number.
    assert fill(lab, address, 1000, "Trash")[0] == "OK"
    said = wait_warnings(lab, address, 2)
    assert percents(said)[1].startswith("Your mailbox is 11")
    assert fill(lab, address, 1000)[0] == "NO"


def test_no_limit_no_warning(lab, suite, mailbox):
    address = mailbox(quota="0")
    fill(lab, address, 2 * MIB)
    wait_for(lambda: used(suite, address) > 2 * MIB, 5, "number reported")
    assert warnings(lab, address) == []
    session = imap_login(lab.client, lab.mx.ipv4, address)
    assert session.getquotaroot("INBOX")[0] == "OK"
    session.logout()


def test_the_numbers_are_seen_everywhere(lab, suite, mailbox):
    address = mailbox(quota="1M")
    fill(lab, address, 500 * 1024)
    session = imap_login(lab.client, lab.mx.ipv4, address)
    _, answer = session.getquota('"User quota"')
    session.logout()
    words = answer[0].decode().split("(")[1].split(")")[0].split()
    kib, limit = words[1:3]
    assert int(limit) == 1024 and 500 <= int(kib) <= 502
    wait_for(lambda: used(suite, address) > 500 * 1024, 5, "mailbox show")
    assert abs(used(suite, address) - int(kib) * 1024) <= 1024


def test_trash_may_be_filled_twice(lab, suite, mailbox):
    """Who is full can still move mail to the Trash, and be delivered to
    it, up to twice the quota."""
    address = mailbox(quota="1M")
    fill(lab, address, int(0.6 * MIB))
    fill(lab, address, int(0.3 * MIB))
    assert fill(lab, address, int(0.3 * MIB))[0] == "NO"
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select("INBOX")
    status, _ = session.uid("MOVE", "1", "Trash")
    assert status == "OK"
    # What lies in the Trash counts.
    assert append(session, filler(int(0.3 * MIB)))[0] == "NO"
    assert append(session, filler(int(0.8 * MIB)), "Trash")[0] == "OK"
    status, text = append(session, filler(int(0.8 * MIB)), "Trash")
    assert status == "NO" and "OVERQUOTA" in text
    session.logout()
    assert len(fetch_all(lab, address, "Trash")) == 2


def test_copies_go_through_the_filter(lab, suite, mailbox):
    """To those whom the domain names, signed as all mail of ours."""
    address = mailbox(domain="example.com", quota="1M")
    local = mailbox("boss")
    suite.mailherd("domain", "edit", "example.com", "--quota-warning-bcc",
                   "Boss@example.net", "--quota-warning-bcc", local)
    shown = suite.mailherd("domain", "show", "example.com", json=True)
    assert shown["quota_warning_bcc"] == ["boss@example.net", local]
    assert shown["quota_warning_bcc_active"] is True
    fill(lab, address, int(0.85 * MIB))
    wait_warnings(lab, address, 1)
    copy = wait_copy(lab, address)
    assert copy["DKIM-Signature"] is not None
    assert "d=example.com" in copy["DKIM-Signature"].replace(" ", "")
    assert copy["From"] == "postmaster@example.com"
    assert address in copy["Subject"]
    wait_for(lambda: [m for m in fetch_all(lab, local)
                      if is_warning(m) and address in m["Subject"]], 10,
             "copy in a mailbox of ours", every=0.2)
    wait_for(lambda: pending(suite, address) == 0, 5, "nothing waits")
    assert len(copies(lab, address)) == 1
    # Switched off, the list stays.
    suite.mailherd("domain", "edit", "example.com",
                   "--quota-warning-bcc-active", "no")
    fill(lab, address, int(0.11 * MIB))
    wait_warnings(lab, address, 2)
    wait_for(lambda: pending(suite, address) == 0, 5, "nothing waits")
    assert len(copies(lab, address)) == 1
    suite.mailherd("domain", "edit", "example.com", "--quota-warning-bcc",
                   "", "--quota-warning-bcc-active", "yes")
    shown = suite.mailherd("domain", "show", "example.com", json=True)
    assert shown["quota_warning_bcc"] == []


def test_a_bad_copy_address_is_refused(lab, suite):
    for bad in ("nobody", "a@b@c", "@example.net"):
        try:
            suite.mailherd("domain", "edit", "example.com",
                           "--quota-warning-bcc", bad, json=True)
            raise RuntimeError("taken: " + bad)
        except CommandError as refused:
            assert refused.error["field"] == "quota_warning_bcc", bad


def set_file(suite, tmp_path, key, text):
    path = tmp_path / "text"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return suite.mailherd("config", "set", key, "--file", str(path),
                          json=True)


def test_a_template_of_ones_own(lab, suite, mailbox, tmp_path):
    address = mailbox(quota="1M")
    try:
        set_file(suite, tmp_path, "quota.warning_text",
                 TEMPLATE.replace("\n", "\r\n"))
        assert suite.mailherd("config", "show",
                              "quota.warning_text") == TEMPLATE
        suite.mailherd("config", "set", "quota.warning_subject",
                       "Schön voll: {{percent}} % — bitte aufräumen, "
                       "{{username}}, und zwar möglichst bald")
        suite.mailherd("config", "set", "quota.warning_sender",
                       "Robot@Example.ORG")
        suite.mailherd("config", "set", "quota.warnings", "50", "90")
        fill(lab, address, int(0.52 * MIB))
        message = wait_warnings(lab, address, 1)[0]
    finally:
        for key in ("text", "subject", "sender"):
            suite.mailherd("config", "set", "quota.warning_" + key,
                           "--unset")
        suite.mailherd("config", "set", "quota.warnings", "--unset")
    assert message["Subject"] == (
        "Schön voll: 52 % — bitte aufräumen, " + address +
        ", und zwar möglichst bald")
    assert message["From"] == "Robot@Example.ORG"
    text = message.get_content()
    assert "Grüße an %s von mail.example.org!" % address in text
    assert "zu 52 % voll: 53" in text and "von 1 MiB." in text
    assert "Es gehört zu example.org." in text
    assert "\n.\nFrom hier an: 100 = voll\n" in text.replace("\r", "")
    assert "remark" not in text


def test_a_bad_template_is_refused(lab, suite, tmp_path):
    """With the line, and nothing is changed."""
    for text, word in (("one\ntwo {{usrname}}\n", ":2: there is no value"),
                       ("one\n\n{{percent", ":3: {{ without }}"),
                       ("{{#used}}\n", ":1: {{#used}} has no end"),
                       (b"fine\n\xff\n", ":2: the byte 0xff"),
                       ("", "0 bytes"), ("x" * 9000, "9000 bytes"),
                       (b"a\0b", "no text"), ("y" * 30000, "too large")):
        try:
            set_file(suite, tmp_path, "quota.warning_text", text)
            raise RuntimeError("taken: %r" % text)
        except CommandError as refused:
            assert refused.error["field"] == "quota.warning_text"
            assert word in refused.error["text"], refused.error
            assert refused.error["remedy"]
    shown = suite.mailherd("config", "show", "quota.warning_text", "--why",
                           json=True)
    assert shown["origin"] == "default"
    for words, field in ((["quota.warnings", "80", "200"], "quota.warnings"),
                         (["quota.warning_sender", "x y"],
                          "quota.warning_sender"),
                         (["quota.warning_subject", "a\nb"],
                          "quota.warning_subject"),
                         (["hostname", "--file", "/dev/null"], "file")):
        try:
            suite.mailherd("config", "set", *words, json=True)
            raise RuntimeError("taken: %r" % words)
        except CommandError as refused:
            assert refused.error["field"] == field, words


def test_a_killed_directory_remembers(lab, suite, mailbox):
    """It had asked for the delivery, and nobody has struck it out."""
    address = mailbox(quota="1M")
    with undelivered(lab, suite, address):
        os.kill(suite.pid("directory"), signal.SIGKILL)
    wait_for(lambda: pending(suite, address) == 0, 60, "nothing waits")
    said = warnings(lab, address)
    # The one that was under way may come twice, and is the same then.
    assert len({m["Message-ID"] for m in said}) == 1, said
    assert len(said) <= 2


def test_a_killed_dovecot_gets_it_later(lab, suite, mailbox):
    address = mailbox(quota="1M")
    with undelivered(lab, suite, address):
        os.kill(suite.pid("dovecot"), signal.SIGKILL)
    wait_for(lambda: suite.svstat("dovecot")["ready"], 60, "Dovecot again")
    wait_for(lambda: pending(suite, address) == 0, 60, "nothing waits")
    said = warnings(lab, address)
    assert len({m["Message-ID"] for m in said}) == 1, said
    assert len(said) <= 2


def test_a_dead_postfix_gets_the_copies_later(lab, suite, mailbox):
    """Its queue takes them; pickup(8) looks when it starts, then once a
    minute."""
    address = mailbox(domain="example.com", quota="1M")
    suite.mailherd("domain", "edit", "example.com", "--quota-warning-bcc",
                   "chief@example.net")
    try:
        os.kill(suite.pid("postfix"), signal.SIGKILL)
        fill(lab, address, int(0.85 * MIB))
        wait_warnings(lab, address, 1)
        wait_copy(lab, address, 70)
    finally:
        suite.mailherd("domain", "edit", "example.com",
                       "--quota-warning-bcc", "")
    wait_for(lambda: pending(suite, address) == 0, 20, "nothing waits")
    wait_for(lambda: suite.svstat("postfix")["ready"], 60, "Postfix again")
    assert len(copies(lab, address)) == 1


def test_recount_mends_a_wrong_number(lab, suite, mailbox):
    address, other = mailbox(quota="1M"), mailbox(quota="1M")
    for box in (address, other):
        fill(lab, box, 300 * 1024)
        fill(lab, box, 100 * 1024, "Trash")
        wait_for(lambda b=box: used(suite, b) > 390 * 1024, 15, "reported")
    right = used(suite, address), used(suite, other)
    spoil(suite, address)
    assert used(suite, address) == 5
    done = suite.mailherd("mailbox", "recount", address, json=True)
    assert done == {"counted": 1}
    wait_for(lambda: used(suite, address) == right[0], 5, "mended")
    shown = suite.mailherd("mailbox", "show", address, json=True)
    assert shown["usage"]["messages"] == 2
    spoil(suite, address)
    spoil(suite, other)
    assert suite.mailherd("mailbox", "recount", "--all",
                          json=True)["counted"] >= 2
    wait_for(lambda: (used(suite, address), used(suite, other)) == right,
             15, "all mended")
    for words, field in ((["nobody@example.org"], "address"), ([], "address"),
                         ([address, "--all"], "address")):
        try:
            suite.mailherd("mailbox", "recount", *words, json=True)
            raise RuntimeError("taken: %r" % words)
        except CommandError as refused:
            assert refused.error["field"] == field or words == [
                "nobody@example.org"], refused.error
