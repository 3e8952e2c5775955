# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching: at once, unasked soon after, and with a broken index."""

import glob
import os
import shutil

import pytest

from lib.imap import imap_login
from lib.smtp import make_mark, make_message
from lib.wait import wait_for


@pytest.fixture(scope="module", autouse=True)
def quick(suite):
    """A short lag: the tests wait for it."""
    suite.configure({"search.lag": "2"})
    suite.restart("jobs")
    yield
    suite.configure({"search.lag": "30"})
    suite.restart("jobs")


def index_of(suite, address):
    home = suite.home(address)
    return os.path.join(suite.root, "var/lib/mailherd/index",
                        *home.split("/")[-2:])


def databases(suite, address):
    """The search index's data files, with their sizes."""
    return {path: os.path.getsize(path) for path in glob.glob(
        index_of(suite, address) + "/xapian-indexes/db_*/postlist.glass")}


def search_word(lab, suite, address, word):
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select("INBOX")
    session.literal = word.encode()
    status, data = session.uid("SEARCH", "CHARSET", "UTF-8", "BODY")
    session.logout()
    assert status == "OK"
    return data[0].split()


def facts(session):
    """Of the first message; who was the first to see it is no fact."""
    data = session.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE)")[1]
    return [line.replace(b"\\Recent ", b"") for line in data]


def deliver(lab, suite, address, text):
    mark = make_mark()
    lab.peer.send("person@example.net", address, make_message(
        mark, "person@example.net", address, body=text))
    suite.wait_mail(address, mark, deadline=60)
    return mark


def test_new_mail_is_found_at_once(lab, suite, mailbox):
    address = mailbox()
    deliver(lab, suite, address, "Die Größe überrascht den Seebären.\r\n")
    for word in ("Größe", "GRÖßE", "überrascht", "Seebär"):
        assert len(search_word(lab, suite, address, word)) == 1, word
    assert search_word(lab, suite, address, "Landratte") == []


def test_mail_is_indexed_unasked(lab, suite, mailbox):
    address = mailbox()
    deliver(lab, suite, address, "a walrus on the beach\r\n")
    wait_for(lambda: databases(suite, address), 60,
               "no index was made in the background")
    status = suite.mailherd("search", "status", json=True)
    assert status["failing"] == []


def test_a_damaged_index_answers_and_is_made_anew(lab, suite, mailbox):
    address, other = mailbox(), mailbox()
    deliver(lab, suite, address, "first walrus\r\n")
    suite.mailherd("search", "index", address)
    assert len(search_word(lab, suite, address, "walrus")) == 1
    for path in databases(suite, address):
        os.truncate(path, 100)
        with open(os.path.join(os.path.dirname(path), "iamglass"),
                  "wb") as out:
            out.write(b"rubbish")
    deliver(lab, suite, address, "second walrus\r\n")
    deliver(lab, suite, other, "beside\r\n")
    assert len(search_word(lab, suite, address, "walrus")) == 2
    wait_for(lambda: address in [f["address"] for f in suite.mailherd(
        "search", "status", json=True)["failing"]], 60,
        "the damaged index is not told")
    wait_for(lambda: databases(suite, other), 30, "it held up another")
    suite.mailherd("search", "rebuild", address)
    assert len(search_word(lab, suite, address, "walrus")) == 2
    assert databases(suite, address)


def test_a_removed_index_loses_nothing(lab, suite, mailbox):
    address = mailbox()
    deliver(lab, suite, address, "a walrus to keep\r\n")
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select("INBOX")
    session.store("1", "+FLAGS", r"(\Flagged $Label1)")
    before = facts(session)
    validity = session.response("UIDVALIDITY")[1]
    quota = session.getquotaroot("INBOX")[1]
    session.logout()
    shutil.rmtree(index_of(suite, address))
    session = imap_login(lab.client, lab.mx.ipv4, address)
    session.select("INBOX")
    assert facts(session) == before
    assert session.response("UIDVALIDITY")[1] == validity
    assert session.getquotaroot("INBOX")[1] == quota
    session.logout()
    assert len(search_word(lab, suite, address, "walrus")) == 1


def test_kills_only_repeat_work(lab, suite, mailbox):
    address = mailbox()
    for i in range(3):
        deliver(lab, suite, address, "walrus number %d\r\n" % i)
        name = ("jobs", "dovecot", "agent")[i]
        killed = suite.pid(name)
        os.kill(killed, 9)
        wait_for(lambda: suite.pid(name) not in (None, killed) and
                 suite.all_ready(), 60, "not ready again")
    wait_for(lambda: databases(suite, address), 90, "was not indexed")
    assert len(search_word(lab, suite, address, "walrus")) == 3
