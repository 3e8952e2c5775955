# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian brings a new build of an engine: dpkg's trigger has the suite
restart what runs the old one, and nothing else."""

import pytest

from lib.exchange import expect_exchange
from lib.wait import wait_for

from .test_unit import unit_processes, wait_for_services

OVERRIDE = "/etc/mailherd/engines/dovecot/dovecot.conf"
INSTALL_SECONDS = 300


def reinstall(machine, name):
    """apt's output; the way to package sources is open meanwhile."""
    machine.connect()
    try:
        done = machine.run("env", "DEBIAN_FRONTEND=noninteractive",
                           "apt-get", "install", "-y", "-q", "--reinstall",
                           name, timeout=INSTALL_SECONDS)
    finally:
        machine.disconnect()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def stale_processes(machine):
    """Lines of the unit's processes that run a file that is gone."""
    found = []
    for pid in unit_processes(machine):
        done = machine.run("sh", "-c", "readlink /proc/$0/exe; "
                           "cat /proc/$0/maps", str(pid))
        found += ["%d %s" % (pid, line) for line in done.stdout.splitlines()
                  if "(deleted)" in line and "/usr/" in line]
    return found


def expect_restarted(before, after, name):
    assert {n for n in before if before[n] != after[n]} == {name}


@pytest.fixture
def broken_override(machine):
    """An override that Dovecot's own check refuses."""
    kept = machine.run("cat", OVERRIDE)
    machine.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && '
                'echo "no_such_setting = yes" >>"$0"', OVERRIDE)

    def mend():
        if kept.returncode == 0:
            machine.run("sh", "-c", 'printf %s "$1" >"$0"', OVERRIDE,
                        kept.stdout)
        else:
            machine.run("rm", "-f", OVERRIDE)
    yield mend
    mend()


def test_reinstalled_engine_is_restarted(lab, host, machine, stranger):
    before = machine.service_pids()
    reinstall(machine, "dovecot-core")
    wait_for(lambda: not stale_processes(machine), 60, "nothing stale",
             every=0.5)
    after = wait_for_services(machine, before.keys())
    expect_restarted(before, after, "dovecot")
    expect_exchange(lab, host, stranger)


@pytest.mark.full
def test_broken_check_leaves_the_old_one_running(
        lab, host, machine, stranger, broken_override):
    before = machine.service_pids()
    reinstall(machine, "dovecot-core")
    wait_for(lambda: "no_such_setting" in machine.run("mailherd",
                                                      "status").stdout,
             60, "the check's refusal in the status", every=0.5)
    assert machine.service_pids() == before
    stale = {service["name"]: service["stale"]
             for service in machine.mailherd("status")["services"]
             if service.get("stale")}
    assert "dovecot" in stale
    expect_exchange(lab, host, stranger)
    broken_override()
    done = machine.run("mailherd", "restart", "--changed")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not stale_processes(machine), 30, "nothing stale")
    expect_restarted(before, wait_for_services(machine, before.keys()),
                     "dovecot")
    expect_exchange(lab, host, stranger)
