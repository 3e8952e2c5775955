# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's processes: sessions that sleep, reuse, limits that hold."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.idle import Waiting
from lib.imap import Imap, append, imap_login, imap_may_login
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import PASSWORD, Suite, command_line
from lib.wait import holds_for, wait_for

DOMAIN = "processes.example.org"
USER_MAX = 4
AWAKE_MAX = 14
INSTANCES = "/proc/sys/fs/inotify/max_user_instances"


@pytest.fixture(scope="module")
def small(lab):
    """An instance with small limits whose sessions sleep after a second."""
    host = lab.net.add_host("mx12", "192.0.2.36", "2001:db8:0:1::36")
    instance = Suite(host, "mail12.example.org", DOMAIN)
    instance.setup("lite", **dict(lab.conf(), **{
        "imap.hibernate_after": "1", "imap.user_max": str(USER_MAX),
        "imap.awake_max": str(AWAKE_MAX)}))
    if lab.suite:
        instance.share_patterns(lab.suite)
    instance.up()
    yield instance
    instance.run("down", check=False)


@pytest.fixture
def user(small, request):
    """Makes mailboxes: user("a") -> address."""
    base = request.node.name.split("[")[0].removeprefix("test_")[:20]

    def make(name="u"):
        return small.add_mailbox("%s.%s%d@%s" % (
            base.replace("_", "-"), name, time.monotonic_ns(), DOMAIN))
    return make


@pytest.fixture
def opened():
    """Closes what is entered into it."""
    with contextlib.ExitStack() as stack:
        yield stack


def program(pid):
    with open("/proc/%d/comm" % pid, encoding="ascii") as comm:
        return comm.read().strip()


def holders(suite, address):
    """{pid: program} of the processes that have sessions of a user."""
    done = suite.exec("doveadm", "-f", "tab", "who", "-1", address)
    lines = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    return {int(line[2]): program(int(line[2])) for line in lines}


def sleeps(suite, address):
    return set(holders(suite, address).values()) == {"imap-hibernate"}


def fall_asleep(lab, suite, opened, address, **options):
    """A session in IDLE that has given its process back."""
    waiting = Waiting(lab.client, suite.host.ipv4, address, **options)
    opened.callback(waiting.close)
    wait_for(lambda: sleeps(suite, address), 10, "sleep")
    return waiting


def log_in(lab, suite, opened, address):
    session = imap_login(lab.client, suite.host.ipv4, address)
    opened.callback(leave, session)
    return session


def leave(session):
    with contextlib.suppress(OSError):  # it has logged out
        session.shutdown()


def deliver(lab, suite, address):
    """A process of LMTP that knew a killed auth puts one mail off."""
    mark = make_mark()
    with Smtp(lab.client, suite.host.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address,
                            make_message(mark, recipient=address))

    def arrived():
        suite.exec("postqueue", "-f")
        return suite.find_mail(address, mark)
    wait_for(arrived, 25, "mail", every=0.2)
    return mark


def test_the_kernel_allows_waiting_sessions():
    """Below, some dozen sessions wait; the package's file allows more."""
    with open(INSTANCES, encoding="ascii") as file:
        assert int(file.read()) >= 64


@pytest.mark.parametrize("before", [
    [], [("ENABLE", "CONDSTORE")], [("ENABLE", "QRESYNC")]],
    ids=["plain", "condstore", "qresync"])
def test_a_sleeping_session_wakes_for_news(lab, small, user, opened, before):
    """A second at most, and what was selected, known and set is the same."""
    address = user()
    other = log_in(lab, small, opened, address)
    other.select("INBOX")
    message = make_message(make_mark(), recipient=address)
    for _ in range(2):
        assert append(other, message)[0] == "OK"
    waiting = Waiting(lab.client, small.host.ipv4, address, before=before)
    opened.callback(waiting.close)
    wait_for(lambda: "imap-hibernate" in holders(small, address).values(),
             10, "sleep")
    assert append(other, message)[0] == "OK"
    waiting.wait_line(b"* 3 EXISTS", 1)

    # What happened while it slept again is told when it asks.
    wait_for(lambda: "imap-hibernate" in holders(small, address).values(),
             10, "sleep again")
    other.noop()
    other.store("2", "+FLAGS", "(\\Flagged)")
    other.store("1", "+FLAGS", "(\\Deleted)")
    other.expunge()
    told = b"".join(waiting.done())
    status, data = waiting.session.noop()
    assert status == "OK"
    told += b"".join(data or [])
    status, data = waiting.session.fetch("1:*", "(UID FLAGS)")
    assert status == "OK" and len(data) == 2
    assert b"UID 2" in data[0] and b"\\Flagged" in data[0]
    assert b"UID 3" in data[1] and b"\\Flagged" not in data[1]
    if before:
        status, data = waiting.session.uid("FETCH", "1:*", "(MODSEQ)")
        assert status == "OK" and all(b"MODSEQ" in line for line in data)
    # And it may write as before.
    assert waiting.session.store("1", "+FLAGS", "(\\Seen)")[0] == "OK"


def test_a_session_with_notify_is_told_everywhere(lab, small, user, opened):
    """NOTIFY asks for news of other folders: those need its process."""
    address = user()
    other = log_in(lab, small, opened, address)
    assert other.create("Side")[0] == "OK"
    waiting = Waiting(
        lab.client, small.host.ipv4, address, before=[
            ("NOTIFY", "SET (selected (MessageNew MessageExpunge)) "
             "(personal (MessageNew MessageExpunge))")])
    opened.callback(waiting.close)
    message = make_message(make_mark(), recipient=address)
    holds_for(lambda: not waiting.is_over(), 2)  # beyond hibernate_after
    assert append(other, message, "Side")[0] == "OK"
    waiting.wait_line(b"STATUS Side", 5)
    assert append(other, message)[0] == "OK"
    waiting.wait_line(b"* 1 EXISTS", 5)


def test_a_new_password_ends_a_sleeping_session(lab, small, user, opened):
    address = user()
    asleep = fall_asleep(lab, small, opened, address)
    awake = log_in(lab, small, opened, user("stays"))
    small.set_password(address, "another horse 8 battery")
    changed = time.monotonic()
    wait_for(asleep.is_over, 2, "the session's end")
    assert time.monotonic() - changed < 1
    assert not imap_may_login(lab.client, small.host.ipv4, address)
    assert awake.noop()[0] == "OK"


def test_restart_and_reload_leave_sleepers(lab, small, user, opened):
    """The directory's restart, a reload of Dovecot and a dead auth process."""
    address = user()
    asleep = fall_asleep(lab, small, opened, address)
    small.restart("directory")
    small.exec("doveadm", "reload")
    wait_for(lambda: imap_may_login(lab.client, small.host.ipv4, user("new")),
             10, "a login after the reload")
    assert not asleep.is_over()
    deliver(lab, small, address)
    asleep.wait_line(b"* 1 EXISTS", 1.5)
    assert asleep.done() is not None
    assert asleep.session.fetch("1", "(UID)")[0] == "OK"


def children(suite, name):
    """Dovecot's processes of that name; not auth's workers, which end too."""
    return [pid for pid in suite.host.pids() if program(pid) == name and
            "-w" not in command_line(pid)]


def kill(suite, name):
    for pid in children(suite, name):
        os.kill(pid, signal.SIGKILL)


def test_killed_processes_end_their_sessions_only(lab, small, user, opened):
    address, bystander = user(), user("by")
    asleep = fall_asleep(lab, small, opened, address)
    awake = log_in(lab, small, opened, bystander)
    kill(small, "imap-hibernate")
    wait_for(asleep.is_over, 5, "the sleeper's end")
    assert awake.noop()[0] == "OK"
    again = fall_asleep(lab, small, opened, address)
    # Mail processes have dropped their rights; they find auth again.
    kill(small, "auth")
    wait_for(lambda: imap_may_login(lab.client, small.host.ipv4, bystander),
             15, "a login")
    for _ in range(2 * len(children(small, "imap"))):
        assert imap_may_login(lab.client, small.host.ipv4, bystander)
    assert awake.noop()[0] == "OK"
    deliver(lab, small, address)
    again.wait_line(b"* 1 EXISTS", 1.5)


def test_a_user_with_too_many_sessions_hears_why(lab, small, user, opened):
    greedy, modest = user("greedy"), user("modest")
    for _ in range(USER_MAX):
        log_in(lab, small, opened, greedy)
    with pytest.raises(Imap.error) as refused:
        log_in(lab, small, opened, greedy)
    assert "Maximum number of connections" in str(refused.value)
    assert "AUTHENTICATIONFAILED" not in str(refused.value)
    assert imap_may_login(lab.client, small.host.ipv4, modest)
    deliver(lab, small, greedy)


def try_login(lab, suite, address):
    """ok, wrong (password), or later: what a mail program makes of it."""
    session = None
    try:
        session = Imap(lab.client, suite.host.ipv4, timeout=10)
        session.login(address, PASSWORD)
        session.logout()
        return "ok"
    except (Imap.error, OSError) as error:
        return ("wrong" if "AUTHENTICATIONFAILED" in str(error) else "later")
    finally:
        if session:
            leave(session)


def test_when_no_more_may_be_awake(lab, small, user, opened):
    """Who comes too late tries again; the rest goes on."""
    sleeper, late = user("sleeper"), user("late")
    asleep = fall_asleep(lab, small, opened, sleeper)
    sessions = []
    for number in range(AWAKE_MAX):
        if number % USER_MAX == 0:
            address = user("full")
        sessions.append(log_in(lab, small, opened, address))
    # A login waits for a process that comes free, but not for ever.
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(try_login, lab, small, late)
        holds_for(lambda: not waiting.done(), 1)
        sessions.pop(0).logout()
        assert waiting.result() == "ok"
    sessions.append(log_in(lab, small, opened, user("next")))
    assert try_login(lab, small, late) == "later"
    # Mail arrives, the administrator works, who sleeps is not thrown out.
    deliver(lab, small, late)
    assert "full" in small.exec("doveadm", "who").stdout
    assert small.status()["state"] == "healthy"
    assert all(session.noop()[0] == "OK" for session in sessions)
    deliver(lab, small, sleeper)
    asleep.wait_line(b"* 1 EXISTS", 5)
    for session in sessions[:4]:
        session.logout()
    assert wait_for(lambda: try_login(lab, small, late) == "ok", 5)


def serving(lab, suite, address):
    """(pid of the process that serves a fresh session, the session)."""
    session = imap_login(lab.client, suite.host.ipv4, address)
    pids = holders(suite, address)
    assert list(pids.values()) == ["imap"], pids
    return list(pids)[0], session


def secrets_of(session):
    """What a session sees of its user."""
    seen = []
    for words in (("LIST", '"" "*"'), ("GETMETADATA", '"" /private/comment'),
                  ("GETQUOTAROOT", "INBOX"), ("NAMESPACE",),
                  ("LSUB", '"" "*"')):
        status, _ = session.xatom(*words)
        assert status == "OK"
    for name in ("LIST", "METADATA", "QUOTAROOT", "QUOTA", "NAMESPACE",
                 "LSUB"):
        seen.append((name, session.response(name)[1]))
    session.select("INBOX")
    seen.append(("INBOX", session.search(None, "ALL")[1]))
    return repr(seen)


def test_one_process_two_users(lab, small, user):
    """One after another in the same process, and nothing is carried over."""
    first, second = user("first"), user("second")
    for _ in range(30):
        pid, session = serving(lab, small, first)
        session.create("Secret-plans")
        session.subscribe("Secret-plans")
        session.xatom("ENABLE", "QRESYNC")
        session.xatom("SETMETADATA", '"" (/private/comment "first-comment")')
        append(session, make_message("first-mail", recipient=first))
        seen = secrets_of(session)
        assert "Secret-plans" in seen and "first-comment" in seen
        session.logout()
        wait_for(lambda: not holders(small, first), 5, "the logout")
        heir, session = serving(lab, small, second)
        seen = secrets_of(session)
        for word in ("Secret-plans", "first", first):
            assert word not in seen
        # Not enabled here: a plain expunge, not one by uid.
        append(session, make_message("mine", recipient=second))
        session.noop()
        session.store("1", "+FLAGS", "(\\Deleted)")
        assert session.expunge()[1] == [b"1"]
        session.logout()
        wait_for(lambda: not holders(small, second), 5, "the logout")
        if heir == pid:
            return
    pytest.fail("no process was used again")


def test_without_reuse_each_session_has_its_process(lab, small, user):
    """And without sleep each keeps it. Last, for it changes the instance."""
    address = user()
    small.configure({"imap.reuse": "1", "imap.hibernate_after": "0"})
    small.restart("dovecot")  # a login during a reload may be put off
    seen = set()
    for _ in range(8):
        pid, session = serving(lab, small, address)
        assert pid not in seen
        seen.add(pid)
        session.logout()
        wait_for(lambda: not holders(small, address), 5, "the logout")
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), 5, "its end")
    waiting = Waiting(lab.client, small.host.ipv4, address)
    try:
        holds_for(lambda: list(holders(small, address).values()) == ["imap"],
                  2.5, "a process of its own")
    finally:
        waiting.close()
