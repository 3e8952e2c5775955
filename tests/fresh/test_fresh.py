# SPDX-License-Identifier: GPL-3.0-or-later
"""README's command on a pristine Debian 12 under systemd, as a stranger
would run it: clone, ./up, mail out and in, ./up again, a reboot."""

import pathlib
import re
import subprocess

import pytest

from lib.imap import imap_login
from lib.smtp import make_mark, make_message, submit
from lib.wait import wait_for

from .machine import Machine

HERE = pathlib.Path(__file__).resolve()
REPOSITORY = HERE.parents[2]
HOSTNAME = "mail.fresh.example.org"
DOMAIN = "fresh.example.org"
ADDRESS = "stranger@" + DOMAIN
PASSWORD = "battery 9 staple horse"
RUN_SECONDS = 1200


@pytest.fixture(scope="module")
def host(lab):
    """The fresh machine's place in the test internet."""
    return lab.net.add_host("fresh", "192.0.2.26", "2001:db8:0:1::26")


@pytest.fixture(scope="module")
def machine(lab, host, tmp_path_factory):
    cache = REPOSITORY / "build/check"
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Machine(tmp_path_factory.mktemp("fresh"), host.namespace)
    try:
        fresh.create(cache / "debian-12.tar")
        subprocess.run(["git", "clone", "--quiet", REPOSITORY,
                        fresh.root / "root/mailherd"], check=True)
        copy_lab_anchor(lab, fresh)
        fresh.connect()
        fresh.boot()
        yield fresh
    finally:
        fresh.close()


def copy_lab_anchor(lab, fresh):
    """The lab's root of DNS, which an administrator would name so."""
    directory = fresh.root / "etc/mailherd"
    directory.mkdir(parents=True)
    (directory / "lab.hints").write_text(
        pathlib.Path(lab.dns.root_hints).read_text())
    (directory / "lab.anchor").write_text(
        pathlib.Path(lab.dns.trust_anchor).read_text())
    (directory / "mailherd.conf").write_text(
        "resolver.root_hints = /etc/mailherd/lab.hints\n"
        "resolver.trust_anchor = /etc/mailherd/lab.anchor\n"
        "resolver.check_addresses = 192.0.2.53\n"
        "resolver.check_names = mx.example.net\n"
        "antivirus.updates = no\n")


@pytest.fixture(scope="module")
def installed(lab, host, machine):
    """The machine after README's first command, cut off from packages."""
    done = machine.run("/root/mailherd/up", "--hostname", HOSTNAME,
                       "--domain", DOMAIN, "--profile", "standard",
                       timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    machine.disconnect()
    lab.dns.add_host(HOSTNAME + ".", host.ipv4, host.ipv6)
    lab.dns.add(DOMAIN + ".", "MX", "10 " + HOSTNAME + ".")
    lab.dns.publish()
    return done.stdout


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


def test_mail_in_and_out(lab, host, machine, installed):
    added = machine.run("sh", "-c", "printf '%s\\n' \"$1\" | mailherd "
                        "mailbox add \"$0\" --password-file -",
                        ADDRESS, PASSWORD)
    assert added.returncode == 0, added.stderr
    mark = make_mark()
    lab.peer.send("writer@example.net", [ADDRESS], make_message(
        mark, sender="writer@example.net", recipient=ADDRESS))
    expect_mail(lab, host, mark)
    answer = make_mark()
    submit(lab.client, host.ipv4, ADDRESS, PASSWORD, ["writer@example.net"],
           make_message(answer, sender=ADDRESS,
                        recipient="writer@example.net"))
    wait_for(lambda: lab.peer.inbox.find(answer), 30, "answer at the peer")


def test_sendmail_of_the_host(lab, host, machine, installed):
    mark = make_mark()
    sent = machine.run("sh", "-c", "printf 'Subject: %s\\n\\nroot speaks\\n' "
                       "\"$1\" | /usr/sbin/sendmail \"$0\"", ADDRESS, mark)
    assert sent.returncode == 0, sent.stderr
    expect_mail(lab, host, mark)


def test_up_again_upgrades_in_place(lab, host, machine, installed):
    before = messages(lab, host)
    machine.connect()
    try:
        done = machine.run("/root/mailherd/up", timeout=RUN_SECONDS)
    finally:
        machine.disconnect()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert messages(lab, host) == before
    assert machine.run("mailherd", "status").returncode == 0


def test_reboot_brings_everything_back(lab, host, machine, installed):
    before = messages(lab, host)
    machine.power_off()
    machine.boot()
    wait_for(lambda: machine.run("mailherd", "status").returncode == 0, 60,
             "healthy suite after the reboot", every=0.3)
    assert messages(lab, host) == before
    mark = make_mark()
    lab.peer.send("writer@example.net", [ADDRESS], make_message(
        mark, sender="writer@example.net", recipient=ADDRESS))
    expect_mail(lab, host, mark)


def messages(lab, host):
    session = imap_login(lab.client, host.ipv4, ADDRESS, PASSWORD)
    try:
        return int(session.select("INBOX")[1][0])
    finally:
        session.logout()


def expect_mail(lab, host, mark):
    def arrived():
        session = imap_login(lab.client, host.ipv4, ADDRESS, PASSWORD)
        try:
            session.select("INBOX", readonly=True)
            return session.search(None, "SUBJECT", mark)[1][0]
        finally:
            session.logout()
    wait_for(arrived, 40, "mail with " + mark, every=0.5)
