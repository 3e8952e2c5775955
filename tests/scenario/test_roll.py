# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailherd restart --changed`: what is stale, and nothing else.

One instance with a copy of the staged tree of its own, whose programs are
replaced as a package manager does it. The tests run in the order of this
file.
"""

import glob
import os
import re
import shutil
import signal
import socket
import time

import pytest

from lib import knock
from lib.imap import Imap, imap_login
from lib.smtp import Smtp
from lib.suite import CommandError, Suite, stage
from lib.wait import wait_for

DOMAIN = "roll.example.org"
OUR_OWN = {"log", "agent", "jobs", "directory", "watch"}
# Dovecot ends what is left of its old processes some 6 s after a reload.
AFTER_RELOAD_SECONDS = 8


class Rolled(Suite):
    """An instance whose programs and overrides the tests change."""

    def override(self, engine, name, text):
        path = os.path.join(self.root, "etc/mailherd/engines", engine)
        os.makedirs(path, mode=0o755, exist_ok=True)
        with open(os.path.join(path, name), "w", encoding="ascii") as out:
            out.write(text)

    def remove_override(self, engine, name):
        os.unlink(os.path.join(self.root, "etc/mailherd/engines", engine,
                               name))

    def roll(self, timeout=120):
        """What was done to whom, and what all said: ({name: action}, reply)."""
        reply = self.mailherd("restart", "--changed", json=True,
                              timeout=timeout)
        return {s["name"]: s["action"] for s in reply["services"]
                if s["action"] != "untouched"}, reply

    def pids(self):
        return {name: self.pid(name) for name in self.supervised()}

    def stale(self):
        return {s["name"]: s["stale"] for s in self.status()["services"]
                if "stale" in s}

    def replace(self, *patterns):
        """New files under the old names, as dpkg unpacks them."""
        for pattern in patterns:
            for path in glob.glob(os.path.join(self.prefix, pattern)):
                shutil.copy2(path, path + ".dpkg-new")
                os.rename(path + ".dpkg-new", path)


@pytest.fixture(scope="module")
def rolled(lab):
    host = lab.net.add_host("roll", "192.0.2.34", "2001:db8:0:1::34")
    prefix = os.path.join(lab.net.directory, "roll-prefix")
    shutil.copytree(stage(), prefix, symlinks=True)
    # Its own nginx, which may be replaced.
    shutil.copy2("/usr/sbin/nginx", os.path.join(prefix, "lib/nginx"))
    conf = os.path.join(prefix, "share/mailherd/engines/nginx/engine.conf")
    with open(conf, encoding="utf-8") as present:
        text = present.read()
    with open(conf, "w", encoding="utf-8") as out:
        out.write(text.replace("nginx.argv = /usr/sbin/nginx",
                               "nginx.argv = %s/lib/nginx" % prefix))
    instance = Rolled(host, "mail5.example.org", DOMAIN, prefix=prefix)
    instance.setup("lite", **lab.conf())
    if lab.suite:
        instance.share_patterns(lab.suite)
    instance.up()
    yield instance
    instance.run("down", check=False)


@pytest.fixture(scope="module")
def session(lab, rolled):
    """An IMAP session that idles through it all."""
    address = rolled.add_mailbox("idle@" + DOMAIN)
    client = imap_login(lab.client, rolled.host.ipv4, address)
    client.select("INBOX")
    yield client
    client.shutdown()


def others(before, *names):
    return {name: pid for name, pid in before.items() if name not in names}


def test_nothing_is_stale_after_up(rolled):
    before = rolled.pids()
    for _ in range(2):
        actions, reply = rolled.roll(timeout=5)
        assert actions == {} and reply["changed"] == 0
        assert reply["state"] == "healthy"
    assert "nothing to do" in rolled.mailherd("restart", "--changed")
    assert rolled.pids() == before and rolled.stale() == {}
    with pytest.raises(CommandError) as refused:
        rolled.run("restart", "--changed", "nginx")
    assert "name none" in refused.value.stderr


def test_our_programs_are_replaced_under_fire(lab, rolled, session):
    """No port refuses anybody, no engine is touched, no session ends."""
    before = rolled.pids()
    rolled.replace("lib/mailherd/mailherd-*", "bin/mailherd")
    assert set(rolled.stale()) == OUR_OWN
    assert "runs a replaced program" in rolled.stale()["directory"]
    with knock.Knocker(lab.client, rolled.host.ipv4) as client:
        wait_for(lambda: client.count > 40, 10, "some connections")
        started = time.monotonic()
        actions, reply = rolled.roll()
        seconds = time.monotonic() - started
        count = client.count
        wait_for(lambda: client.count > count + 40, 10, "some more")
    assert client.failures == []
    print("roll of our programs: %.2f s, slowest greetings %s" % (
        seconds, client.slowest))
    assert actions == {name: "restarted" for name in OUR_OWN}
    assert reply["changed"] == len(OUR_OWN)
    after = rolled.pids()
    assert others(after, *OUR_OWN) == others(before, *OUR_OWN)
    assert all(after[name] != before[name] for name in OUR_OWN)
    assert rolled.stale() == {}
    assert session.noop()[0] == "OK"
    assert all(s["crashes"] == 0 for s in rolled.status()["services"])


def website(text):
    """An override of nginx: a page that can be asked for."""
    return "server { listen 8088; return 200 %s; }\n" % text


def ask_website(lab, rolled):
    with lab.client.connect(rolled.host.ipv4, 8088) as peer:
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return read_all(peer).rpartition("\r\n")[2]


def read_all(peer):
    text = b""
    while True:
        part = peer.recv(65536)
        if not part:
            return text.decode()
        text += part


def rspamd_actions(rolled):
    """What the controller says of its actions."""
    path = os.path.join(rolled.sockets, "rspamd/controller")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall(b"GET /actions HTTP/1.0\r\n\r\n")
        return read_all(peer)


def cache_max_ttl(rolled):
    """What Unbound itself says."""
    return rolled.exec("unbound-control", "get_option",
                       "cache-max-ttl").stdout.strip()


def test_files_that_changed_are_reloaded(lab, rolled, session):
    """Each new value is in force, nobody is refused, sessions live on."""
    before = rolled.pids()
    rolled.override("nginx", "nginx.conf", website("yes"))
    rolled.override("dovecot", "dovecot.conf", "login_greeting = Rolled\n")
    rolled.override("postfix", "main.cf", "smtpd_banner = rolled ESMTP\n")
    rolled.override("rspamd", "rspamd.conf",
                    "actions { greylist = 4.75; }\n")
    rolled.override("unbound", "unbound.conf",
                    "server:\n\tcache-max-ttl: 80001\n")
    session.send(b"idle IDLE\r\n")
    assert session.readline().startswith(b"+ ")
    with knock.Knocker(lab.client, rolled.host.ipv4, every=0.05) as client:
        wait_for(lambda: client.count > 80, 10, "some connections")
        actions, _ = rolled.roll()
        reloaded = time.monotonic()
        count = client.count
        wait_for(lambda: client.count > count + 80, 10, "some more")
    assert client.failures == []
    assert actions == dict.fromkeys(
        ("nginx", "dovecot", "postfix", "rspamd", "unbound"), "reloaded")
    assert rolled.pids() == before and rolled.stale() == {}

    assert ask_website(lab, rolled) == "yes"
    with Smtp(lab.client, rolled.host.ipv4, 587) as smtp:
        assert "rolled" in smtp.greeting
    imap = Imap(lab.client, rolled.host.ipv4)
    assert b"Rolled" in imap.welcome
    imap.shutdown()
    assert "4.75" in rspamd_actions(rolled)
    assert cache_max_ttl(rolled) == "80001"
    wait_for(lambda: time.monotonic() > reloaded + AFTER_RELOAD_SECONDS,
             AFTER_RELOAD_SECONDS + 1, "what Dovecot would have ended")
    session.send(b"DONE\r\n")
    lines = iter(session.readline, b"")
    assert any(line.startswith(b"idle OK") for line in lines)


def test_a_listener_that_changes_is_a_restart(lab, rolled):
    """Postfix by a parameter that a reload ignores, Dovecot by a port."""
    before = rolled.pids()
    rolled.override("postfix", "main.cf", "smtpd_banner = rolled ESMTP\n"
                    "inet_interfaces = %s\n" % rolled.host.ipv4)
    assert rolled.roll()[0] == {"postfix": "restarted"}
    assert others(rolled.pids(), "postfix") == others(before, "postfix")
    with Smtp(lab.client, rolled.host.ipv4, 587) as smtp:
        assert "rolled" in smtp.greeting

    rolled.configure({"listen.sieve": "*:4191"})
    actions, _ = rolled.roll()
    assert actions["dovecot"] == "restarted"
    assert "postfix" not in actions and "rspamd" not in actions
    assert actions["nginx"] == "reloaded"  # its page names the ports
    lab.client.connect(rolled.host.ipv4, 4191).close()
    with pytest.raises(ConnectionRefusedError):
        lab.client.connect(rolled.host.ipv4, 4190)
    rolled.configure({"listen.sieve": "*:4190"})
    rolled.roll()
    assert rolled.stale() == {}


def test_a_wrong_mailherd_conf_breaks_nothing(rolled):
    """A new agent, a new logger and a start go on with the last one."""
    generation = rolled.status()["generation"]
    rolled.configure({"listen.sieve": "*:4190", "no-such-key": "1"})
    try:
        rolled.replace("lib/mailherd/mailherd-*")
        error = refuse(rolled, "restart", "--changed")
        assert "no-such-key" in error
        report = rolled.status()
        assert report["state"] == "healthy"
        assert report["generation"] == generation
        assert "no-such-key" in report["render_error"]
        rolled.down()
        assert "no-such-key" in rolled.up().stderr
        assert rolled.status()["generation"] == generation
    finally:
        with open(rolled.config, encoding="utf-8") as present:
            lines = [line for line in present
                     if not line.startswith("no-such-key")]
        with open(rolled.config, "w", encoding="utf-8") as out:
            out.writelines(lines)
    rolled.roll()
    assert rolled.stale() == {} and "render_error" not in rolled.status()


def test_a_replaced_engine_is_restarted(rolled):
    before = rolled.pids()
    rolled.replace("lib/nginx")
    assert "runs a replaced program" in rolled.stale()["nginx"]
    assert "mailherd restart --changed" in rolled.mailherd("status")
    assert rolled.roll()[0] == {"nginx": "restarted"}
    assert others(rolled.pids(), "nginx") == others(before, "nginx")


def test_a_killed_agent_is_asked_again(rolled):
    before = rolled.pids()
    rolled.replace("lib/mailherd/mailherd-*", "lib/nginx")
    running = rolled.host.popen([rolled.binary, "--root", rolled.root,
                                 "restart", "--changed"])
    wait_for(lambda: rolled.pid("jobs") not in (None, before["jobs"]), 10,
             "the roll's first services")
    os.kill(rolled.pid("agent"), signal.SIGKILL)
    assert running.wait(60) == 0
    assert rolled.stale() == {}
    after = rolled.pids()
    renewed = OUR_OWN | {"nginx"}
    assert others(after, *renewed) == others(before, *renewed)
    assert all(after[name] != before[name] for name in renewed)


def test_rolls_at_the_same_time_do_it_once(rolled):
    before = rolled.pids()
    rolled.replace("lib/nginx", "lib/mailherd/mailherd-watch")
    starts = rolled.service_status("nginx")["restarts"]
    running = [rolled.host.popen([rolled.binary, "--root", rolled.root,
                                  "restart", "--changed"])
               for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert rolled.service_status("nginx")["restarts"] == starts + 1
    assert others(rolled.pids(), "nginx", "watch") == \
        others(before, "nginx", "watch")


# Dovecot starts before Postfix, and would take its port.
THIEF = """service imap-login {
  inet_listener thief {
    port = 25
  }
}
"""


def refuse(rolled, *words, timeout=60):
    """The error of a command that must fail."""
    with pytest.raises(CommandError) as refused:
        rolled.run(*words, timeout=timeout)
    return refused.value.stderr


def is_back(rolled, generation, before, *restarted):
    """The generation from before is in force, and all is well with it."""
    wait_for(lambda: rolled.status()["state"] == "healthy" and
             not rolled.stale(), 30, "all is well again")
    assert rolled.status()["generation"] == generation
    if before:
        assert others(rolled.pids(), *restarted) == \
            others(before, *restarted)


def test_what_does_not_come_up_is_taken_back(lab, rolled):
    """The checks pass; only a start shows that the port is Postfix's."""
    before = rolled.pids()
    generation = rolled.status()["generation"]
    rolled.override("dovecot", "dovecot.conf", THIEF)
    rolled.override("unbound", "unbound.conf",
                    "server:\n\tcache-max-ttl: 80002\n")
    error = refuse(rolled, "restart", "--changed")
    assert "configuration %d is in force again" % generation in error
    assert "dovecot ends as soon as it is started" in error
    assert "mailherd logs dovecot" in error
    # unbound had been reloaded before, and has the old files again.
    is_back(rolled, generation, before, "dovecot")
    assert cache_max_ttl(rolled) == "80001"
    assert "dovecot ends" in rolled.status()["render_error"]
    assert "newest configuration is not in force" in \
        rolled.mailherd("status")
    log = rolled.mailherd("logs", "--lines", "200", "agent")
    assert len(re.findall("stepping back to the previous", log)) == 1
    lab.client.connect(rolled.host.ipv4, 25).close()


@pytest.mark.full
def test_a_restart_of_all_is_taken_back(rolled):
    generation = rolled.status()["generation"]
    rolled.override("dovecot", "dovecot.conf", THIEF)
    error = refuse(rolled, "restart", timeout=90)
    assert "configuration %d is in force again" % generation in error
    is_back(rolled, generation, None)


def test_a_trial_survives_the_agent(rolled):
    """A killed agent's successor takes the configuration back."""
    before = rolled.pids()
    generation = rolled.status()["generation"]
    running = rolled.host.popen([rolled.binary, "--root", rolled.root,
                                 "restart", "dovecot"], stderr=-1, text=True)
    wait_for(lambda: rolled.status()["generation"] != generation, 10,
             "the new generation")
    os.kill(rolled.pid("agent"), signal.SIGKILL)
    assert running.wait(60) != 0
    running.stderr.close()
    is_back(rolled, generation, before, "dovecot", "agent")


def test_up_of_a_stopped_suite_is_taken_back(rolled):
    generation = rolled.status()["generation"]
    rolled.down()
    error = refuse(rolled, "up", timeout=90)
    assert "configuration %d is in force again" % generation in error
    is_back(rolled, generation, None)
    rolled.remove_override("dovecot", "dovecot.conf")
    rolled.remove_override("unbound", "unbound.conf")
    rolled.roll()
    assert "render_error" not in rolled.status()
    assert rolled.stale() == {}


def test_a_smaller_profile_stops_what_it_lacks(lab, rolled):
    before = rolled.pids()
    rolled.configure({"profile": "full"})
    rolled.roll()
    assert rolled.svstat("clamd")["ready"]
    clamd = rolled.pid("clamd")
    rolled.configure({"profile": "lite"})
    rolled.roll()
    wait_for(lambda: "clamd" not in rolled.supervised(), 20, "clamd is gone")
    wait_for(lambda: not os.path.exists("/proc/%d" % clamd), 10,
             "clamd has ended")
    wait_for(lambda: not glob.glob(rolled.services + "/.gone-*"), 10,
             "its directory has gone")
    assert rolled.status()["state"] == "healthy" and rolled.stale() == {}
    assert rolled.pid("dovecot") == before["dovecot"]
    assert rolled.pid("postfix") == before["postfix"]
