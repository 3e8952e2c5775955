# SPDX-License-Identifier: GPL-3.0-or-later
"""README's command on a pristine Debian 12 under systemd, as a stranger
would run it: clone, ./up, mail out and in, ./up again, a reboot."""

import re

from lib.exchange import expect_exchange, expect_mail, subjects
from lib.machine import DOMAIN, HOSTNAME, INSTALL_SECONDS
from lib.smtp import make_mark
from lib.wait import wait_for



def test_up_refuses_a_host_name_without_a_dot(machine):
    done = machine.run("/root/mailherd/up", "--hostname", "mail")
    assert done.returncode != 0
    assert "no dot" in done.stderr and "remedy" in done.stderr


def test_up_refuses_a_taken_port_before_it_changes_anything(machine):
    before = machine.run("dpkg-query", "-W").stdout
    taken = machine.run("systemd-run", "--unit=blocker",
                        "systemd-socket-activate", "-l", "25", "cat")
    assert taken.returncode == 0, taken.stderr
    wait_for(lambda: ":0019 " in machine.run(
        "cat", "/proc/net/tcp", "/proc/net/tcp6").stdout, 10, "listener")
    done = machine.run("/root/mailherd/up", "--hostname", HOSTNAME,
                       "--domain", DOMAIN)
    machine.run("systemctl", "stop", "blocker")
    assert done.returncode != 0
    assert "port 25 (smtp)" in done.stderr and "--listen smtp=" in done.stderr
    assert machine.run("dpkg-query", "-W").stdout == before
    assert machine.run("ls", "/var/lib/mailherd").returncode != 0


def test_up_refuses_too_little_memory_for_the_profile(machine):
    small = machine.run(
        "sh", "-c", "echo 'MemTotal: 1048576 kB' >/run/meminfo && "
        "mount --bind /run/meminfo /proc/meminfo")
    assert small.returncode == 0, small.stderr
    done = machine.run("/root/mailherd/up", "--hostname", HOSTNAME,
                       "--profile", "full")
    machine.run("umount", "/proc/meminfo")
    assert done.returncode != 0
    assert "1024 MiB of memory" in done.stderr and "--profile" in done.stderr


def test_up_says_what_to_do_next(installed):
    assert "mailherd mailbox add" in installed
    for word in ("MX", "v=spf1", "v=DKIM1", "v=DMARC1", "_imaps._tcp",
                 "autoconfig", "993", "587"):
        assert word in installed, word


def test_no_default_instance_runs(machine, installed):
    active = machine.run("systemctl", "list-units", "--state=active",
                         "--type=service", "--plain", "--no-legend").stdout
    for engine in ("postfix", "dovecot", "rspamd", "redis", "unbound",
                   "nginx", "clamav"):
        assert not re.search(r"^%s" % engine, active, re.M), active
    assert "mailherd.service" in active


def test_mail_in_and_out(lab, host, stranger):
    expect_exchange(lab, host, stranger)


def test_sendmail_of_the_host(lab, host, machine, stranger):
    mark = make_mark()
    sent = machine.run("sh", "-c", "printf 'Subject: %s\\n\\nroot speaks\\n' "
                       "\"$1\" | /usr/sbin/sendmail \"$0\"", stranger, mark)
    assert sent.returncode == 0, sent.stderr
    expect_mail(lab, host, stranger, mark)


def test_up_again_upgrades_in_place(lab, host, machine, stranger):
    before = subjects(lab, host, stranger)
    machine.connect()
    try:
        done = machine.run("/root/mailherd/up", timeout=INSTALL_SECONDS)
    finally:
        machine.disconnect()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert subjects(lab, host, stranger) == before
    assert machine.run("mailherd", "status").returncode == 0


def test_reboot_brings_everything_back(lab, host, machine, stranger):
    before = subjects(lab, host, stranger)
    machine.power_off()
    machine.boot()
    machine.wait_healthy()
    assert subjects(lab, host, stranger) == before
    expect_exchange(lab, host, stranger)
