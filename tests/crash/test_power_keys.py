# SPDX-License-Identifier: GPL-3.0-or-later
"""Power loss while the key of mail at rest is made and written down: it is
whole or not there, and whatever is encrypted can be read."""

import os
import signal
import subprocess

import pytest

from lib import at_rest
from lib.crash import Blackout
from lib.lmtp import Lmtp
from lib.power import lose_all, powered
from lib.smtp import make_mark, make_message
from lib.suite import Suite
from lib.wait import wait_for

DOMAIN = "keys.example.org"
HOSTS = {"journal": ("keysj", "192.0.2.72", "2001:db8:0:1::72"),
         "each": ("keyse", "192.0.2.73", "2001:db8:0:1::73"),
         "mail": ("keysm", "192.0.2.74", "2001:db8:0:1::74")}
STATE = "var/lib/mailherd"


@pytest.fixture
def plugged(lab, request):
    """(suite, powers): all that an instance writes can be lost."""
    host = lab.net.add_host(*HOSTS[request.param])
    suite = Suite(host, "mail.keys.example.org", DOMAIN)
    directory = os.path.join(suite.root, STATE)
    os.makedirs(directory)
    with powered([directory], each=request.param == "each") as powers:
        yield suite, powers


def read(suite, name):
    try:
        with open(os.path.join(suite.root, STATE, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def key_of(suite):
    return read(suite, "secrets/mail-crypt")


def judge_key(suite, before=None):
    """Whole or not there; one that was there stays. The key."""
    key = key_of(suite)
    assert key is None or at_rest.fingerprint(key)
    assert before in (None, key)
    return key


def judge_record(suite):
    """Whole or not there, and of the key that is there."""
    record = read(suite, "vmail/mail-crypt.keys")
    if record is not None:
        assert record.decode().splitlines()[-1] == \
            at_rest.fingerprint(key_of(suite))
    return record


def check_keys(suite):
    """As Dovecot's start does: writes the record."""
    done = suite.host.run(
        [os.path.join(suite.prefix, "lib/mailherd/mailherd-check-keys"),
         "--root", suite.root], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("plugged", ["journal", "each"], indirect=True)
def test_a_key_is_whole_or_not_there(lab, plugged):
    suite, powers = plugged
    words = ["setup", "--hostname", suite.hostname, "--profile", "lite"]
    # Right after it has its name.
    with subprocess.Popen([suite.binary, "--root", suite.root] + words,
                          stdout=subprocess.DEVNULL,
                          start_new_session=True) as setup:
        wait_for(lambda: key_of(suite), 20, "a key", every=0.0005)
        os.killpg(setup.pid, signal.SIGKILL)
    lose_all(powers)
    key = judge_key(suite)
    # When all is done: what was said to be made is made.
    suite.mailherd(*words)
    made = judge_key(suite, key)
    assert made
    lose_all(powers)
    key = judge_key(suite)
    assert key in (None, made)
    assert judge_record(suite) is None
    suite.mailherd(*words)
    key = judge_key(suite, key)
    # The record of it.
    check_keys(suite)
    assert judge_record(suite)
    lose_all(powers)
    assert judge_key(suite) == key
    judge_record(suite)
    check_keys(suite)
    assert judge_record(suite)


@pytest.mark.full
@pytest.mark.parametrize("plugged", ["mail"], indirect=True)
def test_the_first_mail_can_be_read_after_a_power_loss(lab, plugged):
    suite, powers = plugged
    suite.setup("lite", **lab.conf())
    address = suite.add_mailbox("first@" + DOMAIN)
    mark = make_mark()
    try:
        suite.up()
        with Lmtp(suite) as lmtp:
            code, text = lmtp.deliver(
                address, make_message(mark, recipient=address))
            assert code == 250, text
        key = key_of(suite)
        Blackout(suite, meanwhile=lambda: lose_all(powers)).run()
        assert judge_key(suite) == key and judge_record(suite)
        stored = suite.wait_mail(address, mark)
        with open(stored.path, "rb") as file:
            assert file.read().startswith(at_rest.MAGIC)
    finally:
        suite.run("down", check=False)
