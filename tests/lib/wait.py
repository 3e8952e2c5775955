# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition with a deadline: the only way tests wait."""

import time


class Overdue(AssertionError):
    """The condition did not come true before the deadline."""


def wait_for(condition, deadline=15.0, what=None, every=0.02):
    """Returns the first true value of condition(), or raises Overdue.

    An exception of condition() counts as "not yet"; the last one is shown
    when time is up.
    """
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except Overdue:
            raise
        except Exception as error:  # shown below when it stays
            last = error
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", "condition")
            raise Overdue("no %s within %g s; last: %r" % (
                name, deadline, last))
        time.sleep(every)


def holds_for(condition, seconds, what=None, every=0.05):
    """Asserts that condition() stays true; for "never" and "not yet"."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), "%s ended early" % (what or "condition")
        time.sleep(every)
