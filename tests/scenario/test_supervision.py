# SPDX-License-Identifier: GPL-3.0-or-later
"""The service tree from outside: started, killed, broken, stopped.

One instance (profile lite) on a host of its own; the tests run in the
order of this file, and the last ones stop it and start it again.
"""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from lib import maildir
from lib.aftermath import pending_effects
from lib.imap import imap_login
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import CommandError, Suite, command_line
from lib.wait import wait_for

DOMAIN = "third.example.org"
SERVICES = {"agent", "directory", "dovecot", "fdholder", "jobs", "log",
            "nginx", "postfix", "redis", "rspamd", "unbound", "watch"}
# Who stops before whom: public listeners first, databases last.
STOP_ORDER = [{"postfix", "nginx"}, {"dovecot"}, {"rspamd"},
              {"redis", "unbound"}, {"jobs", "directory", "watch"}]


@pytest.fixture(scope="module")
def third(lab):
    """A running instance."""
    host = lab.net.add_host("mx3", "192.0.2.27", "2001:db8:0:1::27")
    instance = Suite(host, "mail3.example.org", DOMAIN)
    instance.setup("lite", **lab.conf())
    if lab.suite:
        instance.share_patterns(lab.suite)
    instance.up()
    yield instance
    instance.run("down", check=False)


def pids(instance):
    return {name: instance.pid(name) for name in instance.supervised()}


def all_ready(instance):
    names = instance.supervised()
    return names and all(instance.svstat(n)["ready"] for n in names)


def others(before, name):
    return {n: pid for n, pid in before.items() if n != name}


def kill(instance, name):
    """kill -9 of a service; returns the pid that it had."""
    def killed():
        pid = instance.pid(name)
        # Gone, but its supervisor has not written so yet: again.
        os.kill(pid, signal.SIGKILL)
        return pid
    return wait_for(killed, 10, name)


def test_status_names_each_service_with_its_pid(third):
    report = third.status()
    assert report["state"] == "healthy"
    assert report["hostname"] == "mail3.example.org"
    services = {s["name"]: s for s in report["services"]}
    assert set(services) == SERVICES
    for name, service in services.items():
        assert service["state"] == "ready", service
        assert service["pid"] == third.pid(name)
        assert service["crashes"] == 0 and service["restarts"] == 0
        assert command_line(service["pid"])
    table = third.mailherd("status")
    for name, service in services.items():
        assert "%s " % name in table and str(service["pid"]) in table


def test_up_is_idempotent(third):
    before = pids(third)
    assert "healthy" in third.up().stdout
    assert pids(third) == before


def test_nothing_foreign_is_open_in_an_engine(third):
    """Descriptors of the supervisor or of other services do not leak."""
    for name in ("redis", "unbound", "nginx", "rspamd"):
        directory = "/proc/%d/fd" % third.pid(name)
        targets = [os.readlink(os.path.join(directory, fd))
                   for fd in os.listdir(directory)]
        inside = [t for t in targets if t.startswith(third.services)]
        assert not inside
        fifos = {t for t in targets if "/run/mailherd/" in t and
                 os.path.basename(os.path.dirname(t)) == "log"}
        assert fifos <= {os.path.join(third.root, "run/mailherd/log", name)}


def test_a_killed_agent_adopts_what_runs(third):
    before = pids(third)
    kill(third, "agent")
    wait_for(lambda: third.pid("agent") not in (None, before["agent"]) and
             third.svstat("agent")["ready"], 10, "new agent")
    wait_for(lambda: third.status()["state"] == "healthy", 10, "healthy")
    assert others(pids(third), "agent") == others(before, "agent")
    assert third.service_status("agent")["crashes"] == 1


def test_a_restart_survives_the_agent(third):
    """The command asks the new agent, and nothing stays down."""
    before = pids(third)
    running = third.host.popen([third.binary, "--root", third.root,
                                "restart", "dovecot"])
    wait_for(lambda: third.service_status("dovecot")["state"] == "stopping",
             10, "dovecot on its way")
    kill(third, "agent")
    assert running.wait(30) == 0
    wait_for(lambda: third.status()["state"] == "healthy", 10, "healthy")
    assert others(others(pids(third), "dovecot"), "agent") == \
        others(others(before, "dovecot"), "agent")


def test_preparing_may_be_killed_anywhere(third):
    """What it leaves behind does not stand in the next one's way."""
    program = os.path.join(third.prefix, "lib/mailherd/mailherd-prepare")
    generation = third.status()["generation"]
    for pause in (0.005, 0.02, 0.04, 0.08, 0.16):
        process = third.host.popen([program, "--root", third.root],
                                   stdout=subprocess.DEVNULL)
        time.sleep(pause)  # the places are many, not one to be met
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = pids(third)
    third.restart("nginx")
    assert third.status()["generation"] == generation
    assert others(pids(third), "nginx") == others(before, "nginx")


def test_an_agent_that_finds_a_new_service_starts_all_the_same(third):
    """Another profile, not prepared yet: that is what `restart` is for."""
    before = pids(third)
    third.configure({"profile": "full"})
    try:
        kill(third, "agent")
        wait_for(lambda: third.pid("agent") not in (None, before["agent"])
                 and third.svstat("agent")["ready"], 10, "new agent")
        assert set(third.service_names()) == SERVICES
    finally:
        third.configure({"profile": "lite"})
    assert others(pids(third), "agent") == others(before, "agent")


def test_restart_of_one_service_changes_only_its_pid(third):
    before = pids(third)
    third.restart("redis")
    after = pids(third)
    assert after["redis"] not in (None, before["redis"])
    assert others(after, "redis") == others(before, "redis")
    assert third.service_status("redis")["crashes"] == 0


def test_restarts_at_the_same_time_both_succeed(third):
    names = ("nginx", "unbound", "redis")
    before = pids(third)
    running = [third.host.popen([third.binary, "--root", third.root,
                                 "restart", name]) for name in names]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    after = pids(third)
    assert all(after[name] != before[name] for name in names)


def test_an_unknown_service_is_named(third):
    with pytest.raises(CommandError) as refused:
        third.restart("nonsense")
    assert "no such service" in str(refused.value)


def test_a_new_descriptor_holder_has_the_sockets(third):
    before = pids(third)
    kill(third, "fdholder")
    wait_for(lambda: third.svstat("fdholder")["ready"] and
             third.pid("fdholder") != before["fdholder"], 10, "fdholder")

    def held():
        listing = third.host.run(
            ["s6-fdholder-list",
             os.path.join(third.root, "run/mailherd/fdholder/s")])
        return "socketmap" in listing.stdout
    wait_for(held, 10, "sockets in the new holder")
    kill(third, "directory")
    wait_for(lambda: third.svstat("directory")["ready"] and
             third.pid("directory") != before["directory"], 10, "directory")
    with Smtp(third.host, third.host.ipv4, 587) as client:
        client.ehlo()
    assert others(others(pids(third), "fdholder"), "directory") == \
        others(others(before, "fdholder"), "directory")


def test_logs_show_what_a_service_wrote(third):
    third.restart("watch")
    wait_for(lambda: "mailherd-watch" in third.mailherd("logs", "watch"), 10,
             "a line of watch")
    lines = [json.loads(line) for line in
             third.mailherd("logs", "--json", "watch").splitlines()]
    assert lines and all(set(line) == {"service", "at", "text"} and
                         line["service"] == "watch" for line in lines)
    mixed = third.mailherd("logs", "--lines", "500")
    assert "postfix " in mixed and "agent " in mixed
    with pytest.raises(CommandError):
        third.mailherd("logs", "../../../etc")


def test_logs_follow(third):
    follower = third.host.popen(
        [third.binary, "--root", third.root, "logs", "-f", "--lines", "0",
         "postfix"], stdout=-1, text=True)
    os.set_blocking(follower.stdout.fileno(), False)
    seen = []
    try:
        mark = make_mark()

        def shown():
            # Again and again, because the follower may not be there yet.
            with Smtp(third.host, third.host.ipv4, 587) as client:
                client.ehlo(mark + ".example.net")
            seen.append(follower.stdout.read() or "")
            return "connect from" in "".join(seen)
        wait_for(shown, 10, "a fresh line", every=0.3)
    finally:
        follower.terminate()
        follower.wait(10)


def test_a_crash_loop_backs_off_and_restart_cuts_it_short(third):
    before = pids(third)
    last = None
    for _ in range(5):
        last = wait_for(lambda p=last: third.pid("nginx") not in (None, p)
                        and third.pid("nginx"), 15, "nginx again")
        os.kill(last, signal.SIGKILL)

    def waits():
        service = third.service_status("nginx")
        return service.get("retry_in_s", 0) >= 3 and service
    service = wait_for(waits, 5, "back-off in the status")
    assert service["crashes"] >= 5
    assert service["last_exit"]["signal"] == signal.SIGKILL
    assert "next start in" in third.run("status", check=False).stdout
    third.run("restart", "nginx", timeout=3)
    assert third.svstat("nginx")["ready"]
    assert "retry_in_s" not in third.service_status("nginx")
    assert others(pids(third), "nginx") == others(before, "nginx")


def deliver(lab, instance, address):
    mark = make_mark()
    with Smtp(lab.client, instance.host.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address,
                            make_message(mark, recipient=address))
    instance.wait_mail(address, mark)
    return mark


def is_over(session):
    """True when the server has ended an IMAP session."""
    try:
        session.noop()
        return False
    except Exception:  # imaplib has several for a lost connection
        return True


def test_a_new_password_ends_open_sessions(lab, third):
    address = third.add_mailbox("kicked@" + DOMAIN)
    bystander = third.add_mailbox("stays@" + DOMAIN)
    session = imap_login(lab.client, third.host.ipv4, address)
    other = imap_login(lab.client, third.host.ipv4, bystander)
    try:
        assert not is_over(session)
        third.set_password(address, "another horse 8 battery")
        wait_for(lambda: is_over(session), 3, "the session's end")
        assert not is_over(other)
    finally:
        session.shutdown()
        other.shutdown()


def test_changes_while_dovecot_is_down_leave_nothing_behind(third):
    """Nobody is connected: that is known at once, for each of them."""
    address = third.add_mailbox("many@" + DOMAIN)
    directory = os.path.join(third.services, "dovecot")
    subprocess.run(["s6-svc", "-wD", "-T", "20000", "-d", directory],
                   check=True)
    try:
        for number in range(5):
            third.set_password(address, "horse number %d" % number)
        wait_for(lambda: pending_effects(third) == 0, 3, "an empty outbox")
    finally:
        subprocess.run(["s6-svc", "-u", directory], check=True)
    wait_for(third.all_ready, 30, "Dovecot again")


def test_a_removed_mailbox_goes_to_the_garbage(lab, third):
    """More of it in test_undelete.py."""
    address = third.add_mailbox("removed@" + DOMAIN)
    deliver(lab, third, address)
    home = third.home(address)
    store_id = os.path.basename(home)
    third.mailherd("mailbox", "remove", address)
    garbage = os.path.join(os.path.dirname(os.path.dirname(home)),
                           ".garbage")
    wait_for(lambda: not os.path.isdir(home), 10, "home moved away")
    assert maildir.locate(os.path.join(garbage, store_id)).messages()

    third.add_mailbox(address)
    fresh = third.mailherd("mailbox", "path", address).strip()
    assert os.path.basename(fresh) != store_id
    session = imap_login(lab.client, third.host.ipv4, address)
    try:
        assert session.select("INBOX")[1] == [b"0"]
    finally:
        session.shutdown()


def override(instance, engine, name):
    directory = os.path.join(instance.root, "etc/mailherd/engines", engine)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    return os.path.join(directory, name)


def test_a_broken_override_changes_nothing(third):
    before = pids(third)
    generation = third.status()["generation"]
    path = override(third, "dovecot", "dovecot.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("# fine so far\nno_such_setting = 1\n")
    try:
        with pytest.raises(CommandError) as refused:
            third.restart("dovecot")
        assert path + " line 2" in refused.value.stderr
        assert "no_such_setting" in refused.value.stderr
        report = third.status()
        assert report["generation"] == generation
        assert "no_such_setting" in report["render_error"]
        assert pids(third) == before

        # The whole suite starts with the last good one, and says so.
        third.down()
        wait_for(lambda: not third.host.pids(), 10, "no process left")
        reader, writer = os.pipe()
        started = third.run("up", pass_fds=(writer,), timeout=60)
        os.close(writer)
        # Nobody holds it any more, or this would wait.
        assert os.read(reader, 1) == b""
        os.close(reader)
        assert "no_such_setting" in started.stderr
        assert "line 2" in started.stderr
        assert third.status()["generation"] == generation
        assert all_ready(third)
    finally:
        os.unlink(path)
    third.restart("dovecot")
    assert "render_error" not in third.status()


def test_a_configuration_that_does_not_come_up_is_taken_back(third):
    """No checker can know that: only the start shows that it is wrong."""
    before = pids(third)
    generation = third.status()["generation"]
    path = override(third, "redis", "redis.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("unixsocket /no/such/directory/redis\n")
    try:
        with pytest.raises(CommandError) as refused:
            third.restart("redis", timeout=15)
        assert "redis ends as soon as it is started" in refused.value.stderr
        assert "configuration %d is in force again" % generation in \
            refused.value.stderr
        wait_for(lambda: third.svstat("redis")["ready"], 5, "redis again")
        report = third.status()
        assert report["generation"] == generation
        assert "redis ends" in report["render_error"]
        assert others(pids(third), "redis") == others(before, "redis")
    finally:
        os.unlink(path)
    third.restart("redis")
    assert "render_error" not in third.status()


def ended_at(instance, name):
    """When a service ended last: milliseconds."""
    path = os.path.join(instance.services, name, "ended")
    with open(path, encoding="ascii") as record:
        return int(record.read().split()[0])


def test_the_foreground_speaks_to_systemd(third):
    # An agent that must wait before its next start is not waited for.
    for _ in range(5):
        kill(third, "agent")
    assert third.run("down", "--json", timeout=12).stdout == \
        '{"state":"down"}\n'
    wait_for(lambda: not third.host.pids(), 10, "no process left")
    assert third.run("status", check=False).returncode == 3
    path = os.path.join(third.root, "notify.sock")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(30)
    heard = []

    def hear(wanted):
        while not any(wanted in text.split("\n") for text in heard):
            heard.append(manager.recv(4096).decode())

    process = third.host.popen(
        [third.binary, "--root", third.root, "up", "--foreground"],
        env=dict(os.environ, NOTIFY_SOCKET=path))
    try:
        hear("READY=1")
        assert all_ready(third)
        assert "STATUS=healthy" in "\n".join(heard)
        process.terminate()
        hear("STOPPING=1")
        assert process.wait(60) == 0
        wait_for(lambda: not third.host.pids(), 10, "no process left")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        manager.close()
    times = [[ended_at(third, name) for name in names]
             for names in STOP_ORDER]
    for first, then in zip(times, times[1:]):
        assert max(first) <= min(then), times
