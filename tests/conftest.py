# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the scenario tests: one lab and one suite per session."""

import collections
import itertools
import os
import re
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.lab import DOMAIN, Lab  # noqa: E402
from lib.suite import PASSWORD  # noqa: E402

_seconds = collections.OrderedDict()
_counter = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "full: takes minutes; only ./check --full runs it")


def pytest_collection_modifyitems(items):
    """Crash tests come last: what they leave is nobody's starting point."""
    items.sort(key=lambda item: "/crash/" in str(item.fspath))


@pytest.fixture(scope="session")
def lab():
    if os.geteuid() != 0:
        pytest.skip("needs root for network namespaces")
    internet = Lab()
    try:
        yield internet
    finally:
        internet.close()


@pytest.fixture(scope="session")
def suite(lab):
    """The running suite, profile full."""
    started = time.monotonic()
    running = lab.start_suite()
    _seconds["setup and up"] = time.monotonic() - started
    return running


@pytest.fixture
def mailbox(suite, request):
    """Makes mailboxes that no other test knows: mailbox() -> address."""
    base = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
    base = base.removeprefix("test-").strip("-")[:32].strip("-")

    def make(name="", domain=DOMAIN, password=PASSWORD, **fields):
        local = "%s%d%s" % (base, next(_counter), "-" + name if name else "")
        return suite.add_mailbox("%s@%s" % (local, domain), password,
                                 **fields)
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Seconds per file, and the suite's logs below a failure."""
    outcome = yield
    report = outcome.get_result()
    name = os.path.relpath(str(item.fspath), str(item.config.rootpath))
    _seconds[name] = _seconds.get(name, 0.0) + report.duration
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab and lab.suite:
        report.sections.append(("logs of the suite",
                                lab.suite.log_tail(15)))


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("seconds")
    for name, seconds in _seconds.items():
        terminalreporter.write_line("%7.1f  %s" % (seconds, name))
