# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's init is killed while messages wait in the queue: they are
there after the next boot, and arrive once the other side is back."""

from lib.exchange import OUTSIDER, expect_exchange, subjects
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import PASSWORD
from lib.wait import wait_for

WAITING = 50


def submit_many(lab, host, sender, marks):
    with Smtp(lab.client, host.ipv4, 587) as client:
        client.ehlo()
        client.starttls()
        client.login(sender, PASSWORD)
        for mark in marks:
            client.send_message(sender, OUTSIDER, make_message(
                mark, sender=sender, recipient=OUTSIDER))


def deferred(machine):
    """Queue ids of what was tried and waits."""
    return sorted(entry["queue_id"] for entry in machine.queue()
                  if entry["queue_name"] == "deferred")


def copies_at_peer(lab, marks):
    return [len(lab.peer.inbox.find(mark)) for mark in marks]


def test_deferred_mail_survives_a_killed_init(lab, host, machine, stranger):
    before = subjects(lab, host, stranger)
    marks = [make_mark() for _ in range(WAITING)]
    lab.peer.stop()
    try:
        submit_many(lab, host, stranger, marks)
        wait_for(lambda: len(deferred(machine)) == WAITING, 60,
                 "50 deferred messages", every=0.5)
        waiting = deferred(machine)
        machine.kill_init()
        machine.boot()
        machine.wait_healthy()
        assert sorted(e["queue_id"] for e in machine.queue()) == waiting
    finally:
        lab.peer.start()
    machine.run("mailherd", "exec", "postqueue", "-f")
    wait_for(lambda: not machine.queue(), 60, "empty queue", every=0.5)
    wait_for(lambda: all(copies_at_peer(lab, marks)), 10, "50 messages")
    assert copies_at_peer(lab, marks) == [1] * WAITING
    assert subjects(lab, host, stranger) == before
    expect_exchange(lab, host, stranger)
