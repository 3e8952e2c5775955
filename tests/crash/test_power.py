# SPDX-License-Identifier: GPL-3.0-or-later
"""Power loss, simulated as LazyFS does, under queue, mail and databases.

First what the simulation itself promises, then the suite on top of it:
load of every kind, everything killed, what was not synced dropped, `up`.
"""

import errno
import os
import random
import sqlite3
import subprocess
import sys

import pytest

from lib.aftermath import Aftermath, Work
from lib.crash import Blackout
from lib.matrix import record
from lib.power import lose_all, powered
from lib.smtp import make_mark, make_message
from lib.wait import wait_for


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def write(path, data, synced=False):
    with open(path, "ab") as out:
        out.write(data)
        out.flush()
        if synced:
            os.fsync(out.fileno())


def read(path):
    with open(path, "rb") as stored:
        return stored.read()


@pytest.fixture(params=["journal", "each"])
def plug(request, tmp_path):
    """(directory, lose) on either promise."""
    tmp_path.chmod(0o755)
    with powered([str(tmp_path)], each=request.param == "each") as powers:
        yield str(tmp_path), lambda: lose_all(powers), request.param


def test_only_synced_bytes_remain(plug):
    here, lose, _ = plug
    write(here + "/file", b"a" * 100, synced=True)
    write(here + "/file", b"b" * 100)
    assert len(read(here + "/file")) == 200
    lose()
    assert read(here + "/file") == b"a" * 100


def test_a_name_needs_a_sync_of_its_own(plug):
    here, lose, promise = plug
    write(here + "/synced", b"s", synced=True)
    write(here + "/bytes-only", b"u")
    write(here + "/neither", b"n")
    os.mkdir(here + "/directory")
    sync(here + "/synced")
    lose()
    # A journal takes all names along, but not the bytes behind them.
    assert os.path.exists(here + "/directory") == (promise == "journal")
    assert read(here + "/synced") == b"s"
    assert not os.path.exists(here + "/neither") or \
        read(here + "/neither") == b""


def test_a_rename_replaces_whole_files(plug):
    here, lose, _ = plug
    write(here + "/name", b"old", synced=True)
    write(here + "/new", b"new", synced=True)
    os.rename(here + "/new", here + "/name")
    lose()
    assert read(here + "/name") == b"old"
    assert read(here + "/new") == b"new"
    os.rename(here + "/new", here + "/name")
    sync(here)
    lose()
    assert os.listdir(here) == ["name"] and read(here + "/name") == b"new"


def test_links_fifos_modes_and_errors_are_those_of_a_file_system(plug):
    here, lose, _ = plug
    write(here + "/one", b"1")
    os.link(here + "/one", here + "/two")
    os.mkfifo(here + "/fifo", 0o620)
    os.symlink("one", here + "/link")
    os.mkdir(here + "/inner", 0o750)
    os.chown(here + "/inner", 1, 2)
    write(here + "/inner/file", b"i")
    for act, code in ((lambda: os.rmdir(here + "/inner"), errno.ENOTEMPTY),
                      (lambda: os.link(here + "/one", here + "/two"),
                       errno.EEXIST),
                      (lambda: os.unlink(here + "/none"), errno.ENOENT)):
        with pytest.raises(OSError) as refused:
            act()
        assert refused.value.errno == code
    for name in ("one", "inner/file", "inner", ""):
        sync(here + "/" + name)
    number = os.stat(here + "/inner/file").st_ino
    lose()
    assert os.stat(here + "/inner/file").st_ino == number
    assert os.stat(here + "/two").st_ino == os.stat(here + "/one").st_ino
    assert os.stat(here + "/two").st_nlink == 2
    assert read(here + "/link") == b"1"
    inner = os.stat(here + "/inner")
    assert (inner.st_mode & 0o7777, inner.st_uid, inner.st_gid) == (
        0o750, 1, 2)
    assert os.stat(here + "/fifo").st_mode & 0o777 == 0o620 & ~_umask()
    assert read(here + "/inner/file") == b"i"


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Two processes share the index of the log by mmap; both are killed.
WRITER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA journal_mode=WAL")
base.execute("CREATE TABLE t (n INTEGER)")
base.execute("PRAGMA synchronous=" + sys.argv[2])
for n in range(50):
    base.execute("INSERT INTO t VALUES (?)", (n,))
print("written", flush=True)
sys.stdin.read()
"""
READER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
print(base.execute("SELECT count(*) FROM t").fetchone()[0], flush=True)
sys.stdin.read()
"""


def sqlite(program, *arguments):
    return subprocess.Popen([sys.executable, "-c", program, *arguments],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.parametrize("mode,kept", [("FULL", 50), ("OFF", 0)])
def test_sqlite_keeps_what_its_mode_promises(plug, mode, kept):
    """A mode without syncs loses rows: the simulation has teeth."""
    here, lose, _ = plug
    path = here + "/base.db"
    writer = sqlite(WRITER, path, mode)
    assert writer.stdout.readline() == b"written\n"
    reader = sqlite(READER, path)
    assert reader.stdout.readline() == b"50\n"
    for process in (writer, reader):
        process.kill()
        process.communicate()
    lose()
    again = sqlite3.connect(path)
    assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert again.execute("SELECT count(*) FROM t").fetchone()[0] == kept
    again.close()


# The suite

def test_locks_that_a_power_loss_left_go_before_dovecot_starts(
        suite, mailbox):
    """Without content they would stop a mailbox for two minutes."""
    home = suite.home(mailbox())
    folder = home + "/Maildir/.Sub"
    suite.host.run(["setpriv", "--reuid=vmail", "--regid=vmail",
                    "--clear-groups", "mkdir", "-p", folder + "/tmp",
                    folder + "/cur"])
    stale = [home + "/Maildir/dovecot-uidlist.lock",
             folder + "/dovecot-keywords.lock"]
    held = home + "/Maildir/subscriptions.lock"
    linked = folder + "/dovecot-uidlist.lock"
    for path in stale:
        write(path, b"")
    write(held, b"1:elsewhere")
    os.symlink(stale[0], linked)
    # A copy that was not completed, and one that does not share its bytes.
    for name in ("linked", "whole"):
        write(folder + "/tmp/" + name, b"bytes")
    os.link(folder + "/tmp/linked", folder + "/cur/1.linked:2,")
    stale.append(folder + "/tmp/linked")
    suite.restart("dovecot")
    wait_for(lambda: not any(os.path.exists(p) for p in stale), 10,
             "end of the locks")
    assert os.path.exists(held) and os.path.islink(linked)
    assert os.path.exists(folder + "/tmp/whole")
    assert read(folder + "/cur/1.linked:2,") == b"bytes"
    # Nobody opens this mailbox while they are there: doveadm would wait.
    os.unlink(held)
    os.unlink(linked)


def test_a_misnamed_queue_file_is_renamed_before_postfix_starts(
        suite, mailbox):
    """After a restore its name, made of its inode, is another's."""
    address, mark = mailbox(), make_mark()
    drop = suite.root + "/var/lib/mailherd/engines/postfix/spool/maildrop/"
    suite.down()
    try:
        suite.exec("sendmail", "-f", address, address,
                   input=make_message(mark).decode())
        name, = os.listdir(drop)
        os.rename(drop + name, drop + name[:5] + "ABCDE")
        before = suite.log("postfix")
    finally:
        suite.up()
    suite.wait_mail(address, mark)
    said = suite.log("postfix").removeprefix(before)
    assert "CHANGED TO MATCH INODE NUMBERS" in said, said
    assert "hook failed" not in said, said


PLACES = {
    "queue": ["var/lib/mailherd/engines/postfix/spool"],
    "mail": ["var/lib/mailherd/vmail"],
    "databases": ["var/lib/mailherd/db"],
}
PLACES["all three"] = sum(PLACES.values(), [])


class PowerLoss(Blackout):
    """Everything killed, then what is not synced lost; without power no
    command runs either, and none must look below the mounts."""

    def __init__(self, suite, name, powers, changes):
        super().__init__(suite, name, self._lose)
        self._powers = powers
        self._changes = changes

    def kill(self):
        self._changes.hold()
        super().kill()
        self._changes.wait_idle()

    def _lose(self):
        lose_all(self._powers)
        self._changes.go_on()


def lose_power_under_work(lab, suite, mailbox, place, rounds=1, **options):
    """The aftermath of so many losses of what is not synced there."""
    work = Work(lab, suite, mailbox)
    directories = [os.path.join(suite.root, path) for path in PLACES[place]]
    suite.down()
    try:
        with powered(directories, **options) as powers:
            suite.up()
            name = "power loss, %s%s" % (
                place, ", no journal" if options.get("each") else "")
            crashes = [PowerLoss(suite, name, powers, work.changes)
                       for _ in range(rounds)]
            with work:
                for crash in crashes:
                    wait_for(suite.all_ready, 60, "all ready")
                    work.advance(random.randint(3, 7))
                    crash.run()
                work.advance(4)
            after = Aftermath(work, crashes)
            record(after.rows())
            # Without a journal a maildir may be there in part; Dovecot
            # mends it when it is opened, and only then counts it.
            after.judge(flags=False, numbers=not options.get("each"))
            suite.down()
    finally:
        suite.up()
    return after


def test_nothing_is_lost_with_the_power(lab, suite, mailbox):
    lose_power_under_work(lab, suite, mailbox, "all three")


@pytest.mark.full
@pytest.mark.parametrize("each,survive", [
    (False, 0), (False, 50), (True, 0), (True, 50)])
@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_lost_with_the_power_again_and_again(
        lab, suite, mailbox, place, each, survive):
    lose_power_under_work(lab, suite, mailbox, place, 3, each=each,
                          survive=survive)
