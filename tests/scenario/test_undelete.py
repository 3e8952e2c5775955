# SPDX-License-Identifier: GPL-3.0-or-later
"""What was deleted comes back: messages, mailboxes, domains.

One instance (profile lite) on a host of its own.
"""

import glob
import os
import signal
import stat
import threading
import time

import pytest

from lib.imap import Pop3, imap_may_login, imap_sessions
from lib.lmtp import Lmtp
from lib.smtp import make_mark, make_message
from lib.suite import CommandError, PASSWORD, Suite
from lib.wait import wait_for

DOMAIN = "undelete.example.org"


@pytest.fixture(scope="module")
def suite(lab):
    host = lab.net.add_host("undelete", "192.0.2.39", "2001:db8:0:1::39")
    instance = Suite(host, "mail9.example.org", DOMAIN)
    instance.setup("lite", **lab.conf())
    if lab.suite:
        instance.share_patterns(lab.suite)
    instance.up()
    yield instance
    instance.run("down", check=False)


@pytest.fixture
def session(lab, suite):
    with imap_sessions(lab.client, suite.host.ipv4) as login:
        yield login


def vmail(suite, *parts):
    return os.path.join(suite.root, "var/lib/mailherd/vmail", *parts)


def deliver(suite, address):
    mark = make_mark()
    with Lmtp(suite) as lmtp:
        code, text = lmtp.deliver(
            address, make_message(mark, recipient=address))
        assert code == 250, text
    return mark


def holds(session, mark, folder="INBOX"):
    """How many messages of a folder have the mark."""
    if session.select('"%s"' % folder)[0] != "OK":
        return 0
    found = session.search(None, "TEXT", mark)[1][0].split()
    return len(found)


def removed(suite, address):
    return [row for row in suite.mailherd("mailbox", "deleted", json=True)
            if row["address"] == address]


def wait_settled(suite, address):
    """Until the mail of removed mailboxes is where it belongs."""
    wait_for(lambda: all(row["settled"] for row in removed(suite, address)),
             30, "mail of %s where it belongs" % address)


def home_of(suite, address):
    return suite.mailherd("mailbox", "path", address).strip()


def garbage_of(suite, home):
    return vmail(suite, ".garbage", os.path.basename(home))


def is_mark(path):
    """The empty file in the place of a home that was moved."""
    status = os.lstat(path)
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def deleted(suite, address, *words):
    return suite.mailherd("mail", "deleted", address, *words, json=True)


def expunge(session, folder="INBOX"):
    session.select('"%s"' % folder)
    session.store("1:*", "+FLAGS", "\\Deleted")
    session.expunge()


# Messages


def test_messages_come_back(suite, session):
    address = suite.add_mailbox("ida@" + DOMAIN)
    imap = session(address)
    marks = [make_mark() for _ in range(4)]
    imap.create("Work")
    imap.create("Work/Sub")
    when = '"01-Feb-2020 10:00:00 +0000"'
    imap.append("INBOX", "(\\Seen \\Flagged)", when, make_message(marks[0]))
    imap.append("Work/Sub", None, None, make_message(marks[1]))
    imap.append("INBOX", None, None, make_message(marks[2]))
    imap.append("Work", None, None, make_message(marks[3]))
    # A move and a copy leave nothing behind.
    imap.select("Work")
    imap.uid("MOVE", "1", "INBOX")
    assert deleted(suite, address) == []
    expunge(imap)
    imap.delete("Work/Sub")
    imap.delete("Work")
    rows = deleted(suite, address)
    assert sorted(row["folder"] for row in rows) == [
        "INBOX", "INBOX", "INBOX", "Work/Sub"]
    assert all(row["deleted"] > time.time() - 300 and row["size"] > 0
               for row in rows)
    # Not counted, not seen, not to be reached.
    assert b"STORAGE 0 " in imap.getquota('"User quota"')[1][0]
    assert b".deleted" not in repr(imap.list()).encode()
    for name in (".deleted/INBOX", ".deleted/Work/Sub", ".deleted"):
        assert imap.select('"%s"' % name)[0] == "NO"
        assert imap.status('"%s"' % name, "(MESSAGES)")[0] == "NO"
        assert imap.create('"%s/more"' % name)[0] == "NO"
        assert imap.delete('"%s"' % name)[0] == "NO"
        assert imap.append('"%s"' % name, None, None,
                           make_message("x"))[0] == "NO"
    assert imap.rename("Trash", '".deleted/Trash"')[0] == "NO"

    dry = suite.mailherd("mail", "undelete", address, "--dry-run")
    assert "Work/Sub" in dry and len(deleted(suite, address)) == 4
    assert len(deleted(suite, address, "--folder", "Work/Sub")) == 1
    assert deleted(suite, address, "--subject", "no such words") == []
    assert len(deleted(suite, address, "--since", "1h")) == 4
    suite.mailherd("mail", "undelete", address, "--folder", "Work/Sub")
    said = suite.mailherd("mail", "undelete", address)
    assert "3 messages" in said
    assert "0 messages" in suite.mailherd("mail", "undelete", address)
    imap = session(address)
    assert holds(imap, marks[1], "Work/Sub") == 1
    for mark in (marks[0], marks[2], marks[3]):
        assert holds(imap, mark) == 1
    number = imap.search(None, "TEXT", marks[0])[1][0].decode()
    text = imap.fetch(number, "(FLAGS INTERNALDATE)")[1][0]
    assert b"\\Flagged" in text and b"\\Seen" in text
    assert b"\\Deleted" not in text and b"01-Feb-2020" in text


def test_a_folder_is_only_itself(suite, session):
    """Not a pattern of doveadm, and no option of it."""
    address = suite.add_mailbox("ines@" + DOMAIN)
    imap = session(address)
    marks = {name: make_mark() for name in ("A%", "AB", "-s", "Work")}
    for name, mark in marks.items():
        imap.create(name)
        imap.append(name, None, None, make_message(mark))
        expunge(imap, name)
    assert [row["folder"] for row in deleted(
        suite, address, "--folder", "A%")] == ["A%"]
    suite.mailherd("mail", "undelete", address, "--folder", "A%")
    suite.mailherd("mail", "undelete", address, "--folder=-s")
    assert sorted(row["folder"] for row in deleted(suite, address)) == [
        "AB", "Work"]
    imap = session(address)
    for name in ("A%", "-s"):
        assert holds(imap, marks[name], name) == 1


def test_pop3_and_the_end_of_time(lab, suite, session):
    address = suite.add_mailbox("jan@" + DOMAIN)
    mark = deliver(suite, address)
    pop = Pop3(lab.client, suite.host.ipv4)
    pop.user(address)
    pop.pass_(PASSWORD)
    pop.dele(1)
    pop.quit()
    wait_for(lambda: len(deleted(suite, address)) == 1, 10, "deleted")
    # As the jobs do, with an age of nothing.
    suite.exec("doveadm", "expunge", "-u", address, "mailbox", ".deleted/*",
               "savedbefore", "7d")
    assert len(deleted(suite, address)) == 1

    def is_over():
        suite.exec("doveadm", "expunge", "-u", address, "mailbox",
                   ".deleted/*", "savedbefore", "0s")
        return deleted(suite, address) == []
    wait_for(is_over, 10, "end of time")
    assert holds(session(address), mark) == 0


def test_no_filter_files_into_it(suite, session):
    address = suite.add_mailbox("kai@" + DOMAIN)
    script = os.path.join(home_of(suite, address), ".dovecot.sieve")
    deliver(suite, address)
    with open(script, "w", encoding="ascii") as out:
        out.write('require "fileinto"; fileinto ".deleted/INBOX";')
    mark = deliver(suite, address)
    assert deleted(suite, address) == []
    assert holds(session(address), mark) == 1


def test_a_full_mailbox_says_so(suite, session):
    address = suite.add_mailbox("lea@" + DOMAIN, quota="1M")
    imap = session(address)
    for _ in range(2):
        imap.append("INBOX", None, None,
                    make_message(make_mark(), body="x" * 600000))
        expunge(imap)
    imap.append("INBOX", None, None,
                make_message(make_mark(), body="x" * 600000))
    with pytest.raises(CommandError) as refused:
        suite.mailherd("mail", "undelete", address, json=True)
    assert refused.value.error["code"] == "limit"
    assert len(deleted(suite, address)) == 2
    suite.edit_mailbox(address, quota="10M")
    suite.mailherd("mail", "undelete", address)
    assert deleted(suite, address) == []


# Mailboxes


def test_a_mailbox_comes_back_whole(lab, suite, session):
    address = suite.add_mailbox("anna@" + DOMAIN, name="Anna B")
    suite.add_mailbox("ben@" + DOMAIN)
    suite.add_alias("both@" + DOMAIN, "--targets",
                    "anna@%s,ben@%s" % (DOMAIN, DOMAIN))
    suite.add_alias("only@" + DOMAIN, "--targets", address,
                    sender_allowed="no", private_comment="of Anna")
    password = suite.mailherd("app-password", "add", address, "--name",
                              "phone", "--pop3", "no",
                              json=True)["password"]
    mark = deliver(suite, address)
    imap = session(address)
    imap.create("Work")
    imap.append("Work", "(\\Flagged)", None, make_message(mark))
    before = suite.mailherd("mailbox", "show", address, json=True)
    aliases = suite.mailherd("alias", "list", json=True)
    home = home_of(suite, address)

    assert "undelete" in suite.mailherd("mailbox", "remove", address)
    assert not imap_may_login(lab.client, suite.host.ipv4, address)
    with Lmtp(suite) as lmtp:
        assert lmtp.recipient(address)[0] == 550
    wait_settled(suite, address)
    assert is_mark(home)
    assert os.path.isdir(garbage_of(suite, home))
    assert os.stat(vmail(suite, ".garbage")).st_mode & 0o777 == 0o700
    row = removed(suite, address)[0]
    assert row["state"] == "kept" and row["bytes"] > 0
    assert row["until"] - row["removed"] == 7 * 86400
    assert address in suite.mailherd("mailbox", "deleted")
    assert address not in suite.mailherd("mailbox", "list")

    back = suite.mailherd("mailbox", "undelete", address, json=True)
    assert sorted(back["aliases"]) == ["both@" + DOMAIN, "only@" + DOMAIN]
    assert back["aliases_refused"] == [] and back["app_passwords"] == 1
    wait_for(lambda: not removed(suite, address), 20, "mail back")
    after = suite.mailherd("mailbox", "show", address, json=True)
    for changing in ("modified", "usage"):
        before.pop(changing), after.pop(changing)
    assert after == before
    strip = [{k: v for k, v in alias.items()
              if k not in ("modified", "targets")} for alias in aliases]
    assert strip == [{k: v for k, v in alias.items()
                      if k not in ("modified", "targets")} for alias in
                     suite.mailherd("alias", "list", json=True)]
    assert imap_may_login(lab.client, suite.host.ipv4, address, password)
    imap = session(address)
    assert holds(imap, mark) == 1 and holds(imap, mark, "Work") == 1
    assert not os.path.exists(garbage_of(suite, home))


def test_the_address_is_free_meanwhile(lab, suite, session):
    address = suite.add_mailbox("carl@" + DOMAIN)
    old = deliver(suite, address)
    first = home_of(suite, address)
    suite.mailherd("mailbox", "remove", address)
    suite.add_mailbox(address)
    new = deliver(suite, address)
    assert home_of(suite, address) != first
    with pytest.raises(CommandError) as refused:
        suite.mailherd("mailbox", "undelete", address, json=True)
    assert refused.value.error["code"] == "exists"
    assert "--as" in refused.value.error["remedy"]
    suite.mailherd("mailbox", "undelete", address, "--as", "carl2@" + DOMAIN)
    wait_for(lambda: not removed(suite, address), 20, "mail back")
    assert holds(session("carl2@" + DOMAIN), old) == 1
    assert holds(session(address), new) == 1
    assert holds(session(address), old) == 0


def test_clear_errors(suite):
    def error(*words):
        with pytest.raises(CommandError) as refused:
            suite.mailherd("mailbox", "undelete", *words, json=True)
        return refused.value.error

    assert error("nobody@" + DOMAIN)["code"] == "not-found"
    suite.add_domain("small.example.org", max_mailboxes=1)
    suite.add_mailbox("a@small.example.org")
    suite.mailherd("mailbox", "remove", "a@small.example.org")
    suite.add_mailbox("b@small.example.org")
    assert error("a@small.example.org")["code"] == "limit"
    suite.mailherd("domain", "remove", "small.example.org",
                   "--with-mailboxes", "--yes")
    said = error("a@small.example.org")
    assert said["code"] == "not-found" and "domain add" in said["remedy"]


def test_a_domain_goes_and_comes_back(suite, session):
    suite.add_domain("whole.example.org")
    boxes = [suite.add_mailbox("%s@whole.example.org" % name)
             for name in ("one", "two")]
    suite.add_alias("all@whole.example.org", "--targets", ",".join(boxes))
    marks = [deliver(suite, box) for box in boxes]
    with pytest.raises(CommandError):
        suite.mailherd("domain", "remove", "whole.example.org")
    suite.mailherd("domain", "remove", "whole.example.org",
                   "--with-mailboxes", "--yes")
    suite.add_domain("whole.example.org")
    for box in boxes:
        suite.mailherd("mailbox", "undelete", box)
    wait_for(lambda: not removed(suite, boxes[0]) and
             not removed(suite, boxes[1]), 20, "mail back")
    for box, mark in zip(boxes, marks):
        assert holds(session(box), mark) == 1
    alias = suite.mailherd("alias", "show", "all@whole.example.org",
                           json=True)
    assert sorted(alias["targets"]) == sorted(boxes)


def test_for_good(suite):
    address = suite.add_mailbox("dora@" + DOMAIN)
    deliver(suite, address)
    home = home_of(suite, address)
    with pytest.raises(CommandError):
        suite.mailherd("mailbox", "remove", address, "--now")
    suite.mailherd("mailbox", "remove", address, "--now", "--yes")
    wait_for(lambda: not removed(suite, address), 20, "deleted")
    assert not os.path.lexists(home)
    assert not os.path.lexists(garbage_of(suite, home))

    suite.add_mailbox(address)
    deliver(suite, address)
    home = home_of(suite, address)
    suite.mailherd("mailbox", "remove", address)
    wait_settled(suite, address)
    suite.mailherd("mailbox", "purge", address, "--yes")
    wait_for(lambda: not removed(suite, address), 20, "purged")
    assert not os.path.lexists(home)
    assert not os.path.lexists(garbage_of(suite, home))


def test_a_delivery_in_flight_is_not_lost(suite, session):
    """It is told to come again, and then that nobody is there."""
    address = suite.add_mailbox("eva@" + DOMAIN)
    old = deliver(suite, address)
    home = home_of(suite, address)
    mark = make_mark()
    with Lmtp(suite) as lmtp:
        assert lmtp.recipient(address)[0] == 250
        suite.mailherd("mailbox", "remove", address)
        wait_settled(suite, address)
        code, text = lmtp.data(make_message(mark, recipient=address))
        assert 400 <= code < 500, text
        assert lmtp.recipient(address)[0] == 550
    assert is_mark(home)
    suite.mailherd("mailbox", "undelete", address)
    wait_for(lambda: not removed(suite, address), 20, "mail back")
    imap = session(address)
    assert holds(imap, old) == 1 and holds(imap, mark) == 0


class Deliveries:
    """Delivers to one address until it is stopped; keeps every answer."""

    def __init__(self, suite, address):
        self._suite = suite
        self._address = address
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.taken = []
        self.codes = []
        self._thread.start()

    def _work(self):
        while not self._stopping.is_set():
            mark = make_mark()
            with Lmtp(self._suite) as lmtp:
                code, _ = lmtp.deliver(self._address, make_message(
                    mark, recipient=self._address))
            self.codes.append(code)
            if code == 250:
                self.taken.append(mark)

    def stop(self):
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_removal_and_return_under_deliveries(suite, session):
    address = suite.add_mailbox("fred@" + DOMAIN)
    deliver(suite, address)
    home = home_of(suite, address)
    threads = [Deliveries(suite, address) for _ in range(3)]
    try:
        for _ in range(5):
            seen = sum(len(t.taken) for t in threads)
            wait_for(lambda: sum(len(t.taken) for t in threads) > seen + 5,
                     30, "deliveries")
            suite.mailherd("mailbox", "remove", address)
            wait_settled(suite, address)
            assert is_mark(home)
            suite.mailherd("mailbox", "undelete", address)
            wait_for(lambda: not removed(suite, address), 20, "mail back")
    finally:
        for thread in threads:
            thread.stop()
    taken = [mark for thread in threads for mark in thread.taken]
    codes = {code for thread in threads for code in thread.codes}
    assert codes <= {250, 451, 550}
    imap = session(address)
    imap.select("INBOX")
    text = b"".join(part[1] for part in imap.fetch(
        "1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple))
    assert [mark for mark in taken if text.count(mark.encode()) < 1] == []
    assert len(glob.glob(vmail(suite, ".garbage",
                               os.path.basename(home) + "*"))) == 0


def test_killed_anywhere(suite, session):
    """jobs, agent and the helper die while mailboxes come and go."""
    address = suite.add_mailbox("gerd@" + DOMAIN)
    mark = deliver(suite, address)
    home = home_of(suite, address)
    for victim in ("jobs", "agent", "jobs", "agent"):
        suite.mailherd("mailbox", "remove", address)
        os.kill(wait_for(lambda: suite.pid(victim), 20, victim),
                signal.SIGKILL)
        wait_settled(suite, address)
        assert is_mark(home) and os.path.isdir(garbage_of(suite, home))
        suite.mailherd("mailbox", "undelete", address)
        os.kill(wait_for(lambda: suite.pid(victim), 20, victim),
                signal.SIGKILL)
        wait_for(lambda: not removed(suite, address), 30, "mail back")
        assert os.path.isdir(home)
        assert not os.path.lexists(garbage_of(suite, home))
    assert holds(session(address), mark) == 1


def test_removed_and_back_while_nothing_runs(suite, session):
    """The order of the commands counts, not that of their effects."""
    address = suite.add_mailbox("hugo@" + DOMAIN)
    mark = deliver(suite, address)
    suite.mailherd("mailbox", "remove", address)
    suite.mailherd("mailbox", "undelete", address)
    suite.mailherd("mailbox", "remove", address)
    suite.mailherd("mailbox", "undelete", address)
    wait_for(lambda: not removed(suite, address), 20, "mail back")
    assert holds(session(address), mark) == 1
