# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults below stored mail: full disks, and kills in the middle, while it
is indexed, deleted and brought back.

One instance (profile lite) whose mail and index have disks of their own.
"""

import contextlib
import glob
import imaplib
import os
import re
import signal
import subprocess
import time

import pytest
import xapian

from lib.faults import FileSystem, wait_fact
from lib.imap import imap_may_login, imap_sessions
from lib.lmtp import Lmtp
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import CommandError, Suite, command_line
from lib.wait import holds_for, wait_for

DOMAIN = "stored.example.org"
LAG = 1


@pytest.fixture(scope="module")
def disks(lab):
    host = lab.net.add_host("stored", "192.0.2.71", "2001:db8:0:1::71")
    with contextlib.ExitStack() as stack:
        made = {}
        for place in ("mail", "index"):
            made[place] = FileSystem(host.directory, place)
            stack.callback(made[place].close)
        made["host"] = host
        yield made


@pytest.fixture(scope="module")
def suite(lab, disks):
    instance = Suite(disks["host"], "mail10.example.org", DOMAIN)
    instance.setup("lite", **dict(lab.conf(), **{"search.lag": str(LAG)}))
    if lab.suite:
        instance.share_patterns(lab.suite)
    instance.up()
    yield instance
    instance.run("down", check=False)


@pytest.fixture
def session(lab, suite):
    with imap_sessions(lab.client, suite.host.ipv4) as login:
        yield login


def deliver(suite, address, body="", count=1):
    marks = [make_mark() for _ in range(count)]
    with Lmtp(suite) as lmtp:
        for mark in marks:
            code, text = lmtp.deliver(address, make_message(
                mark, recipient=address, body=body))
            assert code == 250, text
    return marks


def found(session, user, word):
    """How many messages of the inbox have the word, by SEARCH."""
    imap = session(user)
    imap.select("INBOX")
    status, data = imap.search(None, "BODY", word)
    assert status == "OK", data
    return len(data[0].split())


def databases(suite, address):
    prefix, store = suite.home(address).split("/")[-2:]
    return glob.glob(os.path.join(
        suite.root, "var/lib/mailherd/index", prefix, store,
        "xapian-indexes/db_*"))


def indexed(suite, address):
    """The numbers (UID) of messages that the search index has, sorted."""
    numbers = []
    for path in databases(suite, address):
        with contextlib.closing(xapian.Database(path)) as database:
            numbers += [int(xapian.sortable_unserialise(
                database.get_document(entry.docid).get_value(1)))
                for entry in database.postlist("")]
    return sorted(numbers)


def search_status(suite):
    return suite.mailherd("search", "status", json=True)


def doveadms(suite, word):
    """Ids of the doveadms that work on this."""
    return [pid for pid in suite.host.pids() for words in [command_line(pid)]
            if words[:1] and words[0].endswith("doveadm") and word in words]


# Searching


def test_a_full_disk_of_the_index(lab, suite, session, disks):
    """Mail comes in, every search is complete; indexed when there is room."""
    old = suite.add_mailbox("old@" + DOMAIN)
    new = suite.add_mailbox("new@" + DOMAIN)
    deliver(suite, old, "a walrus on the beach\r\n")
    wait_for(lambda: indexed(suite, old) == [1], 30, "the index")
    with disks["index"].full(names=True):
        assert "is indexed" in wait_fact(suite, "disk.index", False)
        deliver(suite, old, "a walrus in the water\r\n", 2)
        assert found(session, old, "walrus") == 3
        imap = session(old)
        imap.select("INBOX")
        assert imap.store("2", "+FLAGS", "(\\Flagged)")[0] == "OK"
        # Its index can not be made; the mail waits.
        mark = make_mark()
        with Smtp(lab.other, suite.host.ipv4, 25) as smtp:
            smtp.ehlo()
            smtp.send_message("sender@example.net", new, make_message(
                mark, recipient=new, body="a walrus in the sky\r\n"))
        wait_for(lambda: "indexing waits" in suite.log("jobs"), 10,
                 "word of it")
        wait_for(lambda: [m for m in suite.queue()
                          if m["queue_name"] == "deferred"], 20, "4xx")
        assert search_status(suite)["failing"] == []
    wait_fact(suite, "disk.index", True)
    suite.wait_mail(new, mark)
    wait_for(lambda: indexed(suite, old) == [1, 2, 3] and
             indexed(suite, new) == [1], 30, "all indexed, unasked")
    assert found(session, old, "walrus") == 3
    assert found(session, new, "walrus") == 1
    imap = session(old)
    imap.select("INBOX")
    assert imap.search(None, "FLAGGED")[1] == [b"2"]


# A tenth of a second each.
LONG = "".join("%06x of a walrus %06x\r\n" % (n * 7919, n * 104729)
               for n in range(500))


def wait_amid(suite, address):
    """Until a mailbox is being indexed; who is doing it."""
    return wait_for(lambda: databases(suite, address) and
                    doveadms(suite, "index"), 30, "a batch", every=0.005)


@pytest.mark.parametrize("victim", ["doveadm", *(
    pytest.param(name, marks=pytest.mark.full)
    for name in ("jobs", "agent"))])
def test_killed_amid_a_batch(suite, session, victim):
    """Nothing is left out, nothing is there twice."""
    count = 20
    address = suite.add_mailbox("batch-%s@%s" % (victim, DOMAIN))
    beside = suite.add_mailbox("beside-%s@%s" % (victim, DOMAIN))
    deliver(suite, address, LONG, count)
    pids = wait_amid(suite, address)
    deliver(suite, beside, "a walrus\r\n")
    for pid in pids if victim == "doveadm" else [suite.pid(victim)]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: indexed(suite, address) == list(range(1, count + 1))
             and indexed(suite, beside) == [1], 60, "everything indexed")
    assert search_status(suite)["failing"] == []
    assert found(session, address, "walrus") == count


@pytest.mark.full
def test_search_switched_off_and_on(suite, session):
    """Off: found without an index, and none is made. On: made, unasked."""
    address = suite.add_mailbox("switch@" + DOMAIN)
    try:
        suite.configure({"search.enabled": "no"})
        suite.restart("--changed")
        deliver(suite, address, "a walrus without an index\r\n", 2)
        assert found(session, address, "walrus") == 2
        holds_for(lambda: not doveadms(suite, "index"), 3 * LAG,
                  "no indexing")
        assert not databases(suite, address)
    finally:
        suite.configure({"search.enabled": "yes"})
        suite.restart("--changed")
    wait_for(lambda: indexed(suite, address) == [1, 2], 30, "the index")
    assert found(session, address, "walrus") == 2


# What was deleted


def deleted(suite, address):
    return suite.mailherd("mail", "deleted", address, json=True)


def inbox(session, user):
    """The marks of all messages, in the order of time."""
    imap = session(user)
    if imap.select("INBOX")[1] == [b"0"]:
        return []
    _, data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    return sorted(re.search(rb"<(mark\w+)@", part[1])[1].decode()
                  for part in data if isinstance(part, tuple))


def expunge(session, user):
    """Of all; the answer's status, or NO when the session was ended."""
    imap = session(user)
    imap.select("INBOX")
    try:
        if imap.store("1:*", "+FLAGS", "(\\Deleted)")[0] != "OK":
            return "NO"
        return imap.expunge()[0]
    except imaplib.IMAP4.error:
        return "NO"


def refusal(suite, *words):
    with pytest.raises(CommandError) as caught:
        suite.mailherd(*words, json=True)
    return caught.value.error


@pytest.mark.parametrize("names", [False, True])
def test_a_full_disk_while_mail_is_deleted(suite, session, disks, names):
    """Each message is in one of both places; later all work."""
    address = suite.add_mailbox("gone%d@%s" % (names, DOMAIN))
    marks = sorted(deliver(suite, address, count=3))
    with disks["mail"].full(names):
        status = expunge(session, address)
    left = inbox(session, address)
    assert len(left) + len(deleted(suite, address)) >= 3
    assert status == "NO" or not left
    assert expunge(session, address) == "OK" or not left
    assert inbox(session, address) == []
    assert len(deleted(suite, address)) == 3
    with disks["mail"].full(names):
        error = refusal(suite, "mail", "undelete", address)
        assert "full" in error["text"] and "space" in error["remedy"]
    suite.mailherd("mail", "undelete", address)
    assert inbox(session, address) == marks
    assert deleted(suite, address) == []


class Move:
    """A doveadm that moves messages back, let go on bit by bit."""

    def __init__(self, suite, address):
        home = suite.home(address)
        self.places = [home + "/Maildir/", home + "/deleted/.*/"]
        self.pid, = wait_for(lambda: doveadms(suite, "move"), 10, "a move",
                             every=0.001)

    def counts(self):
        """Messages that are back, and those that still lie there."""
        return [sum(len(glob.glob(place + part + "/*"))
                    for part in ("tmp", "new", "cur"))
                for place in self.places]

    def kill_when(self, reached):
        """Whether it was reached before the end; the counts then."""
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, signal.SIGSTOP)
                counts = self.counts()
                if reached(*counts):
                    os.kill(self.pid, signal.SIGKILL)
                    return counts
                os.kill(self.pid, signal.SIGCONT)
                time.sleep(0.0005)  # it is to go on for a bit
        return None


AMID = {"begun": lambda back, left: True,
        "one is back": lambda back, left: back > 0,
        "half are back": lambda back, left: back >= COUNT // 2,
        "all are back": lambda back, left: back >= COUNT,
        "some are gone there": lambda back, left: left < COUNT}
COUNT = 30


def test_killed_while_mail_comes_back(suite, session):
    """At each step, again and again: each message is back once."""
    address = suite.add_mailbox("back@" + DOMAIN)
    marks = sorted(deliver(suite, address, count=COUNT))
    killed = {}
    for name, reached in AMID.items():
        assert expunge(session, address) == "OK"
        assert len(deleted(suite, address)) == COUNT
        with subprocess.Popen(
                [suite.binary, "--root", suite.root, "mail", "undelete",
                 address], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as command:
            killed[name] = Move(suite, address).kill_when(reached)
            _, said = command.communicate(timeout=30)
        if killed[name]:
            assert command.returncode != 0 and "137" in said, said
            assert len(inbox(session, address)) + \
                len(deleted(suite, address)) >= COUNT
        suite.mailherd("mail", "undelete", address)
        assert inbox(session, address) == marks
        assert deleted(suite, address) == []
    assert len([counts for counts in killed.values() if counts]) >= 2


def removed(suite, address):
    return [row for row in suite.mailherd("mailbox", "deleted", json=True)
            if row["address"] == address]


@pytest.mark.full
@pytest.mark.parametrize("names", [False, True])
def test_a_full_disk_while_a_mailbox_goes_and_comes(
        lab, suite, session, disks, names):
    """Its mail is moved when there is room; until then nobody reaches it."""
    address = suite.add_mailbox("whole%d@%s" % (names, DOMAIN))
    marks = sorted(deliver(suite, address, count=3))
    home = suite.home(address)
    with disks["mail"].full(names):
        suite.mailherd("mailbox", "remove", address)
        assert not imap_may_login(lab.client, suite.host.ipv4, address)
        with Lmtp(suite) as lmtp:
            assert lmtp.recipient(address)[0] == 550
        if names:
            wait_for(lambda: "can not be moved" in suite.log("jobs"), 10,
                     "word of it")
            assert os.path.isdir(home)
    wait_for(lambda: removed(suite, address)[0]["settled"], 90, "moved")
    assert not os.path.isdir(home)
    with disks["mail"].full(names):
        suite.mailherd("mailbox", "undelete", address)
    wait_for(lambda: not removed(suite, address), 90, "mail back")
    assert inbox(session, address) == marks


@pytest.mark.full
def test_removed_and_back_on_a_full_disk(suite, session, disks):
    """Brought back before its mail could be moved away."""
    address = suite.add_mailbox("never-gone@" + DOMAIN)
    marks = sorted(deliver(suite, address, count=3))
    with disks["mail"].full(names=True):
        suite.mailherd("mailbox", "remove", address)
        suite.mailherd("mailbox", "undelete", address)
    wait_for(lambda: not removed(suite, address), 90, "settled")
    assert inbox(session, address) == marks
    assert deliver(suite, address)
