# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail at rest: encrypted with a key that nothing replaces, compressed
below that, read again byte for byte."""

import contextlib
import glob
import json
import os
import pwd
import stat
import subprocess

import pytest

from lib import at_rest
from lib.crash import descends_from
from lib.imap import append, imap_login
from lib.smtp import Smtp, make_mark
from lib.suite import PASSWORD
from lib.wait import wait_for

BIG = 1024 * 1024


def state(suite, name):
    return os.path.join(suite.root, "var/lib/mailherd", name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def key_of(suite):
    return read(state(suite, "secrets/mail-crypt"))


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
    body = b"BODYWORD" + mark.encode()
    text = (b"From: a@example.net\r\nTo: %s\r\nSubject: SUBJECTWORD%s\r\n"
            b"X-Header: HEADERWORD%s\r\n\r\n%s\r\n"
            % (user.encode(), mark.encode(), mark.encode(), body))
    with Smtp(lab.other, suite.host.ipv4, 25) as smtp:
        smtp.ehlo()
        smtp.send_message("a@example.net", user, text)
    suite.wait_mail(user, body)
    with session(suite, lab.client, user) as imap:
        imap.create("Copies")
        assert append(imap, text)[0] == "OK"
        assert imap.copy("1:2", "Copies")[0] == "OK"
    paths = [m.path for m in suite.find_mail(user, body)]
    assert len(paths) == 4
    for path in paths:
        data = read(path)
        assert data.startswith(at_rest.MAGIC + b"\x02")
        clear = at_rest.decrypt(data, [key_of(suite)])
        assert clear.startswith(at_rest.LZ4_MAGIC)
        assert body in at_rest.unpack(clear)
    assert not [path for path in holding(
        suite.home(user), b"BODYWORD" + mark.encode(),
        b"SUBJECTWORD" + mark.encode(), b"HEADERWORD" + mark.encode())
        if "dovecot.index" not in path]


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
    pieces = [secret[20:52], secret[60:92]]
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
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            data = read(path).replace(b"\n", b"")
            assert not [p for p in pieces if p in data], path
    for pid in suite.host.pids():
        for name in ("environ", "cmdline"):
            with contextlib.suppress(OSError):
                data = read("/proc/%d/%s" % (pid, name)).replace(b"\n", b"")
                assert not [p for p in pieces if p in data], pid
