# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit as systemd sees it, and what systemd, an administrator and the
kernel do to it: stop, restart, kill -9 of the supervisor, an OOM kill."""

import os
import pathlib
import re
import signal
import time

import pytest

from lib import oom
from lib.exchange import expect_exchange
from lib.wait import wait_for

UNIT = "mailherd.service"
STOP_SECONDS = 20
NGINX = "/usr/sbin/nginx"

# As systemctl show prints them; what LimitNOFILE becomes where the machine
# itself may have fewer is another test's business.
PROPERTIES = {
    "Type": "notify",
    "NotifyAccess": "all",
    "KillMode": "mixed",
    "KillSignal": "15",
    "Delegate": "yes",
    "OOMPolicy": "continue",
    "TasksMax": "infinity",
    "LimitNOFILE": "524288",
    "TimeoutStartUSec": "15min",
    "TimeoutStopUSec": "1min 30s",
    "Restart": "always",
    "StartLimitIntervalUSec": "0",
    "UnitFileState": "enabled",
    "ActiveState": "active",
    # Hardening
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectSystem": "yes",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "SystemCallArchitectures": "native",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_NETLINK AF_UNIX",
    "RestrictNamespaces": "net mnt",
    # Would be in the way of an engine; the unit says why.
    "NoNewPrivileges": "no",
    "RestrictSUIDSGID": "no",
    "PrivateTmp": "no",
}


def show(machine, *names):
    """{property: value} of the unit."""
    done = machine.run("systemctl", "show", UNIT,
                       *("--property=" + name for name in names))
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def unit_state(machine):
    return show(machine, "ActiveState")["ActiveState"]


def unit_processes(machine):
    """Ids of the unit's processes, as the machine itself counts them."""
    done = machine.run("sh", "-c", "find /sys/fs/cgroup -path '*/'$0/cgroup"
                       ".procs -o -path '*/'$0'/*/cgroup.procs' | xargs -r "
                       "cat", UNIT)
    return {int(word) for word in done.stdout.split()}


def outside_pid(machine, inside):
    """The id on this host of a process of the machine."""
    for path in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            found = re.search(r"^NSpid:\s+(\d+)\s+%d$" % inside,
                              path.read_text(), re.M)
        except OSError:
            continue
        if found and same_machine(machine, int(found.group(1))):
            return int(found.group(1))
    raise AssertionError("no process %d on the machine" % inside)


def same_machine(machine, pid):
    return (os.readlink("/proc/%d/ns/pid" % pid)
            == os.readlink("/proc/%d/ns/pid" % machine.init))


def wait_for_services(machine, names):
    """Healthy, with all that ran before; {service: pid} of now."""
    machine.wait_healthy()
    wait_for(lambda: machine.service_pids().keys() == names, 30,
             "every service", every=0.2)
    return machine.service_pids()


def main_pid(machine):
    return int(show(machine, "MainPID")["MainPID"])


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(machine, installed, name):
    assert show(machine, name)[name] == PROPERTIES[name]


def test_verify_finds_nothing(machine, installed):
    done = machine.run("systemd-analyze", "verify", UNIT)
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""


def test_every_process_is_confined(machine, installed):
    """No process of the unit may set the clock, load modules or go back."""
    lost = sum(1 << bit for bit in (
        16,  # SYS_MODULE
        17,  # SYS_RAWIO
        22,  # SYS_BOOT
        25,  # SYS_TIME
        33,  # MAC_ADMIN
    ))
    pids = unit_processes(machine)
    assert len(pids) > 20
    for pid in pids:
        status = machine.run("cat", "/proc/%d/status" % pid).stdout
        if "CapBnd" not in status:
            continue  # ended meanwhile
        bounding = int(re.search(r"CapBnd:\s+(\w+)", status).group(1), 16)
        assert bounding & lost == 0, status
        assert re.search(r"Seccomp:\s+2", status), status


def test_nothing_was_refused_that_a_service_needs(machine, installed):
    """Private mounts are there, and no run program went on without."""
    done = machine.run("sh", "-c", "grep -rhE 'going on without|not "
                       "permitted|Read-only file system' "
                       "/var/log/mailherd || true")
    lines = [line for line in done.stdout.splitlines()
             if "oom_score_adj" not in line and "limit of open" not in line]
    assert lines == []


def test_killed_supervisor_is_back_by_itself(lab, host, machine, stranger):
    before = machine.service_pids()
    restarts = int(show(machine, "NRestarts")["NRestarts"])
    machine.run("kill", "-9", str(main_pid(machine)))
    wait_for(lambda: int(show(machine, "NRestarts")["NRestarts"])
             == restarts + 1, 30, "restart by systemd", every=0.2)
    after = wait_for_services(machine, before.keys())
    assert not set(after.values()) & set(before.values())
    assert not unit_processes(machine) & set(before.values())
    expect_exchange(lab, host, stranger)


def test_everything_killed_is_back_by_itself(lab, host, machine, stranger):
    """SIGTERM to every process of the unit at once. Whether the order to
    stop is carried out or ends with the others decides who starts anew:
    systemd or the supervisor."""
    before = machine.service_pids()
    machine.run("kill", "-TERM", *map(str, unit_processes(machine)))
    wait_for(lambda: not set(before.values())
             & set(machine.service_pids().values()), 60, "new processes",
             every=0.2)
    wait_for_services(machine, before.keys())
    expect_exchange(lab, host, stranger)


def test_stop_and_start(lab, host, machine, stranger):
    began = time.monotonic()
    assert machine.run("systemctl", "stop", UNIT).returncode == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert show(machine, "ActiveState", "Result") == {
        "ActiveState": "inactive", "Result": "success"}
    assert not unit_processes(machine)
    assert machine.run("systemctl", "start", UNIT, timeout=180).returncode == 0
    assert unit_state(machine) == "active"
    machine.wait_healthy()
    expect_exchange(lab, host, stranger)


def test_restart(lab, host, machine, stranger):
    before = machine.service_pids()
    assert machine.run("systemctl", "restart", UNIT,
                       timeout=180).returncode == 0
    after = wait_for_services(machine, before.keys())
    assert not set(after.values()) & set(before.values())
    expect_exchange(lab, host, stranger)


def test_one_failed_service_leaves_the_unit_active(
        lab, host, machine, stranger):
    """systemd must not end everything for it: the supervisor goes on."""
    machine.run("chmod", "0644", NGINX)
    try:
        machine.run("systemctl", "restart", UNIT, timeout=180)
        assert unit_state(machine) == "active"
        assert machine.mailherd("status")["state"] == "failed"
        expect_exchange(lab, host, stranger)
    finally:
        machine.run("chmod", "0755", NGINX)
        machine.run("mailherd", "restart", "nginx")
    machine.wait_healthy()


@pytest.mark.skipif(not oom.available(), reason="no memory cgroup v1 here")
def test_oom_kill_of_clamd_leaves_the_rest(lab, host, machine, stranger):
    before = machine.service_pids()
    main = main_pid(machine)
    cage = oom.Cage()
    try:
        cage.take(outside_pid(machine, before["clamd"]))
        machine.run("sh", "-c", "head -c 20000000 /dev/urandom | gzip | "
                    "timeout 20 mailherd exec clamdscan -")
        wait_for(cage.kills, 20, "OOM kill by the kernel")
    finally:
        cage.close()
    wait_for(lambda: machine.service_pids().get("clamd", before["clamd"])
             != before["clamd"], 20, "another clamd", every=0.2)
    after = wait_for_services(machine, before.keys())
    assert ({name for name in before if before[name] != after.get(name)}
            == {"clamd"})
    assert main_pid(machine) == main
    assert unit_state(machine) == "active"
    clamd = next(s for s in machine.mailherd("status")["services"]
                 if s["name"] == "clamd")
    assert clamd["state"] == "ready"
    assert clamd["last_exit"]["signal"] == signal.SIGKILL
    expect_exchange(lab, host, stranger)
