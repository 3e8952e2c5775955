# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything killed in one go under load, then `mailherd up`.

Mail by 25, 587 and IMAP comes in, and the command line changes things. What
was answered is there afterwards; of the rest everything or nothing.
"""

import random

import pytest

from lib.aftermath import Aftermath, Work
from lib.crash import Blackout, ScanCrash
from lib.matrix import record
from lib.wait import wait_for


def crash_under_work(work, suite, crashes):
    """Runs each crash at a moment of its own; the aftermath."""
    with work:
        for crash in crashes:
            wait_for(suite.all_ready, 60, "all ready")
            work.advance(random.randint(3, 7))
            crash.run()
        work.advance(4)
    return Aftermath(work, crashes)


def test_nothing_is_lost_when_everything_is_killed(lab, suite, mailbox):
    after = crash_under_work(Work(lab, suite, mailbox), suite,
                             [Blackout(suite), ScanCrash(suite)])
    record(after.rows())
    after.judge()


@pytest.mark.full
def test_everything_killed_again_and_again(lab, suite, mailbox):
    crashes = [Blackout(suite) for _ in range(10)]
    after = crash_under_work(Work(lab, suite, mailbox), suite, crashes)
    record(after.rows())
    after.judge()
