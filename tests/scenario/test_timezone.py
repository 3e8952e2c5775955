# SPDX-License-Identifier: GPL-3.0-or-later
"""Log stamps follow the time zone, also over the end of daylight saving.

The zone is made by zic: its hour is turned back some seconds from now. It
lies over a seldom used one in the mount namespace in which the suite is
started; nobody is restarted when the moment comes.
"""

import datetime
import os
import re
import signal
import subprocess
import time

import pytest

from lib.lab import DOMAIN
from lib.suite import Suite, command_line
from lib.wait import wait_for

ZONE = "Antarctica/Troll"
BEFORE = datetime.timedelta(hours=3)
AFTER = datetime.timedelta(hours=2)
# What must log before and after; others may.
SERVICES = ["agent", "directory", "dovecot", "nginx", "postfix", "redis",
            "unbound"]
# Local times that engines write themselves, behind our stamp. In a signal
# handler nginx knows only the offset of its last look at the clock.
OWN = {"nginx": (r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?!.* signal )",
                 "%Y/%m/%d %H:%M:%S"),
       "postfix": (r"(\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+ postfix",
                   "%b %d %H:%M:%S"),
       "redis": (r"\d+:\w (\d\d \w{3} \d{4} \d\d:\d\d:\d\d)\.\d+ ",
                 "%d %b %Y %H:%M:%S")}


def compile_zone(directory, moment):
    """A zone whose summer ends at moment; its file."""
    source = os.path.join(directory, "source")
    with open(source, "w", encoding="ascii") as out:
        out.write("Zone Test 1:00 - A 2020 Jan 1\n"
                  "\t2:00 1:00 SUMMER %su\n"
                  "\t2:00 - WINTER\n" % time.strftime(
                      "%Y %b %d %H:%M:%S", time.gmtime(moment)))
    subprocess.run(["zic", "-d", directory, source], check=True,
                   capture_output=True)
    return os.path.join(directory, "Test")


@pytest.fixture(scope="module")
def changing(lab, suite, tmp_path_factory):
    """An instance in the zone, and the moment of the change."""
    host = lab.net.add_host("zone", "192.0.2.33", "2001:db8:0:1::33")
    instance = Suite(host, "zone.example.org", DOMAIN)
    instance.setup("lite", timezone=ZONE, **lab.conf())
    instance.share_patterns(suite)
    moment = int(time.time()) + 12
    zone = compile_zone(str(tmp_path_factory.mktemp("zone")), moment)
    host.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
              'mount --bind "$0" /usr/share/zoneinfo/%s && exec "$@"' % ZONE,
              zone, instance.binary, "--root", instance.root, "up"],
             timeout=60)
    yield instance, moment
    instance.run("down", check=False)


def master_pid(instance, service, words):
    """The process of a service that reads signals (a probe may be beside)."""
    pid = instance.pid(service)
    assert words in " ".join(command_line(pid))
    return pid


def make_noise(lab, instance):
    """Something that each service writes about."""
    address = "noise@" + DOMAIN
    instance.add_mailbox(address)
    for port in (25, 143):
        lab.client.connect(instance.host.ipv4, port).close()
    os.kill(master_pid(instance, "nginx", "nginx"), signal.SIGHUP)
    instance.exec("redis-cli", "bgsave")
    instance.exec("unbound-control", "reload")
    # Agent and directory say what becomes of a start.
    os.kill(instance.pid("directory"), signal.SIGKILL)


def lines_of(instance, service):
    """(time, text) of each line, in the order of the file."""
    found = []
    for line in instance.log(service).splitlines():
        stamp, text = line.split(" ", 1)
        found.append((datetime.datetime.fromisoformat(stamp), text))
    return found


def test_stamps_follow_the_zone(lab, changing):
    instance, moment = changing
    started = {name: instance.pid(name) for name in instance.supervised()
               if name != "directory"}
    for name in SERVICES:
        assert lines_of(instance, name)[0][0].timestamp() < moment
    wait_for(lambda: time.time() > moment + 2, 60, "end of summer")
    make_noise(lab, instance)

    def all_wrote():
        return all(lines_of(instance, name)[-1][0].timestamp() > moment
                   for name in SERVICES)
    wait_for(all_wrote, 20, "lines of every service after the change")
    assert {name: instance.pid(name) for name in started} == started
    for name in instance.supervised():
        lines = lines_of(instance, name)
        times = [at for at, _ in lines]
        assert times == sorted(times), name
        for at, text in lines:
            want = BEFORE if at.timestamp() < moment else AFTER
            assert at.utcoffset() == want, (name, at, text)
    check_own_stamps(instance, moment)


def check_own_stamps(instance, moment):
    """They show the same local time as ours, before and after."""
    for name, (pattern, form) in OWN.items():
        sides = set()
        for at, text in lines_of(instance, name):
            found = re.match(pattern, text)
            if not found or abs(at.timestamp() - moment) < 1:
                continue
            own = datetime.datetime.strptime(found.group(1), form)
            own = own.replace(year=at.year)
            ours = at.replace(tzinfo=None)
            assert abs((ours - own).total_seconds()) < 3, (name, at, text)
            sides.add(at.timestamp() < moment)
        assert sides == {True, False}, name


def test_merged_logs_are_in_order(changing):
    """An hour comes twice: `mailherd logs` does not mix the two up."""
    instance, moment = changing
    lines = instance.mailherd("logs", "--lines", "1000").splitlines()
    times = [datetime.datetime.fromisoformat(line.split()[1])
             for line in lines]
    assert times == sorted(times)
    assert times[0].timestamp() < moment < times[-1].timestamp()
    shown = [at.replace(tzinfo=None) for at in times]
    assert shown[0] > shown[-1]


@pytest.mark.full
def test_another_zone_after_a_restart(changing):
    """Set and applied: all that runs stamps in the new zone."""
    instance, _ = changing
    said = instance.mailherd("config", "set", "timezone", "Asia/Kathmandu")
    assert "mailherd restart --changed" in said
    assert instance.run("config", "diff", check=False).returncode == 1
    instance.restart("--changed")
    quarter = datetime.timedelta(hours=5, minutes=45)
    for name in SERVICES:
        at, text = lines_of(instance, name)[-1]
        assert at.utcoffset() == quarter, (name, at, text)
    name, (pattern, form) = "redis", OWN["redis"]
    at, text = lines_of(instance, name)[-1]
    own = datetime.datetime.strptime(re.match(pattern, text).group(1), form)
    assert abs((at.replace(tzinfo=None) - own).total_seconds()) < 3
