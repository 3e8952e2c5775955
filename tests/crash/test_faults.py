# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the machine: mail waits, status names the cause, all mends itself."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from lib.faults import (PLACES, Database, FileSystem, Ledger, fact,
                        may_log_in, wait_fact)
from lib.lab import DOMAIN, PEER_DOMAIN, Lab
from lib.matrix import Row, record
from lib.quota import fill, quota_in_imap, used
from lib.suite import CommandError
from lib.wait import wait_for

TEMPORARY = (421, 450, 451, 452, 454)
UNKNOWN = "nobody-of-that-name@" + DOMAIN


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
def ledger(lab, suite, ann, request):
    """The book of the mail; judged when the test is over."""
    book = Ledger(lab)
    assert book.send(ann) == 250
    yield book
    book.judge(suite)
    record([Row(request.node.name.removeprefix("test_").replace("_", " "),
                len(book.accepted), 0, 0)])


def edit_error(suite, address):
    """The error of a change that cannot be made."""
    with pytest.raises(CommandError) as caught:
        suite.edit_mailbox(address, quota="3G")
    assert caught.value.status in (1, 3, 75)
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


def test_numbers_of_quota_on_a_full_disk(lab, suite, ledger, ann):
    """Reports wait in memory, and what is lost with it is counted anew."""
    suite.edit_mailbox(ann, quota="1M")
    assert fill(lab, ann, 200 * 1024)[0] == "OK"
    wait_for(lambda: used(suite, ann) > 200 * 1024, 15, "number reported")
    with lab.disks["database"].full():
        wait_fact(suite, "disk.database", False)
        assert fill(lab, ann, 300 * 1024)[0] == "OK"
        assert ledger.send(ann) == 250
        # What waited in memory is gone, and nothing can be written.
        os.kill(suite.pid("directory"), signal.SIGKILL)
        wait_for(suite.all_ready, 60, "all ready")
        assert ledger.send(ann) in (250,) + TEMPORARY
        assert fill(lab, ann, 700 * 1024)[0] == "NO"  # over the quota
    wait_fact(suite, "disk.database", True)
    wait_for(lambda: used(suite, ann) > 500 * 1024, 30, "right number")
    wait_fact(suite, "quota.numbers", True)
    assert abs(used(suite, ann) - quota_in_imap(lab, ann) * 1024) <= 1024


# core.db

@pytest.fixture
def core(suite, ledger):
    database = Database(suite, "core")
    database.back_up()
    yield database
    if not fact(suite, "database")["ok"]:  # the test failed
        database.restore()
        wait_fact(suite, "database", True)


def test_core_db_locked(lab, suite, ledger, core, ann):
    locked(suite, ledger, core, ann, 6)


def locked(suite, ledger, core, ann, seconds):
    """A foreign program holds the lock of writers for so long."""
    end = time.monotonic() + seconds
    with core.locked():
        text = wait_fact(suite, "database", False)
        assert core.path in text and "locked" in text, text
        error = edit_error(suite, ann)
        assert "database is locked" in error and "try again" in error
        while time.monotonic() < end:
            # Readers are not kept from reading.
            assert ledger.send(ann) == 250
            assert ledger.send(ann, user=ann) == 250
            assert may_log_in(ledger.lab, ann) == "in"
            time.sleep(0.5)
    wait_fact(suite, "database", True)
    suite.edit_mailbox(ann, quota="4G")


def broken(lab, suite, ledger, ann, text, partly=False):
    """A temporary failure for everything, and the status says why.

    What is broken in part may still answer, and then right.
    """
    said = wait_fact(suite, "database", False)
    assert text in said and "core.db" in said and ";" in said, said
    assert ledger.send(ann) in TEMPORARY + (250,) * partly
    assert ledger.send(ann, user=ann) in TEMPORARY + (250,) * partly
    # Nobody is called unknown, though nobody can be looked up.
    stranger = Ledger(lab)
    assert stranger.send(UNKNOWN) in TEMPORARY + (550,) * partly
    assert may_log_in(lab, ann) in ("unavailable", "in")[:1 + partly]
    if not partly:
        edit_error(suite, ann)


def mended(lab, suite, ledger, ann):
    """All is well, without help, soon."""
    wait_fact(suite, "database", True)
    wait_fact(suite, "database.lookups", True)
    wait_for(lambda: may_log_in(lab, ann) == "in", 10, "a login", 0.3)
    wait_for(lambda: ledger.send(ann) == 250, 10, "mail", 0.3)
    suite.edit_mailbox(ann, quota="5G")


def test_core_db_overwritten_and_restored(lab, suite, ledger, core, ann):
    """The backup is put beside the old log, which must not be applied."""
    suite.edit_mailbox(ann, quota="2G")  # into the log
    core.overwrite()
    broken(lab, suite, ledger, ann, "")
    core.restore()
    mended(lab, suite, ledger, ann)


BREAKS = [("truncate", "empty"), ("halve", "core.db"),
          ("replace", "database"), ("remove", "gone")]


@pytest.mark.full
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("way,text", BREAKS)
def test_core_db_broken(lab, suite, ledger, core, ann, way, text, restart):
    suite.edit_mailbox(ann, quota="2G")
    getattr(core, way)()
    wait_fact(suite, "database", False)
    if restart:
        # Those that begin with a broken file wait for a good one.
        signal_service(suite, "jobs")
        signal_service(suite, "directory")
        wait_for(lambda: suite.svstat("jobs")["up"]
                 and suite.svstat("directory")["up"], 20, "a restart")
    broken(lab, suite, ledger, ann, "" if restart else text,
           partly=way == "halve")
    core.restore()
    mended(lab, suite, ledger, ann)


def signal_service(suite, name):
    """As after a crash: s6 starts it again."""
    os.kill(suite.pid(name), signal.SIGKILL)


@pytest.mark.full
def test_core_db_locked_for_a_minute(lab, suite, ledger, core, ann):
    locked(suite, ledger, core, ann, 60)


@pytest.mark.full
def test_core_db_not_readable(lab, suite, ledger, core, ann):
    """What is open stays open; who starts anew waits."""
    core.forbid()
    text = wait_fact(suite, "database", False)
    assert "may not" in text, text
    assert ledger.send(ann) == 250
    assert "may not" in edit_error(suite, ann)
    signal_service(suite, "directory")
    wait_fact(suite, "database.lookups", False)
    broken(lab, suite, ledger, ann, "may not")
    core.allow()
    mended(lab, suite, ledger, ann)


@pytest.mark.full
def test_log_of_core_db_cut(lab, suite, ledger, core, ann):
    suite.edit_mailbox(ann, quota="2G")
    wait_fact(suite, "database", True)
    core.cut_log()
    broken(lab, suite, ledger, ann, "-wal", partly=True)
    core.restore()
    mended(lab, suite, ledger, ann)


@pytest.mark.full
def test_core_db_held_by_a_foreign_program(lab, suite, ledger, core, ann):
    """One that came first and keeps everybody out, then goes."""
    foreign = sqlite3.connect(core.path, timeout=0.2, isolation_level=None)
    foreign.execute("PRAGMA locking_mode = EXCLUSIVE")
    wait_for(lambda: seized(suite, foreign), 30, "an exclusive lock")
    broken(lab, suite, ledger, ann, "locked")
    foreign.close()
    mended(lab, suite, ledger, ann)


def seized(suite, foreign):
    """Those who hold core.db come back later each time they die."""
    for name in ("directory", "jobs"):
        signal_service(suite, name)
    try:
        foreign.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True


# Programs that are dead for a while

# What a message may meet meanwhile. Those that are started anew each time
# they die serve in between: an answer may also be the right one.
DEAD = [("rspamd", TEMPORARY + (250,)),
        pytest.param("redis", (250,), marks=pytest.mark.full),
        pytest.param("directory", TEMPORARY + (250,),
                     marks=pytest.mark.full)]


@contextlib.contextmanager
def dying(suite, name):
    """Whatever starts as this service is killed, for a while."""
    end = threading.Event()

    def kill():
        while not end.is_set():
            pid = suite.pid(name)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            end.wait(0.05)
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        end.set()
        killer.join()


@pytest.mark.parametrize("name,codes", DEAD)
def test_service_dead(lab, suite, ledger, ann, name, codes):
    with dying(suite, name):
        found = wait_for(lambda: dead(suite, name), 10,
                         "the status to name " + name, 0.1)
        assert found["crashes"] > 0
        assert ledger.send(ann) in codes
        assert ledger.send(ann, user=ann) in codes
        assert may_log_in(lab, ann) in (
            ("in", "unavailable") if name == "directory" else ("in",))
    wait_for(suite.all_ready, 30, "all ready")
    wait_for(lambda: ledger.send(ann) == 250, 20, "mail", 0.5)
    assert may_log_in(lab, ann) == "in"


def dead(suite, name):
    """What the status says of a service that is not ready, or None."""
    found = suite.service_status(name)
    return found if found["state"] != "ready" else None


# The resolver

@pytest.mark.full
@pytest.mark.parametrize("way", ["dead", "silent", "failing"])
def test_resolver_dead(lab, suite, ledger, ann, mailbox, way):
    """Local mail goes on, mail for others waits, nothing bounces."""
    bob = mailbox("bob")
    with contextlib.ExitStack() as stack:
        if way == "dead":
            stack.enter_context(dying(suite, "unbound"))
        else:
            stack.enter_context(getattr(lab.dns, way)())
            suite.exec("unbound-control", "flush_zone", ".")
        text = wait_fact(suite, "resolver", False, 70)
        assert "dns failed" in text, text
        assert ledger.send(bob, user=ann) == 250
        suite.wait_mail(bob, ledger.accepted[-1][1])
        assert may_log_in(lab, ann) == "in"
        assert ledger.send("someone@" + PEER_DOMAIN, user=ann) == 250
        mark = ledger.accepted.pop()[1]
        # Whether the sender's domain exists cannot be known now.
        assert ledger.send(ann) in TEMPORARY + (250,)
        wait_for(lambda: any(m["queue_name"] == "deferred"
                             for m in suite.queue()), 120,
                 "mail for others that waits", 0.5)
        assert not suite.find_mail(ann, mark), "a bounce"
    wait_fact(suite, "resolver", True, 60)
    wait_for(lambda: lab.peer.inbox.find(mark), 90, "the mail to others")
    assert not suite.find_mail(ann, mark), "a bounce"
