# SPDX-License-Identifier: GPL-3.0-or-later
"""A second instance beside the first, and what it does without a resolver."""

import json
import time

import pytest

from lib.imap import imap_may_login
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import Suite, command_line
from lib.wait import holds_for, wait_for

DEAD = "192.0.2.99"  # nobody has it


@pytest.fixture(scope="module")
def second(lab, suite):
    """An instance that is set up, on a host of its own; not started."""
    host = lab.net.add_host("mx2", "192.0.2.26", "2001:db8:0:1::26")
    instance = Suite(host, "mail2.example.org", "second.example.org")
    instance.setup("lite", **lab.conf())
    instance.share_patterns(suite)
    yield instance
    instance.run("down", check=False)


@pytest.fixture
def stopped(second):
    """Each test here starts the second instance itself."""
    yield second
    second.run("down", check=False)


def deliver(host, instance, address):
    mark = make_mark()
    with Smtp(host, instance.host.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address,
                            make_message(mark, recipient=address))
    instance.wait_mail(address, mark)


def test_two_instances_side_by_side(lab, suite, mailbox, stopped):
    here = mailbox()
    stopped.up()
    there = stopped.add_mailbox("person@second.example.org")
    deliver(lab.client, suite, here)
    deliver(lab.client, stopped, there)
    assert imap_may_login(lab.client, stopped.host.ipv4, there)
    assert not imap_may_login(lab.client, stopped.host.ipv4, here)
    before = {name: suite.pid(name) for name in suite.supervised()}
    stopped.down()
    wait_for(lambda: not stopped.host.pids(), 10, "empty second host")
    assert {name: suite.pid(name) for name in suite.supervised()} == before
    deliver(lab.client, suite, here)


def test_down_leaves_no_process_and_up_works_again(lab, stopped):
    stopped.up()
    stopped.down()
    wait_for(lambda: not stopped.host.pids(), 10, "no process left")
    started = time.monotonic()
    stopped.up()
    assert stopped.status()
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("word", ["YES"])
def test_the_skip_switch_in_capitals(lab, stopped, word):
    """Without the switch, dead addresses would hold Postfix for 60 s."""
    stopped.configure({"resolver.check_skip": word,
                       "resolver.check_addresses": DEAD,
                       "resolver.check_names": "no-such-name.example.net"})
    try:
        started = time.monotonic()
        stopped.up()
        assert time.monotonic() - started < 30
        assert stopped.svstat("postfix")["ready"]
    finally:
        stopped.configure(dict(lab.conf(), **{"resolver.check_skip": "no"}))


def start_without_dns(lab, instance):
    """Begins `up` with a resolver that can reach nobody."""
    instance.configure({
        "resolver.check_addresses": DEAD,
        "resolver.check_names": "no-such-name.example.net"})
    return instance.host.popen([instance.binary, "--root", instance.root,
                                "up"])


def names_resolver(instance):
    text = str(instance.status()).lower()
    return "resolver" in text and instance.status()


def test_postfix_waits_for_the_resolver_and_nobody_else(lab, stopped):
    starting = start_without_dns(lab, stopped)
    try:
        for name in ("dovecot", "nginx", "unbound", "directory"):
            wait_for(lambda n=name: stopped.svstat(n)["ready"], 30, name)
        holds_for(lambda: not stopped.svstat("postfix")["up"], 3,
                  "Postfix's wait")
        wait_for(lambda: names_resolver(stopped), 10,
                 "the resolver in the status")
    finally:
        starting.kill()
        starting.wait()
        stopped.configure(lab.conf())


@pytest.mark.full
def test_postfix_starts_degraded_after_a_minute(lab, stopped):
    starting = start_without_dns(lab, stopped)
    started = time.monotonic()
    try:
        wait_for(lambda: stopped.svstat("postfix")["ready"], 90, "Postfix")
        assert 55 <= time.monotonic() - started <= 80
        assert names_resolver(stopped)
        starting.wait(30)
    finally:
        if starting.poll() is None:
            starting.kill()
            starting.wait()
        stopped.configure(lab.conf())


def test_the_foreground_stays_until_the_end(lab, stopped):
    process = stopped.host.popen([stopped.binary, "--root", stopped.root,
                                  "up", "--foreground"])
    try:
        # Until it has become the supervisor, a signal just ends it.
        wait_for(lambda: command_line(process.pid)[0].endswith(
            "s6-svscan"), 20, "supervisor in the foreground")
        seen = set()

        def runs():
            done = stopped.run("status", "--json", check=False)
            state = done.stdout and json.loads(done.stdout)["state"]
            seen.add((state, done.returncode))
            return done.returncode == 0
        wait_for(runs, 40, "healthy services")
        assert seen >= {("starting", 75), ("healthy", 0)}
        # While the agent is not there yet, nothing can be said.
        assert {code for _, code in seen} == {75, 0}
        assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 0
        wait_for(lambda: not [p for p in stopped.host.pids()
                              if command_line(p)], 10, "no process left")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
