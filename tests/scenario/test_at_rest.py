# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail at rest: encrypted with a key that nothing replaces, compressed
below that, read again byte for byte."""

import contextlib
import glob
import imaplib
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from lib import at_rest
from lib.imap import append, imap_login
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import Suite, command_line
from lib.wait import wait_for

BIG = 1024 * 1024


def state(suite, name):
    return os.path.join(suite.root, "var/lib/mailherd", name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def key_of(suite):
    return read(state(suite, "secrets/mail-crypt"))


def form_of(suite, half=""):
    """Where Dovecot's own form of the key is."""
    return os.path.join(suite.root, "run/mailherd/mail-keys/mail-crypt" + half)


def files_below(directory):
    return [os.path.join(base, name)
            for base, _, names in os.walk(directory) for name in names]


def holding(directory, *words):
    """Files below directory that hold one of the words in clear text."""
    found = []
    for path in files_below(directory):
        with contextlib.suppress(FileNotFoundError):
            data = read(path)
            if any(word in data for word in words):
                found.append(path)
    return found


def stored(suite, address):
    return [m.path for m in suite.maildir(address).messages()]


@contextlib.contextmanager
def session(suite, client, user, folder="INBOX"):
    imap = imap_login(client, suite.host.ipv4, user)
    try:
        imap.select(folder)
        yield imap
    finally:
        imap.shutdown()


# What is on disk

def test_nothing_is_readable_on_disk(lab, suite, mailbox):
    """By LMTP, by APPEND and as a copy: magic bytes, our key, no word."""
    user, mark = mailbox(), make_mark()
    word = mark.encode()
    text = make_message(mark, recipient=user, headers=("X-Word: " + mark,))
    with Smtp(lab.other, suite.host.ipv4, 25) as smtp:
        smtp.ehlo()
        smtp.send_message("sender@example.net", user, text)
    suite.wait_mail(user, mark)
    with session(suite, lab.client, user) as imap:
        imap.create("Copies")
        assert append(imap, text)[0] == "OK"
        assert imap.copy("1:2", "Copies")[0] == "OK"
    paths = [m.path for m in suite.find_mail(user, mark)]
    assert len(paths) == 4
    for path in paths:
        data = read(path)
        assert data.startswith(at_rest.MAGIC + b"\x02")
        clear = at_rest.decrypt(data, [key_of(suite)])
        assert clear.startswith(at_rest.LZ4_MAGIC)
        header, body = at_rest.unpack(clear).split(b"\n\n", 1)
        assert b"Subject: Test " + word in header
        assert b"X-Word: " + word in header and word in body
    assert not holding(suite.home(user), word)


def test_the_key_s_file(suite):
    path = state(suite, "secrets/mail-crypt")
    status = os.stat(path)
    assert stat.S_IMODE(status.st_mode) == 0o400
    assert status.st_uid == pwd.getpwnam("vmail").pw_uid
    assert b"EC PRIVATE" not in read(path)
    done = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"],
                          capture_output=True, text=True, check=True)
    assert "prime256v1" in done.stdout
    record = read(state(suite, "vmail/mail-crypt.keys")).decode()
    assert record.splitlines()[-1] == at_rest.fingerprint(read(path))


def bodies():
    """Bytes that have been spoilt by storage before: name to message."""
    head = b"From: a@example.org\r\nSubject: bytes\r\n\r\n"
    lines = b"".join(b"%06d all work and no play\r\n" % n
                     for n in range(BIG // 30))
    return {"plain": head + b"x\r\n", "no body": head, "no header": b"\r\nx",
            "8 bit": head + bytes(range(128, 256)) + b"\r\n",
            "no last line end": head + b"end",
            "dots": head + b".\r\n..\r\n.x\r\n",
            "big": head + lines,
            "big and random": head + os.urandom(BIG).hex().encode() + b"\r\n"}


def test_bytes_come_back(lab, suite, mailbox):
    """What was appended is fetched, whole and in parts, with its size."""
    user = mailbox()
    with session(suite, lab.client, user) as imap:
        for number, (name, text) in enumerate(bodies().items(), 1):
            assert append(imap, text)[0] == "OK", name
            _, data = imap.fetch(str(number), "(RFC822.SIZE BODY.PEEK[])")
            assert b"RFC822.SIZE %d " % len(text) in data[0][0], name
            assert data[0][1] == text, name
            _, data = imap.fetch(str(number), "(BODY.PEEK[]<3.20>)")
            assert data[0][1] == text[3:23], name


def test_bare_line_feeds_become_whole(lab, suite, mailbox):
    user = mailbox()
    text = b"Subject: bare\n\none\ntwo\r\nthree\n"
    with session(suite, lab.client, user) as imap:
        assert append(imap, text)[0] == "OK"
        _, data = imap.fetch("1", "(RFC822.SIZE BODY.PEEK[])")
    want = b"Subject: bare\r\n\r\none\r\ntwo\r\nthree\r\n"
    assert data[0][1] == want
    assert b"RFC822.SIZE %d " % len(want) in data[0][0]


def test_file_names_and_quota_count_clear_bytes(lab, suite, mailbox):
    user = mailbox()
    texts = list(bodies().values())
    with session(suite, lab.client, user) as imap:
        for text in texts:
            append(imap, text)
        _, data = imap.getquotaroot("INBOX")
    used = int(data[1][0].split(b"STORAGE ")[1].split()[0])
    assert abs(used - sum(map(len, texts)) // 1024) <= 1
    for path in stored(suite, user):
        clear = at_rest.clear(path)
        size, whole = (int(word[2:]) for word in
                       path.rpartition("/")[2].split(":")[0].split(",")[1:])
        assert size == len(clear)
        assert whole == len(clear.replace(b"\r\n", b"\n")
                            .replace(b"\n", b"\r\n"))
    assert sum(os.stat(p).st_size for p in stored(suite, user)) < \
        sum(map(len, texts))


def test_no_private_key_is_shown(suite):
    """Not by checks, reports or tools, in no file, log or process."""
    secret = b"".join(key_of(suite).splitlines()[1:-1])
    number = at_rest.forms(key_of(suite))[0].split(b":")[3]
    pieces = [secret[20:52], secret[60:92], number[-64:-32], number[-32:]]
    shown = [suite.run(*words, check=False) for words in (
        ("status",), ("status", "--json"), ("config", "show"),
        ("config", "diff"), ("config", "check"), ("key", "list"),
        ("key", "list", "--json"), ("doctor",),
        ("exec", "doveconf", "-n"), ("exec", "doveconf"))]
    text = "".join(done.stdout + done.stderr for done in shown).encode()
    assert not [p for p in pieces if p in text.replace(b"\n", b"")]
    for tree in ("etc", "run", "var/log", "var/lib/mailherd/gen",
                 "var/lib/mailherd/vmail", "var/lib/mailherd/engines"):
        for path in files_below(os.path.join(suite.root, tree)):
            if not stat.S_ISREG(os.lstat(path).st_mode) or \
                    path == form_of(suite):
                continue
            data = read(path).replace(b"\n", b"")
            assert not [p for p in pieces if p in data], path
    for pid in suite.host.pids():
        for name in ("environ", "cmdline"):
            with contextlib.suppress(OSError):
                data = read("/proc/%d/%s" % (pid, name)).replace(b"\n", b"")
                assert not [p for p in pieces if p in data], pid


# In the middle of it

def half_delivered(suite, user, text):
    """An LMTP session that has taken most of a message."""
    lmtp = socket.socket(socket.AF_UNIX)
    lmtp.settimeout(20)
    lmtp.connect(os.path.join(suite.sockets, "postfix/lmtp"))
    lines = lmtp.makefile("rb")
    lines.readline()
    for command, count in (("LHLO test", None), ("MAIL FROM:<>", 1),
                           ("RCPT TO:<%s>" % user, 1), ("DATA", 1)):
        lmtp.sendall(command.encode() + b"\r\n")
        while lines.readline()[3:4] == b"-":
            pass
    lmtp.sendall(text[:-1000])
    return lmtp


def half_appended(suite, client, user, text):
    """An IMAP session that has taken most of a message."""
    imap = imap_login(client, suite.host.ipv4, user)
    imap.send(b"x APPEND INBOX {%d+}\r\n" % len(text) + text[:-1000])
    return imap.sock


def temporary(suite, path):
    return path.startswith(state(suite, "engines/dovecot/tmp"))


def holders(suite, word):
    """Processes of vmail that hold a file with word, and those files."""
    found = []
    for pid in suite.host.pids():
        for link in glob.glob("/proc/%d/fd/*" % pid):
            with contextlib.suppress(OSError):
                if os.stat("/proc/%d" % pid).st_uid == 0 or \
                        not stat.S_ISREG(os.stat(link).st_mode):
                    continue
                if word in read(link):
                    found.append((pid, os.readlink(link)))
    return found


@pytest.mark.parametrize("way", ["lmtp", "imap"])
def test_a_message_under_way(lab, suite, mailbox, way):
    """While it is taken, and after its process was killed: no clear text
    below the mail and no name for what is written elsewhere; the next
    delivery works."""
    user, mark = mailbox(), make_mark()
    text = make_message(mark, recipient=user, body=(mark + "\r\n") * 200000)
    suite.exec("doveadm", "mailbox", "list", "-u", user)
    connection = (half_delivered(suite, user, text) if way == "lmtp" else
                  half_appended(suite, lab.client, user, text))
    word = (mark + "\r\n").encode() * 3
    home = suite.home(user)

    def written():
        return (holders(suite, word) if way == "lmtp" else
                [f for f in files_below(home) if "/tmp/" in f
                 and os.stat(f).st_size > 1000])
    wait_for(written, 20, "most of the message")
    held = [path for _, path in holders(suite, word)]
    assert all(temporary(suite, path) and path.endswith(" (deleted)")
               for path in held), held
    places = (home, state(suite, "engines/dovecot"), "/tmp/dovecot*")
    assert not [f for place in places for f in holding(place, word)]
    for pid in suite.host.pids():
        if command_line(pid)[:1] in (["dovecot/" + way],):
            os.kill(pid, signal.SIGKILL)
    connection.close()
    wait_for(lambda: not holders(suite, word), 20, "its end")
    assert not [f for place in places for f in holding(place, word)]
    assert not suite.maildir(user).files()
    later = make_mark()
    with Smtp(lab.other, suite.host.ipv4, 25) as smtp:
        smtp.ehlo()
        smtp.send_message("sender@example.net", user,
                          make_message(later, recipient=user))
    suite.wait_mail(user, later)


@pytest.mark.full
def test_setup_killed_at_any_point(lab):
    """The key is whole or not there, and once there the same for ever."""
    host = lab.net.add_host("restkill", "192.0.2.86", "2001:db8:0:1::86",
                            "192.0.2.53")
    suite = Suite(host, "rest.example.org", "rest.example")
    key, seen = state(suite, "secrets/mail-crypt"), None
    words = [suite.binary, "--root", suite.root, "setup", "--hostname",
             "rest.example.org", "--profile", "lite"]
    for step in range(40):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL,
                              start_new_session=True) as setup:
            with contextlib.suppress(subprocess.TimeoutExpired):
                setup.wait(0.005 * step)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(setup.pid, signal.SIGKILL)
        now = read(key) if os.path.exists(key) else None
        assert seen in (None, now)
        assert now is None or at_rest.fingerprint(now)
        seen = now
    suite.mailherd(*words[3:])
    assert seen in (None, read(key))
    assert b"BEGIN PUBLIC KEY" in read(key + ".pub")


@pytest.mark.full
def test_an_instance_of_before(lab):
    """Without any key, with clear mail: a start makes the key, by itself."""
    host = lab.net.add_host("restold", "192.0.2.87", "2001:db8:0:1::87",
                            "192.0.2.53")
    suite = Suite(host, "rest.example.org", "rest.example")
    suite.setup("lite", **dict(lab.conf(), isolation="no"))
    suite.add_mailbox(USER)
    for name in ("mail-crypt", "mail-crypt.pub"):
        os.unlink(state(suite, "secrets/" + name))
    folder = os.path.join(suite.home(USER), "Maildir/cur")
    subprocess.run(["setpriv", "--reuid=vmail", "--regid=vmail",
                    "--clear-groups", "mkdir", "-p", folder], check=True)
    mark = make_mark()
    old = make_message(mark).replace(b"\r\n", b"\n")
    put(folder + "/1000000001.old:2,", old, 0o600)
    if lab.suite:
        suite.share_patterns(lab.suite)
    try:
        suite.up()
        assert at_rest.fingerprint(key_of(suite)) == \
            suite.status()["mail_at_rest"]["key"]
        assert fetch_all(suite, lab.client).count(mark.encode()) >= 1
        later = make_mark()
        send(lab, suite, later)
        stored_at = suite.wait_mail(USER, later).path
        assert read(stored_at).startswith(at_rest.MAGIC)
    finally:
        suite.run("down", check=False)


# The keys of an instance of its own

USER = "a@rest.example"


@pytest.fixture(scope="module")
def own(lab):
    """A small instance whose keys are taken away and put back."""
    host = lab.net.add_host("rest", "192.0.2.84", "2001:db8:0:1::84",
                            "192.0.2.53")
    lab.dns.add_host("rest.example.org.", host.ipv4, host.ipv6)
    lab.dns.publish()
    suite = Suite(host, "rest.example.org", "rest.example")
    suite.setup("lite", **dict(lab.conf(), isolation="no"))
    if lab.suite:
        suite.share_patterns(lab.suite)
    suite.up()
    suite.add_mailbox(USER)
    mark = make_mark()
    send(lab, suite, mark)
    suite.wait_mail(USER, mark)
    yield suite
    suite.run("down", check=False)


def send(lab, suite, mark, body=""):
    with Smtp(lab.other, suite.host.ipv4, 25) as smtp:
        smtp.ehlo()
        smtp.send_message("sender@example.net", USER,
                          make_message(mark, recipient=USER, body=body))


def fetch_all(suite, client):
    with session(suite, client, USER) as imap:
        _, data = imap.fetch("1:*", "(BODY.PEEK[])")
    return b"".join(part[1] for part in data if isinstance(part, tuple))


def dovecot(suite):
    return suite.service_status("dovecot")


def refused(suite):
    """Waits until Dovecot is refused its start; what status says of it."""
    def text():
        return dovecot(suite).get("refused")
    return wait_for(text, 30, "a refusal")


def wait_ready(suite):
    wait_for(lambda: suite.svstat("dovecot")["ready"], 90, "Dovecot ready")
    assert "refused" not in dovecot(suite)


def end_dovecot(suite):
    """It is started anew, if its gate lets it."""
    os.kill(suite.svstat("dovecot")["pid"], signal.SIGTERM)


def start_again(suite):
    """At once, not when it is tried next."""
    suite.mailherd("restart", "dovecot")
    wait_ready(suite)


@contextlib.contextmanager
def moved_away(path):
    os.rename(path, path + ".away")
    try:
        yield path + ".away"
    finally:
        if os.path.exists(path + ".away"):
            os.rename(path + ".away", path)


def new_key(path):
    subprocess.run("openssl ecparam -name prime256v1 -genkey -noout | "
                   "openssl pkey -out %s" % path, shell=True, check=True)
    return at_rest.fingerprint(read(path))


def put(path, data, mode=0o400):
    owner = pwd.getpwnam("vmail")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    os.chown(path, owner.pw_uid, owner.pw_gid)


def test_a_missing_key(lab, own):
    """Refused with cause and remedy; mail waits; back without help."""
    mark, later = make_mark(), make_mark()
    send(lab, own, mark)
    own.wait_mail(USER, mark)
    want = at_rest.fingerprint(key_of(own))
    with moved_away(state(own, "secrets/mail-crypt")):
        failed = own.run("restart", "dovecot", check=False, timeout=120)
        text = refused(own)
        assert want in text and "is missing" in text
        assert "mailherd key import" in text
        assert failed.returncode != 0 and "is not started" in failed.stderr
        shown = own.run("status", check=False).stdout
        assert "dovecot is not started: " + text[:60] in shown
        assert "is not started" in own.run("doctor", check=False).stdout
        assert own.svstat("postfix")["ready"]
        send(lab, own, later)
        wait_for(lambda: [m for m in own.queue()
                          if m["queue_name"] == "deferred"], 30, "4xx")
        with pytest.raises(OSError):
            imap_login(lab.client, own.host.ipv4, USER)
    wait_ready(own)
    own.exec("postqueue", "-f")
    own.wait_mail(USER, later)
    text = fetch_all(own, lab.client)
    assert mark.encode() in text and later.encode() in text


def test_setup_makes_no_key_over_encrypted_mail(lab, own):
    """Also when the record is gone."""
    mark = make_mark()
    send(lab, own, mark)
    own.wait_mail(USER, mark)
    key, record = (state(own, name) for name in (
        "secrets/mail-crypt", "vmail/mail-crypt.keys"))
    with moved_away(key):
        done = own.run("setup", check=False)
        assert done.returncode != 0
        assert "mail here is encrypted with the key" in done.stderr
        assert not os.path.exists(key)
        with moved_away(record):
            done = own.run("setup", check=False)
            assert done.returncode != 0 and "encrypted" in done.stderr
            assert not os.path.exists(key)


@pytest.mark.full
def test_a_start_makes_no_key_over_encrypted_mail(own):
    key = state(own, "secrets/mail-crypt")
    with moved_away(key):
        own.run("down")
        done = own.run("up", check=False, timeout=120)
        assert done.returncode != 0 and "is missing" in done.stderr
        assert not os.path.exists(key)
        wait_for(lambda: own.svstat("postfix")["ready"], 30, "Postfix")
    wait_ready(own)


@pytest.mark.parametrize("spoil", ["another", *(
    pytest.param(how, marks=pytest.mark.full)
    for how in ("cut", "empty", "zeros", "owner"))])
def test_a_wrong_key(lab, own, tmp_path, spoil):
    """Another key, a damaged one, one that vmail can not read."""
    key, before = state(own, "secrets/mail-crypt"), key_of(own)
    record = read(state(own, "vmail/mail-crypt.keys"))
    want = at_rest.fingerprint(before)
    with moved_away(key):
        if spoil == "another":
            other = new_key(str(tmp_path / "other"))
            put(key, read(str(tmp_path / "other")))
            cause = "which is not here; %s is another one, %s" % (key, other)
        else:
            put(key, {"cut": before[:100], "empty": b"", "zeros": b"\0" * 241,
                      "owner": before}[spoil])
            cause = "can not be used"
        if spoil == "owner":
            os.chown(key, 0, 0)
        end_dovecot(own)
        text = refused(own)
        assert cause in text, text
        if spoil == "another":
            assert want in text and "--read-only" in text
        os.unlink(key)
    start_again(own)
    assert read(state(own, "vmail/mail-crypt.keys")) == record
    assert fetch_all(own, lab.client)


@pytest.mark.full
def test_a_damaged_record_and_public_half(own):
    """Each is named, and each comes back by what the text says."""
    record = state(own, "vmail/mail-crypt.keys")
    before = read(record)
    put(record, b"\0" * len(before), 0o600)
    end_dovecot(own)
    assert "mail-crypt.keys, the record" in refused(own)
    os.unlink(record)
    start_again(own)
    assert read(record) == before
    public = state(own, "secrets/mail-crypt.pub")
    before = read(public)
    os.unlink(public)
    end_dovecot(own)
    assert "public half" in refused(own)
    own.mailherd("setup")
    assert read(public) == before
    start_again(own)


def assert_forms(suite):
    """Both halves are our key's, and nobody else's to read."""
    owner = pwd.getpwnam("vmail").pw_uid
    for half, want in zip(("", ".pub"), at_rest.forms(key_of(suite)),
                          strict=True):
        status = os.stat(form_of(suite, half))
        assert read(form_of(suite, half)) == want
        assert (status.st_mode, status.st_uid) == (0o100400, owner)
    status = os.stat(os.path.dirname(form_of(suite)))
    assert (status.st_mode, status.st_uid) == (0o40700, owner)


def spoil_forms(suite, how, tmp_path):
    new_key(str(tmp_path / "stranger"))
    strange = at_rest.forms(read(str(tmp_path / "stranger")))
    for half, other in zip(("", ".pub"), strange, strict=True):
        path = form_of(suite, half)
        data = {"another key's": other, "empty": b"", "gone": None,
                "cut": read(path)[:60]}[how]
        os.unlink(path)
        if data is not None:
            put(path, data)


@pytest.mark.parametrize("how", ["another key's", *(
    pytest.param(how, marks=pytest.mark.full)
    for how in ("cut", "empty", "gone"))])
def test_what_dovecot_reads_is_made_anew(lab, own, tmp_path, how):
    """The files in its own form: spoilt in any way, after a start they are
    those of our key again, and new mail is encrypted with that."""
    assert_forms(own)
    spoil_forms(own, how, tmp_path)
    own.mailherd("restart", "dovecot")
    assert_forms(own)
    mark = make_mark()
    send(lab, own, mark)
    path = own.wait_mail(USER, mark).path
    assert at_rest.decrypt(read(path), [key_of(own)])
    assert mark.encode() in fetch_all(own, lab.client)


def test_they_are_there_before_a_reload(lab, own):
    """It asks no gate, but the check of what is new does."""
    pid = own.svstat("dovecot")["pid"]
    shutil.rmtree(os.path.dirname(form_of(own)))
    own.configure({"imap.user_max": "50"})
    own.run("restart", "--changed", timeout=120)
    assert_forms(own)
    assert own.svstat("dovecot")["pid"] == pid
    text = make_message(make_mark())

    def stored():  # a login while Dovecot reloads may be told to come again
        with session(own, lab.client, USER) as imap:
            return append(imap, text)[0] == "OK"
    wait_for(stored, 15, "a message stored after the reload")
    assert text in fetch_all(own, lab.client)


def plant(suite, text, data, name):
    """A message's file in the mailbox, as an import leaves it."""
    path = os.path.join(suite.maildir(USER).path, "cur", name + ",S=%d,W=%d:2,"
                        % (len(text), len(text.replace(b"\n", b"\r\n"))))
    put(path, data, 0o600)


def switch(encryption, compression):
    return {"mail.encryption": encryption, "mail.compression": compression}


SWITCHES = [(switch("no", "none"), b"Return-Path"),
            (switch("no", "lz4"), at_rest.LZ4_MAGIC),
            (switch("no", "zstd"), b"\x28\xb5\x2f\xfd"),
            (switch("yes", "lz4"), at_rest.MAGIC)]


@pytest.mark.parametrize("switches", [
    pytest.param(SWITCHES[0::3], id="few"),
    pytest.param(SWITCHES, marks=pytest.mark.full, id="all")])
def test_old_clear_mail_and_switches(lab, own, switches):
    """What was stored in clear stays readable; the settings change what
    comes, and nothing that is there."""
    old = make_message(make_mark()).replace(b"\r\n", b"\n")
    plant(own, old, old, "1000000001.clear")
    marks = {}
    for conf, magic in switches:
        own.configure(conf)
        own.run("restart", "--changed", timeout=120)
        wait_ready(own)
        seen = set(own.maildir(USER).files())
        mark = make_mark()
        send(lab, own, mark)
        path = wait_for(lambda seen=seen: set(
            own.maildir(USER).files()) - seen, 25, mark).pop()
        assert read(path).startswith(magic), conf
        marks[mark] = magic
    text = fetch_all(own, lab.client)
    assert old.replace(b"\n", b"\r\n") in text
    assert not [mark for mark in marks if mark.encode() not in text]


def encrypted_elsewhere(lab, own, tmp_path):
    """A message and the key that encrypted it, by another Dovecot."""
    key = str(tmp_path / "elsewhere")
    want = new_key(key)
    os.chmod(key, 0o644)
    os.chmod(tmp_path, 0o755)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out",
                    key + ".pub"], check=True)
    mark = make_mark()
    seen = set(own.maildir(USER).files())
    text = make_message(mark)
    subprocess.run(
        [own.binary, "--root", own.root, "exec", "doveadm", "-o",
         "plugin/mail_crypt_global_public_key=" + read(
             key + ".pub").decode(), "save", "-u", USER], input=text,
        check=True, cwd="/", stdout=subprocess.DEVNULL)
    path = (set(own.maildir(USER).files()) - seen).pop()
    assert want.encode() == read(path)[0x32:0x42].hex().encode()
    return mark, key, want


def test_a_key_to_read_with(lab, own, tmp_path):
    """Imported beside ours: old mail is read with it, new is not written."""
    mark, key, want = encrypted_elsewhere(lab, own, tmp_path)
    with pytest.raises((OSError, imaplib.IMAP4.error)):
        fetch_all(own, lab.client)
    said = own.mailherd("key", "import", "--read-only", key)
    assert want in said and "restart --changed" in said
    imported = state(own, "secrets/mail-crypt-2")
    status = os.stat(imported)
    assert read(imported) == read(key)
    assert stat.S_IMODE(status.st_mode) == 0o400
    assert status.st_uid == pwd.getpwnam("vmail").pw_uid
    again = own.mailherd("key", "import", "--read-only", key)
    assert "is there already" in again
    assert not os.path.exists(state(own, "secrets/mail-crypt-3"))
    own.run("restart", "--changed", timeout=120)
    wait_ready(own)
    assert mark.encode() in fetch_all(own, lab.client)
    later = make_mark()
    send(lab, own, later)
    path = own.wait_mail(USER, later).path
    assert at_rest.decrypt(read(path), [key_of(own)])
    shown = own.status()["mail_at_rest"]
    assert shown["key"] == at_rest.fingerprint(key_of(own))
    assert shown["imported"] == [want]
    assert want in read(state(own, "vmail/mail-crypt.keys")).decode()
    listed = {k["name"]: k for k in own.mailherd("key", "list", json=True)}
    assert listed["mail-crypt-2"]["fingerprint"] == want
    assert read(form_of(own, "-2")) == at_rest.forms(read(key))[0]
    with moved_away(imported):
        end_dovecot(own)
        assert want in refused(own)
    start_again(own)


@pytest.mark.parametrize("form", ["ecparam", "rsa", "text", "empty", "sealed"])
def test_what_dovecot_could_not_load_is_no_key(own, tmp_path, form):
    """It would keep every mailbox from opening."""
    path = str(tmp_path / "key")
    subprocess.run({
        "ecparam": "openssl ecparam -name prime256v1 -genkey -out %s",
        "rsa": "openssl genpkey -algorithm RSA -out %s",
        "text": "echo hello > %s", "empty": "true > %s",
        "sealed": "openssl ecparam -name prime256v1 -genkey -noout | openssl "
                  "pkey -aes128 -passout pass:x -out %s"}[form] % path,
        shell=True, check=True, capture_output=True)
    before = sorted(os.listdir(state(own, "secrets")))
    done = own.run("key", "import", "--read-only", path, check=False)
    assert done.returncode != 0 and "no whole private EC key" in done.stderr
    assert "openssl pkey" in done.stderr
    assert sorted(os.listdir(state(own, "secrets"))) == before


def test_the_key_in_status_list_and_doctor(own):
    want = at_rest.fingerprint(key_of(own))
    assert "Mail at rest: encrypted, key " + want in own.run("status").stdout
    assert own.status()["mail_at_rest"]["encryption"] is True
    listed = {k["name"]: k for k in own.mailherd("key", "list", json=True)}
    assert listed["mail-crypt"]["fingerprint"] == want
    findings = [f for f in json.loads(own.run(
        "doctor", "--json", check=False).stdout)["findings"]
        if f["check"] == "keys" and "mail-crypt" in f["text"]]
    assert findings and {f["level"] for f in findings} == {"warning"}
    own.run("key", "confirm")
    assert own.status()["mail_at_rest"]["copy_confirmed"] is True
    assert "no copy" not in own.run("status").stdout


@pytest.mark.full
def test_on_another_host(lab, own, tmp_path):
    """Keys exported and imported before the first setup, mail copied: the
    new instance reads all of it."""
    copy, second = str(tmp_path / "keys.json"), str(tmp_path / "second")
    if not os.path.exists(state(own, "secrets/mail-crypt-2")):
        new_key(second)
        own.mailherd("key", "import", "--read-only", second)
    own.run("key", "export", copy)
    host = lab.net.add_host("resttwo", "192.0.2.85", "2001:db8:0:1::85",
                            "192.0.2.53")
    other = Suite(host, "rest.example.org", "rest.example")
    other.mailherd("key", "import", copy)
    for name in ("mail-crypt", "mail-crypt-2"):
        assert read(state(other, "secrets/" + name)) == \
            read(state(own, "secrets/" + name))
    shutil.copytree(state(own, "vmail"), state(other, "vmail"),
                    dirs_exist_ok=True)
    shutil.copytree(state(own, "db"), state(other, "db"), dirs_exist_ok=True)
    for tree in ("vmail", "db"):
        for base, names, files in os.walk(state(own, tree)):
            for name in names + files:
                path = os.path.join(base, name)
                there = path.replace(own.root, other.root, 1)
                owner = os.lstat(path)
                os.lchown(there, owner.st_uid, owner.st_gid)
    other.setup("lite", **dict(lab.conf(), isolation="no"))
    other.share_patterns(own)
    try:
        other.up()
        assert key_of(other) == key_of(own)
        with session(other, lab.client, USER) as imap:
            _, data = imap.fetch("1:*", "(BODY.PEEK[])")
        there = sorted(p[1] for p in data if isinstance(p, tuple))
        with session(own, lab.client, USER) as imap:
            _, data = imap.fetch("1:*", "(BODY.PEEK[])")
        assert there == sorted(p[1] for p in data if isinstance(p, tuple))
        assert len(there) > 1
    finally:
        other.run("down", check=False)
