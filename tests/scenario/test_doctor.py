# SPDX-License-Identifier: GPL-3.0-or-later
"""mailherd doctor: silent about what is well, and each fault is named with
its cause and a remedy; the keys that must not get lost."""

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

from lib.suite import Suite
from lib.wait import wait_for

# What no lab has: an authority's certificate, a disciplined clock.
ELSEWHERE = {"certificate", "clock", "inotify", "keys", "memory", "disk"}


def examine(suite):
    """Exit status and findings by check: {check: [(level, text, remedy)]}."""
    done = suite.run("doctor", "--json", check=False)
    report = json.loads(done.stdout)
    assert (done.returncode == 0) == report["healthy"]
    found = {}
    for finding in report["findings"]:
        found.setdefault(finding["check"], []).append(
            (finding["level"], finding["text"], finding["remedy"]))
        if finding["level"] in ("warning", "failed"):
            assert finding["remedy"], finding
    return done.returncode, found


def levels(findings):
    return {level for level, _, _ in findings}


def test_a_healthy_suite(lab, suite):
    _, found = examine(suite)
    for check in set(found) - ELSEWHERE:
        assert levels(found[check]) == {"ok"}, (check, found[check])
    assert {"suite", "ports", "greetings", "resolver", "host-name",
            "reverse-name", "keys", "disk", "clock"} <= set(found)
    self_signed = found["certificate"]
    assert "warning" in levels(self_signed)
    assert any("self-signed" in text for _, text, _ in self_signed)


def test_people_get_cause_and_remedy(lab, suite):
    done = suite.run("doctor", check=False)
    assert "-> put one of an authority" in done.stdout
    assert " failed, " in done.stdout.splitlines()[-1]


def test_reverse_name_that_leads_elsewhere(lab, suite):
    """An address of the host without a PTR record of its name."""
    extra = "192.0.2.99"
    with more_addresses(lab, extra):
        status, found = examine(suite)
    assert status == 1
    bad = [f for f in found["reverse-name"] if f[0] == "failed"]
    assert len(bad) == 1 and extra in bad[0][1] and "PTR" in bad[0][2]
    bad = [f for f in found["host-name"] if f[0] == "failed"]
    assert len(bad) == 1 and "A " + extra in bad[0][2]


@contextlib.contextmanager
def more_addresses(lab, address):
    ip = ["ip", "-n", lab.mx.namespace, "address"]
    subprocess.run(ip + ["add", address + "/32", "dev", "eth0"], check=True)
    try:
        yield
    finally:
        subprocess.run(ip + ["del", address + "/32", "dev", "eth0"],
                       check=True)


def test_mail_that_should_be_gone(lab, suite):
    """What version 0.1 moved to the garbage area goes by the time in its
    name, and the doctor says that it is there."""
    entry = suite.root + ("/var/lib/mailherd/vmail/.garbage/"
                          "1700000000_ab000000000000000000000000000001")
    os.makedirs(entry + "/Maildir/cur")
    for path in (os.path.dirname(entry), entry, entry + "/Maildir",
                 entry + "/Maildir/cur"):
        shutil.chown(path, "vmail", "vmail")
    os.symlink("/etc/passwd", entry + "/Maildir/cur/link")
    _, found = examine(suite)
    assert any(level == "warning" and text.startswith(
        "1 removed mailboxes are still there after their 7 days")
               for level, text, _ in found["garbage"]), found["garbage"]
    suite.run("restart", "jobs")
    wait_for(lambda: not os.path.exists(entry), 30, "end of " + entry)
    assert os.path.exists("/etc/passwd")
    _, found = examine(suite)
    assert levels(found["garbage"]) == {"ok"}


def test_a_port_that_is_not_ours(lab, suite):
    """A stranger sits on every address of ManageSieve."""
    with lab.mx.inside():
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        service = os.path.join(suite.services, "dovecot")
        subprocess.run(["s6-svc", "-wD", "-T", "20000", "-d", service],
                       check=True)
        taken.bind(("0.0.0.0", 4190))
        taken.listen()
        subprocess.run(["s6-svc", "-u", service], check=True)
    try:
        status, found = examine(suite)
    finally:
        taken.close()
        suite.restart("dovecot")
    assert status == 1
    bad = [f for f in found["ports"] if "4190" in f[1] and "0.0.0.0" in f[1]]
    assert bad and bad[0][0] == "failed" and "not ours" in bad[0][1]
    assert "listen.sieve" in bad[0][2]
    assert "failed" in levels(found["greetings"])


@pytest.fixture(scope="module")
def instance(lab):
    """Set up on a host of its own, never started."""
    host = lab.net.add_host("doctor", "192.0.2.31", "2001:db8:0:1::31")
    suite = Suite(host, "mail.example.org", "example.org")
    suite.setup("lite", **lab.conf())
    return suite


def state(instance, *names):
    return os.path.join(instance.root, "var/lib/mailherd", *names)


def test_a_suite_that_is_down(instance):
    status, found = examine(instance)
    assert status == 1
    assert found["suite"][0][0] == "failed"
    assert found["suite"][0][2] == "mailherd up"
    for check in ("ports", "greetings", "resolver", "reverse-name"):
        assert levels(found[check]) == {"skipped"}


@pytest.mark.parametrize("days, level", [(-1, "failed"), (3, "warning"),
                                         (90, "ok")])
def test_the_certificates_end(instance, days, level):
    make_certificate(instance, days, instance.hostname)
    _, found = examine(instance)
    valid = [f for f in found["certificate"] if "days" in f[1]]
    assert [f[0] for f in valid] == [level], found["certificate"]


def test_a_certificate_of_another_name_and_key(instance):
    make_certificate(instance, 90, "elsewhere.example.net")
    key = state(instance, "tls/key.pem")
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                   capture_output=True)
    _, found = examine(instance)
    texts = [text for level, text, _ in found["certificate"]
             if level == "failed"]
    assert any("does not name mail.example.org" in t for t in texts)
    assert any("not the key" in t for t in texts)


def make_certificate(instance, days, name):
    """Valid until so many days from now; negative ones are over."""
    begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(
        time.time() + at * 86400 + 3600)) for at in (-40, days))
    request = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes",
               "-subj", "/CN=" + name, "-keyout",
               state(instance, "tls/key.pem"), "-out",
               state(instance, "tls/request.pem")]
    subprocess.run(request, check=True, capture_output=True)
    text = "subjectAltName=DNS:%s\n" % name
    with open(state(instance, "tls/ext"), "w", encoding="ascii") as out:
        out.write(text)
    directory = state(instance, "tls")
    conf = ("[ca]\ndefault_ca=c\n[c]\ndatabase=%s/db\nnew_certs_dir=%s\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
            "[p]\ncommonName=supplied\n" % (directory, directory))
    with open(state(instance, "tls/ca.conf"), "w", encoding="ascii") as out:
        out.write(conf)
    open(state(instance, "tls/db"), "w", encoding="ascii").close()
    subprocess.run(
        ["openssl", "ca", "-batch", "-selfsign", "-config",
         state(instance, "tls/ca.conf"), "-in",
         state(instance, "tls/request.pem"), "-keyfile",
         state(instance, "tls/key.pem"), "-extfile", state(instance, "tls/ext"),
         "-startdate", begin, "-enddate", end, "-notext", "-out",
         state(instance, "tls/cert.pem")], check=True, capture_output=True)


# Keys

def keys(instance):
    return {key["name"]: key
            for key in instance.mailherd("key", "list", json=True)}


def test_keys_nag_until_confirmed(instance):
    assert levels(examine(instance)[1]["keys"]) == {"warning"}
    assert not keys(instance)["seal"]["confirmed"]
    instance.run("key", "confirm")
    assert keys(instance)["seal"]["confirmed"]
    assert levels(examine(instance)[1]["keys"]) == {"ok"}


def test_a_lost_key_comes_back(instance, tmp_path):
    seal = state(instance, "secrets/seal")
    with open(seal, "rb") as file:
        secret = file.read()
    before = os.stat(seal)
    copy = str(tmp_path / "keys.json")
    instance.run("key", "export", copy)
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    again = instance.run("key", "export", copy, check=False)
    assert again.returncode == 4 and "exists" in again.stderr
    fingerprint = keys(instance)["seal"]["fingerprint"]
    os.unlink(seal)
    assert "failed" in levels(examine(instance)[1]["keys"])
    instance.run("key", "import", copy)
    with open(seal, "rb") as file:
        assert file.read() == secret
    after = os.stat(seal)
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert keys(instance)["seal"]["fingerprint"] == fingerprint


def test_a_key_is_never_replaced(instance, tmp_path):
    seal = state(instance, "secrets/seal")
    copy = str(tmp_path / "keys.json")
    instance.run("key", "export", copy)
    with open(seal, "rb") as file:
        secret = file.read()
    os.chmod(seal, 0o600)
    with open(seal, "wb") as file:
        file.write(b"x" * 32)
    refused = instance.run("key", "import", copy, check=False)
    with open(seal, "rb") as file:
        assert file.read() == b"x" * 32
    with open(seal, "wb") as file:
        file.write(secret)
    os.chmod(seal, 0o400)
    assert refused.returncode == 4 and "another key" in refused.stderr


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"format": 7}',
                                  '{"format": "mailherd-keys-1", "keys": '
                                  '[{"name": "seal", "secret": "***"}]}'])
def test_a_damaged_copy_is_refused(instance, tmp_path, text):
    copy = tmp_path / "keys.json"
    copy.write_text(text)
    refused = instance.run("key", "import", str(copy), check=False)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert refused.stderr.startswith("mailherd: ")
