# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock jumps by a day, forward and back, while all runs.

The machine's clock stays as it is: our programs, Postfix and Dovecot are
started with libfaketime, which takes its offset from a file. Redis and
Rspamd do not start with it, and Unbound would be right to refuse
signatures of the future.
"""

import glob
import imaplib
import os
import shutil

import pytest

from lib import suite as suites
from lib.faults import Ledger, fact, may_log_in
from lib.imap import imap_login
from lib.lab import Lab
from lib.matrix import Row, record
from lib.wait import wait_for

pytestmark = pytest.mark.full

DAY = 86400
FAKED = ("log", "jobs", "directory", "watch", "dovecot", "postfix")
# Every jail may read it; in the services' view the file lies over it.
PLACE = "/etc/issue.net"


def library():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found or not os.path.exists(PLACE):
        pytest.skip("no libfaketime")
    return found[0]


class Clock:
    """The file that says how wrong the clock is."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "clock")
        self.jump(0)

    def jump(self, seconds):
        # In place: the services see this file, not this name.
        with open(self.path, "w", encoding="ascii") as file:
            file.write("%+d\n" % seconds)


def fake(prefix, clock):
    """Has the services of a staged tree started with the clock's file."""
    share = os.path.join(prefix, "share/mailherd")
    files = [os.path.join(share, "programs.conf")] + glob.glob(
        share + "/engines/*/engine.conf")
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for name in FAKED:
            if "service = %s\n" % name in text:
                text += "".join("%s.%s\n" % (name, line) for line in (
                    "mount = %s %s" % (clock.path, PLACE),
                    "environment = LD_PRELOAD=" + library(),
                    "environment = FAKETIME_TIMESTAMP_FILE=" + PLACE,
                    "environment = FAKETIME_NO_CACHE=1",
                    "environment = FAKETIME_DONT_FAKE_MONOTONIC=1"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    directory = tmp_path_factory.mktemp("clock")
    prefix = directory / "usr"
    shutil.copytree(suites.stage(), prefix, symlinks=True)
    for path in [directory, *directory.parents]:
        if str(path) != "/tmp" and str(path).startswith("/tmp"):
            path.chmod(0o755)
    internet = Lab()
    patch = pytest.MonkeyPatch()
    try:
        internet.clock = Clock(str(directory))
        fake(str(prefix), internet.clock)
        patch.setenv("MAILHERD_STAGE", str(prefix))
        internet.start_suite("lite")
        yield internet
    finally:
        internet.close()
        patch.undo()


@pytest.fixture(scope="module")
def suite(lab):
    return lab.suite


def goes_on(lab, suite, ledger, ann, password):
    """Mail in and out, a login, a kick, and what the status says."""
    wait_for(lambda: ledger.send(ann) == 250, 20, "mail", 0.5)
    wait_for(lambda: may_log_in(lab, ann) == "in", 20, "a login", 0.5)
    assert ledger.send(ann, user=ann) == 250
    for recipient, mark in ledger.accepted[-2:]:
        suite.wait_mail(recipient, mark)
    session = imap_login(lab.client, lab.mx.ipv4, ann)
    session.select("INBOX")
    suite.set_password(ann, password)
    wait_for(lambda: is_ended(session), 10, "the end of the session", 0.2)
    suite.set_password(ann, suites.PASSWORD)
    assert suite.all_ready()
    for name in ("database", "dkim", "disk.mail", "resolver"):
        assert fact(suite, name)["ok"], name


def is_ended(session):
    try:
        session.noop()
    except (imaplib.IMAP4.abort, OSError):
        return True
    return False


def test_clock_jumps_a_day(lab, suite, mailbox):
    ann = mailbox("ann")
    ledger = Ledger(lab)
    try:
        for offset in (0, DAY, 0, -DAY, DAY, 0):
            lab.clock.jump(offset)
            message = ledger.send(ann), offset
            assert message[0] in (250, 421, 450, 451, 454), message
            goes_on(lab, suite, ledger, ann, "another %d" % offset)
    finally:
        lab.clock.jump(0)
    ledger.judge(suite)
    record([Row("clock jumps of a day", len(ledger.accepted), 0, 0)])
