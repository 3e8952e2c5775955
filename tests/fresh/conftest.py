# SPDX-License-Identifier: GPL-3.0-or-later
"""One fresh machine for all tests of this directory, in their order:
test_fresh.py installs, what comes after it finds a running suite."""

import pytest

from lib.machine import DOMAIN, Machine, publish


@pytest.fixture(scope="session")
def host(lab):
    """The fresh machine's place in the test internet."""
    return lab.net.add_host("fresh", "192.0.2.26", "2001:db8:0:1::26")


@pytest.fixture(scope="session")
def machine(lab, host, tmp_path_factory):
    """Debian as it comes, booted, with a clone of this repository."""
    fresh = Machine(tmp_path_factory.mktemp("fresh"), host.namespace)
    try:
        fresh.create()
        fresh.trust(lab)
        fresh.connect()
        fresh.boot()
        yield fresh
    finally:
        fresh.close()


@pytest.fixture(scope="session")
def untouched(machine):
    """{unit file: state} of the machine before anything was installed."""
    return machine.unit_files()


@pytest.fixture(scope="session")
def installed(lab, host, machine, untouched):
    """What README's first command printed; the suite runs."""
    text = machine.install()
    publish(lab, host)
    return text


@pytest.fixture(scope="session")
def stranger(machine, installed):
    """The first mailbox; its address."""
    return machine.add_mailbox("stranger@" + DOMAIN)
