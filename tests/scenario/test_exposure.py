# SPDX-License-Identifier: GPL-3.0-or-later
"""What others can reach: ports, TLS versions, sockets and files."""

import json
import os
import select
import socket
import ssl
import subprocess

import pytest

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


# Run as another user: prints what could be opened below the root.
PROBE = """
import json, os, socket, stat, sys
opened = {"sockets": [], "readable": [], "writable": []}
for base, names, files in os.walk(sys.argv[1], onerror=lambda error: None):
    for name in files + names:
        path = os.path.join(base, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode):
            for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET,
                         socket.SOCK_DGRAM):
                probe = socket.socket(socket.AF_UNIX, kind)
                try:
                    probe.connect(path)
                    opened["sockets"].append(path)
                except OSError:
                    pass
                probe.close()
        elif stat.S_ISREG(mode) and os.access(path, os.R_OK):
            opened["readable"].append(path)
        if not stat.S_ISLNK(mode) and os.access(path, os.W_OK):
            opened["writable"].append(path)
print(json.dumps(opened))
"""


def others_sockets(root, suite):
    """Known socket paths, for a direct try past unreadable directories."""
    found = []
    for base, _, files in os.walk(root):
        for name in files:
            path = os.path.join(base, name)
            if os.path.exists(path) and \
                    (os.lstat(path).st_mode & 0o170000) == 0o140000:
                found.append(path)
    return found


def as_nobody(lab, *words):
    return lab.mx.run(["setpriv", "--reuid=nobody", "--regid=nogroup",
                       "--clear-groups", "/usr/bin/python3", "-c",
                       *words]).stdout


def test_a_stranger_on_the_host_opens_nothing(lab, suite):
    opened = json.loads(as_nobody(lab, PROBE, suite.root))
    assert opened["sockets"] == []
    assert opened["writable"] == []
    allowed = (os.path.dirname(suite.config),
               os.path.join(suite.root, "var/lib/mailherd/gen"))
    assert not [path for path in opened["readable"]
                if not path.startswith(allowed)]


# Tries paths by name, as somebody would who knows the layout.
PROBE_PATHS = """
import json, socket, sys
opened = []
for path in json.loads(sys.argv[1]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET,
                 socket.SOCK_DGRAM):
        probe = socket.socket(socket.AF_UNIX, kind)
        try:
            probe.connect(path)
            opened.append(path)
        except OSError:
            pass
        probe.close()
print(json.dumps(opened))
"""


def test_a_stranger_who_knows_the_paths_opens_no_socket(lab, suite):
    paths = others_sockets(suite.root, suite)
    assert len(paths) > 10, paths
    assert json.loads(as_nobody(lab, PROBE_PATHS, json.dumps(paths))) == []


def test_no_secret_is_on_a_command_line(lab, suite):
    secrets = []
    directory = os.path.join(suite.root, "var/lib/mailherd/secrets")
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
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
