# SPDX-License-Identifier: GPL-3.0-or-later
"""The image: a mail server in one container, on one volume.

The tests of this file go through the life of one volume, in their order:
first start, mail, stop, kill, another image.
"""

import os
import pathlib
import re
import stat
import time

import pytest

from lib.container import SOURCE, ContainerSuite, newer_package
from lib.exchange import expect_exchange, subjects
from lib.lab import DOMAIN
from lib.load import Account, Load
from lib.smtp import make_mark, make_message
from lib.suite import PASSWORD
from lib.wait import wait_for

pytestmark = pytest.mark.full

STOP_SECONDS = 20
ADDRESS = "anna@" + DOMAIN
SECRET_FILES = ("var/lib/mailherd/secrets/seal",
                "var/lib/mailherd/tls/key.pem")
# Numbers that Debian's policy fixes.
STATIC_NUMBERS = {"root": 0, "adm": 4, "www-data": 33, "nogroup": 65534}


def numbers():
    """Names and numbers of packaging/container/users."""
    text = (SOURCE / "packaging/container/users").read_text()
    lines = [line.split() for line in text.splitlines()
             if line and not line.startswith("#")]
    return {words[0]: int(words[1]) for words in lines}


def lab_settings(lab, suite):
    """What an instance needs to know of the lab, inside of the volume."""
    folder = pathlib.Path(suite.root) / "lab"
    folder.mkdir()
    conf = lab.conf()
    for key in ("resolver.root_hints", "resolver.trust_anchor"):
        path = pathlib.Path(conf[key])
        (folder / path.name).write_bytes(path.read_bytes())
        conf[key] = "/data/lab/" + path.name
    return conf


@pytest.fixture(scope="module")
def suite(lab, podman, image):
    """The container after its first start, with the lab's resolver."""
    container = ContainerSuite(podman, lab.mx, "mail.example.org", DOMAIN,
                               os.path.join(lab.mx.directory, "data"))
    container.create(image)
    wait_for(lambda: container.status()["services"], 60, "first start",
             every=0.2)
    container.configure(lab_settings(lab, container))
    container.restart(timeout=180)
    lab.suite = container
    lab.publish_dkim(DOMAIN)
    lab.dns.publish()
    container.wait_ready()
    container.add_mailbox(ADDRESS)
    yield container
    lab.suite = None
    container.remove()


@pytest.fixture(autouse=True)
def runs(suite):
    """Whatever the test before did, the container runs."""
    if not suite.runs():
        suite.start()
    suite.wait_ready()


def contents(suite):
    """What must be the same on the same volume."""
    return {"secrets": [pathlib.Path(suite.root, name).read_bytes()
                        for name in SECRET_FILES],
            "dns": suite.mailherd("dns", DOMAIN, json=True),
            "mailboxes": [row["address"] for row in suite.mailherd(
                "mailbox", "list", json=True)]}


def test_a_first_start_makes_the_instance(suite, podman):
    said = podman.run("logs", suite.name).stdout
    assert "Instance mail.example.org, profile standard" in said
    assert "Added the domain " + DOMAIN in said
    status = suite.status()
    assert status["hostname"] == "mail.example.org"
    assert status["profile"] == "standard"
    for name in SECRET_FILES[:1]:
        mode = os.stat(os.path.join(suite.root, name)).st_mode
        assert stat.S_IMODE(mode) == 0o400
    assert not os.path.exists(os.path.join(
        suite.root, "var/lib/mailherd/first-start"))


def test_the_tree_is_the_first_process(suite):
    first = suite.inside("cat", "/proc/1/cmdline").stdout.split("\0")
    assert first[:2] == ["/usr/bin/s6-svscan", "/data/run/mailherd/svc"]
    programs = {os.path.basename(os.readlink("/proc/%d/exe" % pid))
                for pid in suite.host.pids()}
    assert {"s6-svscan", "master", "dovecot", "mailherd-agent"} <= programs
    assert not [p for p in programs if re.match(
        r"(ba|da)?sh$|python|perl|mailherd$", p)]


def test_the_image_holds_no_key(suite):
    found = suite.inside("grep", "-rl", "PRIVATE KEY", "/etc", check=False)
    assert found.stdout == ""


def test_orphans_are_reaped(suite):
    suite.inside("sh", "-c", "for i in 1 2 3; do (sleep 0.2 &) ; done")

    def dead():
        return [pid for pid in suite.host.pids() if ") Z " in pathlib.Path(
            "/proc/%d/stat" % pid).read_text()]
    wait_for(lambda: not dead(), 10, "no zombies")


def test_numbers_of_users_are_those_of_the_table(suite):
    table = numbers()
    for name, number in table.items():
        group = suite.inside("getent", "group", name).stdout.split(":")
        assert int(group[2]) == number
    known = set(table.values()) | set(STATIC_NUMBERS.values())
    strange = set()
    for base, folders, files in os.walk(suite.root):
        for name in folders + files:
            owner = os.lstat(os.path.join(base, name))
            if owner.st_uid not in known or owner.st_gid not in known:
                strange.add((os.path.join(base, name), owner.st_uid,
                             owner.st_gid))
    strange = {s for s in strange if "/lab/" not in s[0]}
    assert strange == set()


def test_mail_flows(lab, suite):
    expect_exchange(lab, lab.mx, ADDRESS)


def test_the_resolver_is_our_own(suite):
    text = suite.inside("cat", "/etc/resolv.conf").stdout
    assert re.findall(r"^nameserver (\S+)$", text, re.M) == ["127.0.53.1"]
    assert "trust-ad" in text
    assert "private mounts are missing" not in suite.log("postfix")


def test_sendmail_inside_reaches_the_queue(suite):
    mark = make_mark()
    suite.inside("/usr/sbin/sendmail", "-f", ADDRESS, ADDRESS,
                 input="To: %s\nSubject: Test %s\n\nHello\n" % (ADDRESS, mark))
    suite.wait_mail(ADDRESS, mark)


def test_the_health_check_answers(suite, podman):
    assert suite.inspect("{{.Config.Healthcheck.Test}}").startswith("[CMD")
    podman.run("healthcheck", "run", suite.name)


def under_load(lab, suite, interrupt):
    """Mail comes in all the time; the account of it when all is quiet."""
    load = Load(lab.client, lab.mx.ipv4, [ADDRESS]).start()
    try:
        wait_for(lambda: len(load.accepted()) >= 30, 60, "load")
        before = contents(suite)
        times = [time.time()]
        interrupt()
        times.append(time.time())
        suite.start()
        suite.wait_ready()
        count = len(load.accepted())
        wait_for(lambda: len(load.accepted()) >= count + 20, 60, "load")
    finally:
        load.stop()
    suite.wait_queue_empty()
    account = Account(load, suite, times)
    assert account.lost() == [], account
    assert account.unexcused() == []
    assert load.permanent_refusals() == []
    assert contents(suite) == before
    return account


def test_stop_under_load_loses_nothing(lab, suite):
    seconds = []

    def stop():
        started = time.monotonic()
        suite.stop(STOP_SECONDS)
        seconds.append(time.monotonic() - started)
        assert suite.exit_status() == 0
    account = under_load(lab, suite, stop)
    print("stopped within %.1f s; %s" % (seconds[0], account))
    assert seconds[0] < STOP_SECONDS


def test_kill_under_load_loses_nothing(lab, suite):
    print(under_load(lab, suite, suite.kill))


def test_a_first_start_that_was_killed_is_done_again(lab, podman, image):
    host = lab.net.add_host("again", "192.0.2.31", "2001:db8:0:1::31")
    other = ContainerSuite(podman, host, "mail.example.com", "example.com",
                           os.path.join(host.directory, "data"))
    other.create(image)
    wait_for(lambda: os.path.exists(other.config), 30, "configuration",
             every=0.001)
    other.kill()
    try:
        other.start()
        wait_for(lambda: other.status()["services"], 60, "second start")
        assert [row["name"] for row in other.mailherd(
            "domain", "list", json=True)] == ["example.com"]
        # One volume, one container.
        second = podman.run(
            "run", "--rm", "--volume", other.root + ":/data", "--network",
            "none", image, check=False)
        assert second.returncode != 0
        assert "is running already" in second.stderr
        assert other.runs()
    finally:
        other.remove()


@pytest.mark.parametrize("variables, words", [
    ({"MAILHERD_HOST": "mail.example.org"}, "MAILHERD_HOST means nothing"),
    ({"MAILHERD_HOSTNAME": ""}, "MAILHERD_HOSTNAME is not set"),
    ({"MAILHERD_HOSTNAME": "mail"}, "mail"),
])
def test_a_wrong_variable_is_refused(podman, image, variables, words):
    given = {"MAILHERD_HOSTNAME": "mail.example.org",
             "MAILHERD_DOMAIN": DOMAIN, **variables}
    done = podman.run(
        "run", "--rm", "--network", "none", *[
            word for name, value in given.items()
            for word in ("--env", "%s=%s" % (name, value))], image,
        check=False)
    assert done.returncode == 2, done
    assert words in done.stderr


def test_another_image_goes_on_with_the_volume(
        lab, suite, podman, image, package, tmp_path):
    mark = make_mark()
    lab.peer.send("person@example.net", ADDRESS,
                  make_message(mark, "person@example.net", ADDRESS))
    suite.wait_mail(ADDRESS, mark)
    before = contents(suite)
    had = subjects(lab, lab.mx, ADDRESS)
    version = "99:1"
    podman.build_image(newer_package(package, tmp_path, version),
                       "localhost/mailherd:next")
    suite.stop()
    suite.remove()
    # The variables count at the first start only.
    suite.create("localhost/mailherd:next", profile="lite")
    suite.wait_ready()
    assert suite.inside("dpkg-query", "-W", "-f", "${Version}",
                        "mailherd").stdout == version
    assert suite.status()["profile"] == "standard"
    assert contents(suite) == before
    assert subjects(lab, lab.mx, ADDRESS) == had
    expect_exchange(lab, lab.mx, ADDRESS)


def test_everything_runs_on_a_read_only_root(lab, suite, image):
    suite.stop()
    suite.remove()
    suite.create(image, "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp",
                 "--dns", "127.0.53.1", "--dns-search", ".",
                 "--dns-opt", "edns0", "--dns-opt", "trust-ad",
                 "--dns-opt", "timeout:5", "--dns-opt", "attempts:2")
    suite.wait_ready()
    assert "private mounts are missing" not in suite.log("postfix")
    said = suite.podman.run("logs", suite.name)
    assert "resolv.conf" not in said.stderr + said.stdout
    expect_exchange(lab, lab.mx, ADDRESS)


def isolation(suite):
    return next((fact for fact in suite.status()["health"]
                 if fact["name"] == "isolation"), None)


def test_isolation_wants_one_capability(lab, suite, image):
    fact = isolation(suite)
    if fact is None:
        pytest.skip("this build knows no isolation")
    assert not fact["ok"]
    suite.stop()
    suite.remove()
    suite.create(image, "--cap-add", "NET_ADMIN")
    suite.wait_ready()
    assert isolation(suite)["ok"]
    expect_exchange(lab, lab.mx, ADDRESS)


def test_the_compose_file_makes_a_server(lab, podman, image, tmp_path):
    """In a network namespace as the machine; the ports are published."""
    host = lab.net.add_host("docker", "192.0.2.30", "2001:db8:0:1::30")
    text = (SOURCE / "packaging/container/compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(
        text.replace("mailherd:latest", image))
    compose = ["nsenter", "--net=" + host.path, "podman-compose",
               "--project-name", "mh", "--file", tmp_path / "compose.yaml"]

    def mailherd(*words, **given):
        return podman.run("exec", "--interactive", "mailherd", "mailherd",
                          *words, **given)
    podman.command(compose + ["up", "--detach"])
    try:
        wait_for(lambda: mailherd("mailbox", "add", ADDRESS,
                                  "--password-file", "-",
                                  input=PASSWORD + "\n"), 60, "mailbox",
                 every=0.5)
        wait_for(lambda: subjects(lab, host, ADDRESS) == [], 60, "login",
                 every=0.5)
        started = time.monotonic()
        podman.command(compose + ["down"])
        assert time.monotonic() - started < 60
    finally:
        podman.run("rm", "--force", "--time", "0", "mailherd", check=False)
