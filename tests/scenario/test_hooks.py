# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the administrator that run before a service starts."""

import os
import shutil

import pytest

from lib.suite import CommandError
from lib.wait import wait_for


@pytest.fixture
def hooks(suite):
    """put(service, name, script, mode): a hook; all are removed again."""
    base = os.path.join(suite.root, "etc/mailherd/hooks")
    used = set()

    def put(service, name, script, mode=0o755):
        used.add(service)
        os.makedirs(os.path.join(base, service), mode=0o755, exist_ok=True)
        path = os.path.join(base, service, name)
        with open(path, "w", encoding="ascii") as out:
            out.write("#!/bin/sh\n" + script + "\n")
        os.chmod(path, mode)
        return path
    yield put
    shutil.rmtree(base, ignore_errors=True)
    for service in used:
        suite.restart(service)


def test_hooks_run_in_order_before_the_start(suite, hooks, tmp_path):
    said = tmp_path / "said"
    say = 'echo "%s $MAILHERD_SERVICE $MAILHERD_ROOT $(id -u)" >>' + str(said)
    hooks("nginx", "20-second", say % "second")
    # The service must not be there yet: its private mounts are.
    hooks("nginx", "10-first", say % "first" +
          '\necho "resolver: $(grep -c 127.0.53.1 /etc/resolv.conf)"'
          "\necho to-the-log")
    before = suite.pid("nginx")
    suite.restart("nginx")
    assert suite.pid("nginx") != before
    assert suite.svstat("nginx")["ready"]
    where = suite.root + "/ 0"
    assert said.read_text().splitlines() == [
        "first nginx " + where, "second nginx " + where]
    log = suite.log("nginx")
    assert "to-the-log" in log and "resolver: 1" in log
    assert log.index("10-first") < log.index("20-second")
    # Probes run none, and neither do other services.
    suite.restart("redis")
    assert len(said.read_text().splitlines()) == 2


def test_hooks_run_at_a_start_after_a_crash(suite, hooks, tmp_path):
    said = tmp_path / "said"
    hooks("unbound", "1", "echo x >>%s" % said)
    before = suite.pid("unbound")
    os.kill(before, 9)
    wait_for(said.exists, 15, "another start")
    wait_for(lambda: suite.svstat("unbound")["ready"] and
             suite.pid("unbound") != before, 15, "unbound again")
    assert said.read_text() == "x\n"


def test_a_failing_hook_is_named_and_the_service_starts(suite, hooks):
    bad = hooks("nginx", "10-bad", "echo going-wrong >&2; exit 3")
    others = hooks("nginx", "20-others", "echo never", 0o777)
    hooks("nginx", "30-good", "echo ran-all-the-same")
    suite.restart("nginx")
    assert suite.svstat("nginx")["ready"]
    log = suite.log("nginx")
    lines = [line for line in log.splitlines() if bad in line]
    assert "hook failed" in lines[-1] and "status=3" in lines[-1]
    assert "going-wrong" in log and "ran-all-the-same" in log
    assert any("skipped" in line and "writable by root only" in line
               for line in log.splitlines() if others in line)


@pytest.mark.full
def test_an_overdue_hook_is_ended_and_the_service_starts(suite, hooks):
    path = hooks("unbound", "10-slow", "exec sleep 120")
    # Longer than the service's own deadline, so the restart says so.
    with pytest.raises(CommandError):
        suite.restart("unbound")
    wait_for(lambda: suite.svstat("unbound")["ready"], 45, "unbound ready")
    lines = [line for line in suite.log("unbound").splitlines()
             if path in line]
    assert "took too long" in lines[-1]
