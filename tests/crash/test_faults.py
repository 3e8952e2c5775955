# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the machine: mail waits, status names the cause, all mends itself."""

import contextlib

import pytest

from lib.faults import PLACES, FileSystem, Ledger, may_log_in, wait_fact
from lib.lab import DOMAIN, Lab
from lib.suite import CommandError
from lib.wait import wait_for

TEMPORARY = (0, 421, 450, 451, 452, 454)


@pytest.fixture(scope="module")
def lab():
    """A lab whose suite has file systems of its own."""
    internet = Lab()
    disks = {}
    try:
        for place in PLACES:
            disks[place] = FileSystem(internet.mx.directory, place)
        internet.disks = disks
        internet.start_suite("lite")
        yield internet
    finally:
        internet.close()
        for disk in disks.values():
            disk.close()


@pytest.fixture(scope="module")
def suite(lab):
    return lab.suite


@pytest.fixture
def ann(mailbox):
    return mailbox("ann")


@pytest.fixture
def ledger(lab, suite, ann):
    """The book of the mail; judged when the test is over."""
    book = Ledger(lab)
    assert book.send(ann) == 250
    yield book
    book.judge(suite)


def edit_error(suite, address):
    """The error of a change that cannot be made."""
    with pytest.raises(CommandError) as caught:
        suite.edit_mailbox(address, quota="3G")
    assert caught.value.status in (1, 75)
    return caught.value.stderr


def dropped_lines(suite):
    return suite.log("log").count("log cannot be written, dropping lines")


def test_full_disks(lab, suite, ledger, ann, mailbox):
    """Mail store, databases and logs full at once, then the queue."""
    bob = mailbox("bob")
    with contextlib.ExitStack() as stack:
        for place in ("mail", "database", "log"):
            disk = stack.enter_context(lab.disks[place].full())
            text = wait_fact(suite, "disk." + place, False)
            assert "full" in text and disk.path in text and "free" in text
        assert ledger.send(ann) == 250
        assert ledger.send(bob, user=ann) == 250
        assert may_log_in(lab, ann) == "in"
        error = edit_error(suite, ann)
        assert lab.disks["database"].path in error, error
        assert "free space" in error
        wait_for(lambda: len(suite.queue()) == 2, 10, "mail that waits")
    # Without help: the agent has the queue tried again.
    wait_fact(suite, "disk.mail", True)
    wait_for(lambda: not suite.queue(), 20, "an empty queue")
    suite.edit_mailbox(ann, quota="3G")
    wait_for(lambda: "lines were dropped that could not be written"
             in suite.log("postfix"), 10, "the count of dropped lines")
    with lab.disks["queue"].full():
        wait_fact(suite, "disk.queue", False)
        assert ledger.send(ann) == 452
        assert ledger.send(bob, user=ann) == 452
        assert may_log_in(lab, ann) == "in"
    wait_fact(suite, "disk.queue", True)
    assert ledger.send(ann) == 250
