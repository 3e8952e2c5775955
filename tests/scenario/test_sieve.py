# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of users: filing, and a vacation reply that really goes out."""

import os

from lib.smtp import make_mark, make_message
from lib.suite import PASSWORD

FILING = """require ["fileinto", "mailbox"];
if header :contains "X-List" "friends" {
    fileinto :create "Lists/Friends";
}
"""

VACATION = """require ["vacation", "variables"];
vacation :days 1 :subject "Away %s" "I am on an island.";
"""


def activate(lab, address, text):
    """Puts a script in force through ManageSieve."""
    path = os.path.join(lab.client.directory, address + ".sieve")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    for words in (["--localsieve", path, "--remotesieve", "rules",
                   "--upload"], ["--remotesieve", "rules", "--activate"]):
        lab.client.run(["sieve-connect", "--server", "mail.example.org",
                        "--user", address, "--notlsverify", "--passwordfd",
                        "0"] + words, input=PASSWORD + "\n")


def test_a_rule_files(lab, suite, mailbox):
    address = mailbox()
    activate(lab, address, FILING)
    filed, kept = make_mark(), make_mark()
    lab.peer.send("person@example.net", address, make_message(
        filed, "person@example.net", address,
        headers=["X-List: good friends"]))
    lab.peer.send("person@example.net", address, make_message(
        kept, "person@example.net", address))
    suite.wait_mail(address, kept)
    message = suite.wait_mail(address, filed, folder="Lists.Friends")
    assert "Friends" in message.path
    assert len(suite.find_mail(address, filed)) == 1


def test_vacation_replies_once(lab, suite, mailbox):
    address = mailbox()
    token = make_mark()
    activate(lab, address, VACATION % token)
    marks = [make_mark(), make_mark()]
    for mark in marks:
        lab.peer.send("asker@example.net", address, make_message(
            mark, "asker@example.net", address))
        suite.wait_mail(address, mark)
    reply = lab.peer.inbox.wait("Away " + token)
    assert "I am on an island." in reply.parsed.get_body().get_content()
    assert address in reply.header("From")
    assert reply.header("Auto-Submitted").startswith("auto-replied")
    assert "asker@example.net" in reply.header("Delivered-To")
    suite.wait_queue_empty()
    assert len(lab.peer.inbox.find("Away " + token)) == 1
