# SPDX-License-Identifier: GPL-3.0-or-later
"""A newer build comes into force under load, or the old one comes back by
itself; what is killed on the way is finished. The last file on the machine:
at its end mailherd is removed from it.

The packages are made on this host from changed copies of the repository.
"""

import contextlib
import json
import os
import pathlib
import signal
import shutil
import subprocess
import time

import pytest

from lib.exchange import expect_exchange, subjects
from lib.knock import User
from lib.load import Load, subject
from lib.machine import DOMAIN
from lib.variant import Variants
from lib.wait import wait_for

OUTAGE_SECONDS = 2
OURS = {"log", "agent", "jobs", "directory", "watch"}
STATE = "var/lib/mailherd/upgrade/state.json"
PROVEN = "var/lib/mailherd/upgrade/proven"
COPIES = "var/lib/mailherd/db/core/copies"
UPGRADE_SECONDS = 180


@pytest.fixture(scope="session")
def variants(tmp_path_factory):
    return Variants(tmp_path_factory.mktemp("variants"))


def bring(machine, variants, name):
    """The package of that name, as a path inside the machine."""
    shutil.copy(variants.make(name), machine.root / "root" / (name + ".deb"))
    return "/root/%s.deb" % name


def unpack(machine, variants, name):
    """Only dpkg: what brings it into force is the test's business."""
    done = machine.run("env", "MAILHERD_UPGRADE=driven", "dpkg",
                       "--force-downgrade", "-i",
                       bring(machine, variants, name))
    assert done.returncode == 0, done.stdout + done.stderr


def installed_version(machine):
    return machine.run("dpkg-query", "-W", "-f", "${Version}",
                       "mailherd").stdout


def schema(machine):
    done = subprocess.run(
        ["sqlite3", "-readonly",
         machine.root / "var/lib/mailherd/db/core/core.db",
         "PRAGMA user_version"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def upgrade(machine, *words):
    return machine.run("mailherd", *(words or ("upgrade",)),
                       timeout=UPGRADE_SECONDS)


def step_of(machine):
    try:
        return json.loads((machine.root / STATE).read_text())["step"]
    except (OSError, ValueError):
        return None


def expect_in_force(machine, version):
    """All of it: package, processes, nothing left to be done."""
    assert installed_version(machine) == version
    assert step_of(machine) is None
    assert (machine.root / PROVEN).read_text().split()[1] == version
    status = machine.mailherd("status")
    assert status["state"] == "healthy"
    assert not [s["name"] for s in status["services"]
                if s.get("program_replaced")]
    assert machine.run("mailherd", "domain", "list").returncode == 0


@contextlib.contextmanager
def users(lab, host, address):
    """People at work meanwhile; afterwards nobody has noticed much."""
    load = Load(lab.other, host.ipv4, [address], workers=2).start()
    knocks = User(lab.client, host.ipv4, address).start()
    try:
        wait_for(lambda: len(load.accepted()) > 5, 20, "mail under way")
        yield knocks
        time.sleep(1)  # the last knocks are judged, too
    finally:
        knocks.stop()
        load.stop()
    assert knocks.refused == []
    assert knocks.wrong_passwords == []
    assert load.permanent_refusals() == []
    wanted = {subject(load.tag, letter.number) for letter in load.accepted()}
    wait_for(lambda: wanted <= set(subjects(lab, host, address)), 60,
             "every accepted message", every=1)
    knocks.messages = len(wanted)


def expect_no_outage(knocks, what):
    outages = knocks.outages()
    print("%s: %s; %d messages, all there" % (what, ", ".join(
        "%s %.2f s" % item for item in sorted(outages.items())),
        knocks.messages))
    assert max(outages.values()) <= OUTAGE_SECONDS, outages


def test_up_brings_a_newer_build_into_force(lab, host, machine, stranger,
                                            variants):
    """A migration and all of our programs, at the cost of a pause."""
    package = bring(machine, variants, "migrates")
    before, was = machine.service_pids(), schema(machine)
    machine.connect()
    try:
        with users(lab, host, stranger) as knocks:
            done = machine.run("/root/mailherd/up", "--deb", package,
                               timeout=UPGRADE_SECONDS)
            assert done.returncode == 0, done.stdout + done.stderr
            assert knocks.idle_is_alive()
    finally:
        machine.disconnect()
    assert "is in force after" in done.stdout
    expect_in_force(machine, "0.1.0+migrates")
    assert schema(machine) == was + 1
    after = machine.service_pids()
    assert {name for name in before if before[name] != after[name]} == OURS
    expect_no_outage(knocks, "upgrade")


def test_rollback_across_a_migration_and_forward_again(
        lab, host, machine, stranger, variants):
    was = schema(machine)
    machine.run("mailherd", "domain", "add", "later.example.org")
    refused = machine.mailherd("rollback")
    assert "changed since then are lost" in refused["error"]["text"]
    assert "--yes" in refused["error"]["remedy"]
    with users(lab, host, stranger) as knocks:
        done = upgrade(machine, "rollback", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert knocks.idle_is_alive()
    expect_no_outage(knocks, "rollback")
    assert schema(machine) == was - 1
    assert "later" not in machine.run("mailherd", "domain", "list").stdout
    expect_in_force(machine, installed_version(machine))
    assert installed_version(machine) != "0.1.0+migrates"
    done = upgrade(machine, "rollback")
    assert done.returncode == 0, done.stdout + done.stderr
    expect_in_force(machine, "0.1.0+migrates")
    assert schema(machine) == was
    expect_exchange(lab, host, stranger)


def test_a_migration_that_fails_half_way_is_taken_back(
        lab, host, machine, stranger, variants):
    was = schema(machine)
    machine.run("mailherd", "domain", "add", "kept.example.org")
    unpack(machine, variants, "breaks")
    with users(lab, host, stranger) as knocks:
        failed = upgrade(machine)
        assert failed.returncode != 0
        assert knocks.idle_is_alive()
    assert "0.1.0+migrates is in force again" in failed.stderr
    assert "jobs" in failed.stderr and COPIES in failed.stderr
    expect_in_force(machine, "0.1.0+migrates")
    assert schema(machine) == was
    assert "kept.example.org" in machine.run("mailherd", "domain",
                                             "list").stdout
    outages = knocks.outages()
    assert max(outages[port] for port in ("25", "587", "143", "993")) <= \
        OUTAGE_SECONDS, outages


@pytest.mark.full
@pytest.mark.parametrize("name, cause", [
    ("unready", "watch"),
    ("refused", "no_such_setting"),
])
def test_a_bad_build_is_taken_back(lab, host, machine, stranger, variants,
                                   name, cause):
    before = installed_version(machine)
    unpack(machine, variants, name)
    with users(lab, host, stranger) as knocks:
        failed = upgrade(machine)
        assert failed.returncode != 0
        assert knocks.idle_is_alive()
    assert cause in failed.stderr
    expect_in_force(machine, before)
    expect_no_outage(knocks, name)


def test_a_package_that_apt_installed_comes_into_force_by_itself(
        machine, stranger, variants):
    done = machine.run("dpkg", "-i", bring(machine, variants, "again"))
    assert done.returncode == 0, done.stderr
    wait_for(lambda: (machine.root / PROVEN).read_text().split()[1]
             == "0.1.0+again" and not (machine.root / STATE).exists(),
             60, "upgrade beside apt", every=0.2)
    expect_in_force(machine, "0.1.0+again")


def kill_at(machine, step):
    """Starts an upgrade and kills it -9 when its state says so."""
    started = subprocess.Popen(
        machine.argv("mailherd", "upgrade"), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while step_of(machine) != step and started.poll() is None:
        assert time.monotonic() < end, "never at the step " + step
    for child in pathlib.Path(
            "/proc/%d/task/%d/children" % (started.pid, started.pid)
    ).read_text().split():
        os.kill(int(child), signal.SIGKILL)
    started.wait(10)


# A way back takes the 30 s in which jobs may become ready.
KILLS = [pytest.param("again", step, marks=marks) for step, marks in (
    ("copy", pytest.mark.full), ("roll", ()), ("health", pytest.mark.full))
] + [pytest.param("breaks", step, marks=marks) for step, marks in (
    ("copy", pytest.mark.full), ("roll", pytest.mark.full),
    ("back-package", pytest.mark.full), ("back-data", pytest.mark.full),
    ("back-roll", pytest.mark.full), ("back-health", pytest.mark.full))]


@pytest.mark.parametrize("name, step", KILLS)
def test_a_killed_upgrade_is_finished(lab, host, machine, stranger, variants,
                                      name, step):
    """Forward when the build is good, back when it is not: never half."""
    was, before = schema(machine), installed_version(machine)
    other = "migrates" if before.endswith("again") else "again"
    name = other if name == "again" else name
    unpack(machine, variants, name)
    kill_at(machine, step)
    refused = machine.run("mailherd", "domain", "list", "--json")
    if step_of(machine):
        assert json.loads(refused.stdout)["error"]["code"] == "busy"
    done = upgrade(machine)
    if name == "breaks":
        assert "is in force again, as it was" in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stderr
    expect_in_force(machine, before if name == "breaks" else "0.1.0+" + name)
    # Both good builds migrate, from what is not one of them.
    migrated = name != "breaks" and not before.endswith(
        ("+migrates", "+again"))
    assert schema(machine) == was + migrated
    expect_exchange(lab, host, stranger)


def test_a_machine_killed_in_the_middle_finishes_at_boot(
        lab, host, machine, stranger, variants):
    before = subjects(lab, host, stranger)
    other = ("migrates" if installed_version(machine).endswith("again")
             else "again")
    unpack(machine, variants, other)
    kill_at(machine, "roll")
    machine.kill_init()
    machine.boot()
    wait_for(lambda: not (machine.root / STATE).exists(), 120,
             "the end of the upgrade", every=0.3)
    machine.wait_healthy()
    expect_in_force(machine, "0.1.0+" + other)
    assert set(before) <= set(subjects(lab, host, stranger))


@pytest.mark.full
def test_a_suite_that_is_down_is_upgraded_by_up(lab, host, machine, stranger,
                                                variants):
    """With the same safety: the bad build goes, the good one stays."""
    before = installed_version(machine)
    assert machine.run("mailherd", "down", timeout=60).returncode == 0
    unpack(machine, variants, "breaks")
    said = upgrade(machine)
    assert said.returncode == 0 and "mailherd is down" in said.stdout
    failed = upgrade(machine, "up")
    assert "is in force again" in failed.stderr, failed.stdout + failed.stderr
    expect_in_force(machine, before)
    assert machine.run("mailherd", "down", timeout=60).returncode == 0
    other = "migrates" if before.endswith("again") else "again"
    unpack(machine, variants, other)
    done = upgrade(machine, "up")
    assert done.returncode == 0, done.stderr
    expect_in_force(machine, "0.1.0+" + other)
    expect_exchange(lab, host, stranger)


ENGINE_UNITS = ("postfix.service", "dovecot.service", "rspamd.service",
                "redis-server.service", "unbound.service", "nginx.service")


def active_services(machine):
    return machine.run("systemctl", "list-units", "--state=active",
                       "--type=service", "--plain", "--no-legend").stdout


def test_uninstall_asks_before_it_removes_data(machine, stranger):
    refused = machine.mailherd("uninstall", "--purge")["error"]
    assert "1 mailboxes that hold mail" in refused["text"]
    assert "--yes" in refused["remedy"]
    assert machine.mailherd("status")["state"] == "healthy"


def test_uninstall_leaves_units_as_they_were(machine, stranger, untouched):
    done = upgrade(machine, "uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installed" not in machine.run(
        "dpkg-query", "-W", "-f", "${db:Status-Status}", "mailherd").stdout
    assert machine.run("pgrep", "-f", "mailherd").stdout == ""
    units = machine.unit_files()
    assert {name: units.get(name) for name in untouched} == untouched
    assert "mailherd.service" not in units
    assert {units[name] for name in ENGINE_UNITS} == {"disabled"}
    assert not (machine.root / "etc/postfix/main.cf").exists()
    assert "postfix" in machine.run("apt-mark", "showauto").stdout.split()
    assert any((machine.root / "var/lib/mailherd/vmail").glob("*/*"))
    machine.power_off()
    machine.boot()
    active = active_services(machine)
    assert not [name for name in ENGINE_UNITS if name in active], active


def test_installed_again_it_has_its_data(lab, host, machine, stranger,
                                         variants):
    done = machine.run("dpkg", "-i", bring(machine, variants, "again"))
    assert done.returncode == 0, done.stderr
    done = upgrade(machine, "up")
    assert done.returncode == 0, done.stderr
    expect_exchange(lab, host, stranger)


def test_purge_removes_everything(machine, stranger, untouched):
    done = upgrade(machine, "uninstall", "--purge", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    for path in ("var/lib/mailherd", "etc/mailherd", "var/log/mailherd",
                 "usr/share/mailherd", "run/mailherd"):
        assert not (machine.root / path).exists(), path
    assert "mailherd" not in (machine.root / "etc/passwd").read_text()
    assert "mailherd" not in (machine.root / "etc/group").read_text()
    units = machine.unit_files()
    assert {name: units.get(name) for name in untouched} == untouched
