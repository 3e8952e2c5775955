# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of everything in turn, under load: it comes back, nothing is lost."""

import pytest

from lib.crash import Crash, LoginProbe
from lib.load import Account, Load
from lib.matrix import record
from lib.wait import wait_for

BACK_SECONDS = 2.0
# The everyday subset: one of each kind of state.
EVERYDAY = ["directory", "agent", "log", "postfix", "dovecot", "rspamd"]
EVERYDAY_SUPERVISORS = ["dovecot", "directory"]


def settle(suite):
    """Back-off counts deaths: each kill is to be a first one."""
    wait_for(suite.all_ready, 60, "all ready")


def kill_under_load(lab, suite, recipients, victims, workers=4):
    """Kills each (service, supervisor?) in turn; the account of the mail."""
    load = Load(lab.client, lab.mx.ipv4, recipients, workers).start()
    crashes = []
    try:
        wait_for(lambda: len(load.accepted()) >= 20, 60, "load")
        for service, supervisor in victims:
            settle(suite)
            seen = len(load.accepted())
            crashes.append(Crash(suite, service, supervisor).run())
            wait_for(lambda n=seen: len(load.accepted()) >= n + 15, 60,
                     "mail after the kill of " + crashes[-1].name)
    finally:
        load.stop()
    suite.wait_queue_empty(90)
    account = Account(load, suite, [crash.at for crash in crashes])
    record([account.row(crash, following.at if following else float("inf"))
            for crash, following in zip(crashes, crashes[1:] + [None])])
    print(account)
    for reason, count in load.refusals().most_common():
        print("%5d x %s" % (count, reason))
    return crashes, account


def judge(crashes, account):
    assert not account.lost(), "lost: %s" % account.lost()
    assert not account.unexcused(), account.unexcused()
    assert not account.load.permanent_refusals()
    late = ["%s %.2f s" % (c.name, c.seconds) for c in crashes
            if c.seconds > BACK_SECONDS]
    assert not late, late


@pytest.fixture
def boxes(mailbox):
    return [mailbox("a"), mailbox("b"), mailbox("c")]


def test_some_killed_under_load(lab, suite, boxes):
    victims = [(name, False) for name in EVERYDAY]
    victims += [(name, True) for name in EVERYDAY_SUPERVISORS]
    crashes, account = kill_under_load(lab, suite, boxes, victims)
    assert len(account.load.accepted()) >= 100
    judge(crashes, account)


@pytest.mark.full
def test_each_killed_under_load(lab, suite, boxes):
    names = suite.active()
    assert {"directory", "agent", "postfix", "dovecot", "clamd"} <= set(names)
    victims = [(name, False) for name in names]
    victims += [(name, True) for name in names]
    # More than rspamd takes: mail is in flight at every kill.
    crashes, account = kill_under_load(lab, suite, boxes, victims, 6)
    assert len(account.load.accepted()) >= 300
    judge(crashes, account)


def probe_587(lab, suite, user, action, times):
    """Repeats action under constant logins; (refused, answers)."""
    with LoginProbe(lab.client, lab.mx.ipv4, user) as probe:
        wait_for(lambda: 235 in probe.answers, 20, "a login")
        for _ in range(times):
            settle(suite)
            action()
            seen = len(probe.answers)
            wait_for(lambda n=seen: 235 in probe.answers[n:], 20,
                     "a login after it")
    print("\n%d logins: %s" % (len(probe.answers), {
        a: probe.answers.count(a) for a in set(probe.answers)}))
    return probe


def test_port_587_stays_when_the_directory_is_killed(lab, suite, mailbox):
    probe = probe_587(lab, suite, mailbox(),
                      Crash(suite, "directory").run, 3)
    assert not probe.refused
    assert set(probe.answers) <= {235, 421, 451, 454}, probe.answers


def test_port_587_stays_when_the_directory_is_restarted(lab, suite, mailbox):
    probe = probe_587(lab, suite, mailbox(),
                      lambda: suite.restart("directory"), 3)
    assert not probe.refused
    assert set(probe.answers) <= {235, 421, 451, 454}, probe.answers
