# SPDX-License-Identifier: GPL-3.0-or-later
"""What others can reach: ports, TLS versions, sockets and files."""

import os
import select
import socket
import ssl
import subprocess

import pytest

from lib import exposure
from lib.net import unchecked_tls
from lib.smtp import tls_refused
from lib.suite import PORTS, command_line


def until(raw, *ends):
    """Reads until the text ends with one of ends."""
    data = b""
    while not data.endswith(ends):
        part = raw.recv(1024)
        assert part, "closed after %r" % data
        data += part
    return data


def smtp_starttls(raw):
    until(raw, b"\r\n")
    raw.sendall(b"EHLO client.example.com\r\n")
    data = b""
    while b"\r\n250 " not in data:
        data += until(raw, b"\r\n")
    assert b"STARTTLS" in data
    raw.sendall(b"STARTTLS\r\n")
    assert until(raw, b"\r\n").startswith(b"220")


def line_starttls(command, answer):
    def greet(raw):
        data = until(raw, b"\r\n")
        while not data.splitlines()[-1].startswith((b"* OK", b"+OK", b"OK")):
            data += until(raw, b"\r\n")
        raw.sendall(command + b"\r\n")
        assert answer in until(raw, b"\r\n")
    return greet


# What succeeds, and with which kind of thing.
KINDS = {"connect": "socket", "read": "file", "write": "file",
         "list": "folder", "make": "folder"}
SIGNS = {"socket": "connect", "file": "read", "folder": "list"}

GREETS = {
    "smtp": smtp_starttls, "submission": smtp_starttls, "submissions": None,
    "imap": line_starttls(b"a STARTTLS", b"a OK"), "imaps": None,
    "pop3": line_starttls(b"STLS", b"+OK"), "pop3s": None,
    "sieve": line_starttls(b"STARTTLS", b"OK"), "https": None,
}


@pytest.mark.parametrize("name", GREETS)
def test_tls_1_1_is_refused_and_1_2_taken(lab, suite, name):
    versions = ssl.TLSVersion
    for version, refused in ((versions.TLSv1_1, True),
                             (versions.TLSv1_2, False),
                             (versions.TLSv1_3, False)):
        assert tls_refused(lab.client, lab.mx.ipv4, PORTS[name], version,
                           GREETS[name]) == refused, version


def test_this_client_can_speak_tls_1_1(lab, suite):
    """The control: without it the test above could pass for no reason."""
    here = lab.client.directory
    lab.client.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-keyout", here + "/old.key", "-out",
                    here + "/old.crt", "-subj", "/CN=old", "-days", "2"])
    server = lab.client.popen(
        ["openssl", "s_server", "-accept", "4433", "-tls1_1", "-cipher",
         "ALL:@SECLEVEL=0", "-key", here + "/old.key", "-cert",
         here + "/old.crt"], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.PIPE)
    try:
        while b"ACCEPT" not in server.stdout.readline():
            assert server.poll() is None
        assert not tls_refused(lab.client, "127.0.0.1", 4433,
                               ssl.TLSVersion.TLSv1_1)
    finally:
        server.kill()
        server.wait()


def open_ports(host, address):
    """Every TCP port of address that answers host."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = []
    waiting = {}
    poll = select.epoll()

    def collect(timeout):
        for number, _ in poll.poll(timeout):
            connection, port = waiting.pop(number)
            if connection.getsockopt(socket.SOL_SOCKET,
                                     socket.SO_ERROR) == 0:
                found.append(port)
            connection.close()

    with host.inside():
        for port in range(1, 65536):
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)
            connection.connect_ex((address, port))
            waiting[connection.fileno()] = (connection, port)
            poll.register(connection, select.EPOLLOUT | select.EPOLLERR)
            if len(waiting) > 200:
                collect(1)
        while waiting:
            before = len(waiting)
            collect(2)
            assert len(waiting) < before, "ports that do not answer at all"
    poll.close()
    return sorted(found)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_only_documented_ports_answer(lab, suite, family):
    found = open_ports(lab.client, getattr(lab.mx, family))
    assert found == sorted(PORTS.values())


# On every address: answers each datagram.
ECHO = """
import socket
echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
echo.bind(("::", 40053))
print("listening", flush=True)
while True:
    data, peer = echo.recvfrom(512)
    echo.sendto(data, peer)
"""


def datagram_ports(host, address):
    """Every UDP port of address that answers a DNS question."""
    question = bytes.fromhex("6d6801000001000000000000096c6f63616c686f737400"
                             "00010001")
    found = set()
    with host.inside():
        probe = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_DGRAM)
    probe.setblocking(False)

    def collect(seconds):
        while select.select([probe], [], [], seconds)[0]:
            try:
                found.add(probe.recvfrom(512)[1][1])
            except OSError:
                continue

    for port in range(1, 65536):
        probe.sendto(question, (address, port))
        if port % 512 == 0:
            collect(0.005)
    collect(0.5)
    probe.close()
    return sorted(found)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_no_datagram_port_answers(lab, suite, family):
    """But that of the control, which the search must find."""
    control = lab.mx.popen(["/usr/bin/python3", "-c", ECHO],
                           stdout=subprocess.PIPE)
    try:
        assert control.stdout.readline() == b"listening\n"
        assert datagram_ports(lab.client, getattr(lab.mx, family)) == [40053]
    finally:
        control.kill()
        control.wait()
        control.stdout.close()


def listeners(host, kind):
    """{(address, port): program} of sockets that others could talk to."""
    done = host.run(["ss", "-Hlnp" + kind])
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        address, _, port = words[3].rpartition(":")
        found[(address.strip("[]"), int(port))] = words[-1]
    return found


def is_loopback(address):
    return address.startswith("127.") or address == "::1"


def test_nothing_else_listens(lab, suite):
    outside = {key for key in listeners(lab.mx, "t")
               if not is_loopback(key[0])}
    assert {port for _, port in outside} == set(PORTS.values()), outside
    # A resolver's questions come and go; what stays is a listener.
    staying = set(listeners(lab.mx, "u"))
    for _ in range(3):
        staying &= set(listeners(lab.mx, "u"))
    assert not {key for key in staying if not is_loopback(key[0])}


def test_loopback_has_the_resolver_only(lab, suite):
    for kind in "tu":
        inside = {key: who for key, who in listeners(lab.mx, kind).items()
                  if is_loopback(key[0])}
        assert set(inside) - set(
            ("127.0.0.1", p) for p in PORTS.values()) == {
                ("127.0.53.1", 53)}, inside


@pytest.fixture(scope="module")
def everything(suite):
    """All sockets, FIFOs, files and folders of the instance."""
    box = suite.add_mailbox("exposure@example.org")
    suite.exec("doveadm", "mailbox", "create", "-u", box, "Kept")
    found = exposure.everything(suite.root)
    kinds = [kind for kind, _ in found]
    assert kinds.count("socket") > 40 and kinds.count("file") > 100
    return found


def relative(suite, everything):
    return [(kind, os.path.relpath(path, suite.root))
            for kind, path in everything]


@pytest.mark.parametrize("user", exposure.USERS)
def test_a_user_opens_what_is_on_his_list(suite, everything, user):
    """Paths are tried by name: also past folders that cannot be listed."""
    opened = exposure.opened_by(suite, user, everything)
    table = exposure.merged(exposure.ANYBODY, exposure.USERS[user])
    assert sorted(entry for entry in opened
                  if not exposure.allowed(table, *entry)) == []
    # Both ways: who opens nothing of his own was not tried.
    for what, patterns in exposure.USERS[user].items():
        mine = [path for kind, path in relative(suite, everything)
                if kind == KINDS[what] and
                exposure.allowed({what: patterns}, what, path)]
        assert not mine or any((what, path) in opened for path in mine), what


def test_the_walk_sees_what_is_open(suite, everything):
    """The control: root opens all of it."""
    opened = exposure.opened_by(suite, "root", everything)
    closed = [path for kind, path in relative(suite, everything)
              if (SIGNS[kind], path) not in opened]
    # Sockets of services that listen only at times.
    assert len(closed) < len(everything) / 20, closed


def test_no_secret_is_on_a_command_line(lab, suite):
    secrets = []
    directory = os.path.join(suite.root, "var/lib/mailherd/secrets")
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name.endswith(".pub"):
            continue
        assert os.stat(path).st_mode & 0o777 == 0o400, path
        with open(path, "rb") as secret:
            secrets.append(secret.read().strip())
    assert secrets
    for pid in lab.mx.pids():
        words = " ".join(command_line(pid)).encode()
        try:
            with open("/proc/%d/environ" % pid, "rb") as environment:
                words += environment.read()
        except OSError:
            continue
        assert not [s for s in secrets if len(s) >= 8 and s in words]


def test_the_status_page_answers_over_tls(lab, suite):
    with lab.client.connect(lab.mx.ipv4, 80) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\nHost: mail.example.org\r\n\r\n")
        assert plain.recv(4096).split()[1] in (b"301", b"308")
    raw = lab.client.connect(lab.mx.ipv4, 443)
    with unchecked_tls().wrap_socket(
            raw, server_hostname="mail.example.org") as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: mail.example.org\r\n"
                           b"\r\n")
        assert connection.recv(4096).split()[1] == b"200"
