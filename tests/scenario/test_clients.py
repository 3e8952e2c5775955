# SPDX-License-Identifier: GPL-3.0-or-later
"""Mailboxes read with programs that were not written here."""

import os
import ssl

import pytest

from lib.compare import added_headers
from lib.maildir import Maildir
from lib.smtp import Smtp, make_mark, make_message
from lib.suite import PASSWORD


@pytest.fixture(scope="module")
def certificate(lab, suite):
    """The suite's certificate, as a person would have it pinned."""
    path = os.path.join(lab.client.directory, "mx.pem")
    with lab.client.connect_tls(lab.mx.ipv4, 993) as connection:
        der = connection.getpeercert(binary_form=True)
    with open(path, "w", encoding="ascii") as out:
        out.write(ssl.DER_cert_to_PEM_cert(der))
    return path


@pytest.fixture
def letter(lab, suite, mailbox):
    """(address, mark, message): a mailbox with one message in it."""
    address = mailbox()
    mark = make_mark()
    message = make_message(mark, recipient=address)
    with Smtp(lab.client, lab.mx.ipv4, 25) as client:
        client.ehlo()
        client.send_message("sender@example.net", address, message)
    suite.wait_mail(address, mark)
    return address, mark, message


def write(lab, name, text):
    path = os.path.join(lab.client.directory, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o600)
    return path


MBSYNC = """IMAPStore suite
Host mail.example.org
User {user}
Pass "{password}"
SSLType {type}
CertificateFile {certificate}
AuthMechs PLAIN

MaildirStore here
Path {directory}/
Inbox {directory}/inbox
SubFolders Verbatim

Channel all
Far :suite:
Near :here:
Patterns *
Create Both
Expunge Both
SyncState *
"""


@pytest.mark.parametrize("kind", ["IMAPS", "STARTTLS"])
def test_mbsync_both_ways(lab, suite, letter, certificate, kind):
    address, mark, message = letter
    directory = os.path.join(lab.client.directory, "mbsync-" + kind)
    os.makedirs(directory)
    conf = write(lab, "mbsync-" + kind + ".rc", MBSYNC.format(
        user=address, password=PASSWORD, type=kind, directory=directory,
        certificate=certificate))
    lab.client.run(["mbsync", "-c", conf, "-a"])
    fetched = Maildir(directory + "/inbox").find(mark)
    assert len(fetched) == 1
    added_headers(message, drop_uid(fetched[0].crlf()))
    # The other way: a message and a folder made on the client.
    upward = make_mark()
    for part in ("cur", "new", "tmp"):
        os.makedirs("%s/Letters/%s" % (directory, part))
    with open(directory + "/Letters/cur/1.a:2,S", "wb") as out:
        out.write(make_message(upward).replace(b"\r\n", b"\n"))
    lab.client.run(["mbsync", "-c", conf, "-a"])
    assert len(suite.find_mail(address, upward)) == 1


def drop_uid(data):
    """Without the header that mbsync adds on its side."""
    return b"\r\n".join(line for line in data.split(b"\r\n")
                        if not line.startswith(b"X-TUID:"))


def test_fetchmail_empties_a_pop3_mailbox(lab, suite, letter, certificate):
    address, mark, _ = letter
    out = os.path.join(lab.client.directory, "fetched.mbox")
    conf = write(lab, "fetchmail.rc", (
        'poll mail.example.org protocol POP3 user "%s" password "%s" ssl '
        'sslcertck sslcertfile "%s" mda "cat >>%s"\n' % (
            address, PASSWORD, certificate, out)))
    lab.client.run(["env", "FETCHMAILHOME=" + lab.client.directory,
                    "fetchmail", "-f", conf, "--nosyslog", "--nodetach"])
    with open(out, encoding="utf-8") as fetched:
        assert mark in fetched.read()
    assert not suite.find_mail(address, mark)


@pytest.mark.parametrize("url", [
    "imaps://mail.example.org/INBOX;MAILINDEX=1",
    "imap://mail.example.org/INBOX;MAILINDEX=1",
    "pop3s://mail.example.org/1", "pop3://mail.example.org/1"])
def test_curl_fetches_the_same_bytes(lab, suite, letter, certificate, url):
    address, _, message = letter
    done = lab.client.run(
        ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert",
         certificate, "--user", "%s:%s" % (address, PASSWORD), url],
        text=False)
    data = done.stdout
    if url.startswith("pop3") and data.endswith(b"\r\n\r\n"):
        data = data[:-2] if message[-4:] != b"\r\n\r\n" else data
    added_headers(message, data)


@pytest.mark.parametrize("url", [
    "imap://mail.example.org/", "pop3://mail.example.org/"])
def test_no_login_in_the_clear(lab, suite, letter, url):
    address = letter[0]
    done = lab.client.run(["curl", "--silent", "--user", "%s:%s" % (
        address, PASSWORD), url], check=False)
    assert done.returncode != 0


def sieve_connect(lab, address, *words, check=True):
    return lab.client.run(
        ["sieve-connect", "--server", "mail.example.org", "--user", address,
         "--notlsverify", "--passwordfd", "0", *words],
        input=PASSWORD + "\n", check=check)


def test_sieve_connect_uploads_and_lists(lab, suite, letter):
    address = letter[0]
    script = write(lab, "good.sieve", 'require "fileinto";\nkeep;\n')
    sieve_connect(lab, address, "--localsieve", script, "--remotesieve",
                  "good", "--upload")
    sieve_connect(lab, address, "--remotesieve", "good", "--activate")
    listed = sieve_connect(lab, address, "--list").stdout
    assert "good" in listed and "ACTIVE" in listed
    bad = write(lab, "bad.sieve", "this is no sieve;\n")
    refused = sieve_connect(lab, address, "--localsieve", bad,
                            "--remotesieve", "bad", "--upload", check=False)
    assert refused.returncode != 0 or "bad" not in sieve_connect(
        lab, address, "--list").stdout
