# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of quota and warnings after ends of all kinds: they mend themselves."""

import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing

import pytest

from lib.crash import Blackout, command_line, family
from lib.faults import wait_fact
from lib.lab import DOMAIN
from lib.quota import (fill, pending, quota_in_imap, spoil, undelivered,
                       usage_path, used, warnings)
from lib.wait import holds_for, wait_for

FACT = "quota.numbers"
MANY = 400


def wait_used(suite, wanted, deadline=20):
    wait_for(lambda: {a: used(suite, a) for a in wanted} == wanted, deadline,
             "right numbers")


def wait_reported(suite, address, least):
    wait_for(lambda: used(suite, address) >= least, 15, "number reported")
    return used(suite, address)


def query(suite, sql, *values):
    path = "file:%s?mode=ro" % usage_path(suite)
    with closing(sqlite3.connect(path, uri=True, timeout=10)) as database:
        return database.execute(sql, values).fetchall()


def doubt(suite):
    return query(suite, "SELECT doubt FROM quota_state")[0][0]


def test_a_killed_directory_has_numbers_counted_anew(lab, suite, mailbox):
    """A clean restart does not: nothing was lost with it."""
    address = mailbox(quota="1M")
    fill(lab, address, 200 * 1024)
    right = wait_reported(suite, address, 200 * 1024)
    wait_fact(suite, FACT, True)
    spoil(suite, address)
    before = doubt(suite)
    suite.restart("directory")
    holds_for(lambda: used(suite, address) == 5, 2)
    assert doubt(suite) == before
    os.kill(suite.pid("directory"), signal.SIGKILL)
    wait_used(suite, {address: right})
    wait_fact(suite, FACT, True)


def put_back(suite, copy):
    """What the last half minute of commits wrote is lost with the power."""
    path = usage_path(suite)
    for end in ("-wal", "-shm"):
        if os.path.exists(path + end):
            os.unlink(path + end)
    shutil.copyfile(copy, path)  # owner and mode stay


def test_numbers_mend_themselves_after_a_power_loss(
        lab, suite, mailbox, tmp_path):
    old, new = mailbox(quota="1M"), mailbox(quota="1M")
    fill(lab, old, 100 * 1024)
    wait_reported(suite, old, 100 * 1024)
    copy = str(tmp_path / "usage.db")
    with closing(sqlite3.connect(usage_path(suite))) as database:
        with closing(sqlite3.connect(copy)) as target:
            database.backup(target)
    fill(lab, old, 300 * 1024)
    fill(lab, new, 500 * 1024)
    right = {old: wait_reported(suite, old, 400 * 1024),
             new: wait_reported(suite, new, 500 * 1024)}
    Blackout(suite, meanwhile=lambda: put_back(suite, copy)).run()
    wait_used(suite, right)
    for address, size in right.items():
        assert abs(quota_in_imap(lab, address) * 1024 - size) <= 1024
    wait_fact(suite, FACT, True)


def add_many(suite):
    lines = "".join(json.dumps({
        "address": "many%d@%s" % (n, DOMAIN), "quota": 1 << 20,
        "password_hash": "{SSHA256}none"}) + "\n" for n in range(MANY))
    suite.mailherd("mailbox", "import", "-", input=lines)
    suite.mailherd("mailbox", "recount", "--all")


@pytest.mark.full
def test_killed_jobs_go_on_where_they_were(lab, suite, mailbox):
    """What was counted is not counted again."""
    add_many(suite)
    wait_for(lambda: query(suite, "SELECT count(*) FROM quota")[0][0] >=
             MANY, 10, "all have a number")
    with closing(sqlite3.connect(usage_path(suite), timeout=10)) as database:
        database.execute("UPDATE quota SET bytes = 5")
        database.commit()
    os.kill(suite.pid("directory"), signal.SIGKILL)

    def progress():
        rows = query(suite, "SELECT mailbox_id, change FROM quota WHERE "
                     "change >= (SELECT doubt FROM quota_state)")
        return dict(rows) if 0 < len(rows) < MANY else None
    done = wait_for(progress, 20, "some are counted", every=0.01)
    os.kill(suite.pid("jobs"), signal.SIGKILL)
    done = progress() or done
    wait_fact(suite, FACT, True, 60)
    assert query(suite, "SELECT count(*) FROM quota WHERE bytes = 5") == [
        (0,)]
    after = dict(query(suite, "SELECT mailbox_id, change FROM quota"))
    again = [i for i, change in done.items() if after[i] != change]
    assert len(done) > 0 and not again, (len(done), again)


def warners(suite):
    return [pid for pid in family(suite) if any(
        word.endswith("mailherd-quota-warning")
        for word in command_line(pid)[:2])]


def test_a_killed_warning_is_sent_again(lab, suite, mailbox):
    """Killed while Dovecot's delivery waits for a lock of the mailbox."""
    address = mailbox(quota="1M")
    lock = os.path.join(suite.home(address), "Maildir/dovecot-uidlist.lock")
    with undelivered(lab, suite, address):
        with open(lock, "w", encoding="ascii") as file:
            file.write("%d:%s" % (os.getpid(), os.uname().nodename))
    victim = wait_for(lambda: warners(suite), 15, "a program at work",
                      every=0.01)[0]
    os.kill(victim, signal.SIGKILL)
    assert pending(suite, address) == 3
    os.unlink(lock)
    wait_for(lambda: pending(suite, address) == 0, 30, "nothing waits")
    said = warnings(lab, address)
    # The delivery that was under way may have been done, too.
    assert len({m["Message-ID"] for m in said}) == 1, said
    assert 1 <= len(said) <= 2
