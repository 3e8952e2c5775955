# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's DNS: NSD with a signed root and signed zones below it.

One server answers for every zone under the name ns.lab., whose address
stands in the root zone, so no glue is needed. It is not recursive, but it
knows every zone there is, which is enough for a plain stub resolver.
"""

import contextlib
import ipaddress
import os
import re
import select
import signal
import socket
import subprocess
import threading

from .net import kill_process
from .wait import wait_for

ALGORITHM = "ECDSAP256SHA256"
NAMESERVER = "ns.lab."
ZONES = (".", "org.", "net.", "com.", "arpa.", "example.org.",
         "example.net.", "example.com.", "2.0.192.in-addr.arpa.",
         "100.51.198.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.")

NSD_CONF = """
server:
    ip-address: {ipv4}
    ip-address: {ipv6}
    port: 53
    username: ""
    chroot: ""
    zonesdir: "{directory}"
    database: ""
    pidfile: "{directory}/nsd.pid"
    xfrdfile: "{directory}/xfrd.state"
    xfrdir: "{directory}"
    zonelistfile: "{directory}/zone.list"
    zonefiles-check: yes
    server-count: 1
    rrl-ratelimit: 0
    verbosity: 1
remote-control:
    control-enable: no
"""


def parent_of(zone):
    """The closest zone above, in ZONES."""
    labels = zone.rstrip(".").split(".")
    for i in range(1, len(labels)):
        candidate = ".".join(labels[i:]) + "."
        if candidate in ZONES:
            return candidate
    return "."


def zone_of(name):
    """The zone a fully qualified name belongs to."""
    fits = [z for z in ZONES if z == "." or name == z
            or name.endswith("." + z)]
    return max(fits, key=len)


class Dns:
    """Zones, their keys, and the NSD that serves them on a host."""

    def __init__(self, host):
        self.host = host
        self.directory = host.directory
        self.records = {zone: [] for zone in ZONES}
        self._keys = {}
        self._serial = 0
        self._process = None
        self._signed = {}
        self.root_hints = os.path.join(self.directory, "root.hints")
        self.trust_anchor = os.path.join(self.directory, "root.anchor")
        self.add(NAMESERVER, "A", host.ipv4)
        self.add(NAMESERVER, "AAAA", host.ipv6)
        for zone in ZONES:
            if zone != ".":
                self.add(zone, "NS", NAMESERVER, zone=parent_of(zone))
        for zone in ZONES:
            self._generate_key(zone)
        self._write_hints()

    def add(self, name, kind, data, zone=None):
        """Adds a record; publish() puts it in force."""
        line = "%s 300 IN %s %s" % (name, kind, data)
        self.records[zone or zone_of(name)].append(line)

    def add_host(self, name, *addresses):
        """Address records and the names that belong to the addresses."""
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self.add(name, kind, address)
            reverse = ipaddress.ip_address(address).reverse_pointer + "."
            self.add(reverse, "PTR", name)

    def add_text(self, snippet, origin):
        """Adds records of a zone file snippet, as an admin would paste it."""
        kept = []
        for line in join_parentheses(snippet):
            if line.strip() and not line.startswith((";", "$")):
                kept.append(line)
        self.records[origin].append("$ORIGIN %s" % origin)
        self.records[origin].extend(kept)

    def publish(self):
        """Signs what changed, leaves first, and has NSD load it."""
        for zone in sorted(ZONES, key=lambda z: -len(z.strip(".").split("."))
                           if z != "." else 1):
            if self._signed.get(zone) != self.records[zone]:
                self._sign(zone)
                self._signed[zone] = list(self.records[zone])
        if self._process:
            os.kill(self._process.pid, signal.SIGHUP)
            wait_for(lambda: self.query("example.org.", "SOA").split()[2]
                     == str(self._serials["example.org."]), 10,
                     "reloaded zones")

    _serials = {}

    def query(self, name, kind):
        """One short answer of dig."""
        done = self.host.run(["dig", "+short", "+tries=1", "+time=1",
                              "@" + self.host.ipv4, name, kind])
        return done.stdout.strip()

    def start(self):
        conf = os.path.join(self.directory, "nsd.conf")
        with open(conf, "w", encoding="ascii") as out:
            out.write(NSD_CONF.format(ipv4=self.host.ipv4,
                                      ipv6=self.host.ipv6,
                                      directory=self.directory))
            for zone in ZONES:
                out.write('zone:\n    name: "%s"\n    zonefile: "%s"\n' % (
                    zone, file_of(zone) + ".signed"))
        log = open(os.path.join(self.directory, "nsd.log"), "ab")
        self._process = subprocess.Popen(
            ["nsenter", "--net=" + self.host.path, "nsd", "-d", "-c", conf],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        log.close()
        wait_for(lambda: self.query(".", "SOA"), 10, "answer of NSD")

    def stop(self):
        if self._process:
            kill_process(self._process)
        self._process = None

    @contextlib.contextmanager
    def silent(self):
        """Queries vanish: the server is frozen."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    @contextlib.contextmanager
    def failing(self):
        """Every query is answered, with a server failure."""
        self.stop()
        failures = Failures(self.host)
        try:
            yield
        finally:
            failures.close()
            self.start()

    def _generate_key(self, zone):
        done = subprocess.run(
            ["dnssec-keygen", "-q", "-K", self.directory, "-a", ALGORITHM,
             "-f", "KSK", zone], check=True, capture_output=True, text=True)
        self._keys[zone] = done.stdout.strip()

    def _key_text(self, zone):
        path = os.path.join(self.directory, self._keys[zone] + ".key")
        with open(path, encoding="ascii") as key:
            return key.read()

    def _write_hints(self):
        with open(self.root_hints, "w", encoding="ascii") as out:
            out.write(". 3600 NS %s\n%s 3600 A %s\n%s 3600 AAAA %s\n" % (
                NAMESERVER, NAMESERVER, self.host.ipv4, NAMESERVER,
                self.host.ipv6))
        with open(self.trust_anchor, "w", encoding="ascii") as out:
            for line in self._key_text(".").splitlines():
                if not line.startswith(";"):
                    out.write(line + "\n")

    def _sign(self, zone):
        self._serial += 1
        self._serials[zone] = self._serial
        path = os.path.join(self.directory, file_of(zone))
        with open(path, "w", encoding="utf-8") as out:
            out.write("$TTL 300\n%s IN SOA %s hostmaster.lab. %d 3600 600 "
                      "86400 60\n%s IN NS %s\n" % (
                          zone, NAMESERVER, self._serial, zone, NAMESERVER))
            out.write("\n".join(self.records[zone]) + "\n")
            out.write(self._key_text(zone))
        done = subprocess.run(
            ["dnssec-signzone", "-z", "-g", "-K", self.directory, "-d",
             self.directory, "-o", zone, "-f", path + ".signed", path,
             self._keys[zone]], cwd=self.directory, check=False,
            capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError("signing %s: %s" % (zone, done.stderr))


class Failures(threading.Thread):
    """A DNS server that says SERVFAIL, on the addresses of a host."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self._end = threading.Event()
        self._sockets = []
        with host.inside():
            for family, address in ((socket.AF_INET, host.ipv4),
                                    (socket.AF_INET6, host.ipv6)):
                server = socket.socket(family, socket.SOCK_DGRAM)
                server.bind((address, 53))
                self._sockets.append(server)
        self.start()

    def run(self):
        while not self._end.is_set():
            ready, _, _ = select.select(self._sockets, [], [], 0.2)
            for server in ready:
                query, peer = server.recvfrom(4096)
                # QR and RD, SERVFAIL; the question comes back as it was.
                server.sendto(query[:2] + b"\x81\x82" + query[4:6]
                              + bytes(6) + question_of(query), peer)

    def close(self):
        self._end.set()
        self.join()
        for server in self._sockets:
            server.close()


def question_of(query):
    """The first question of a message: name, type and class."""
    end = query.index(b"\0", 12) + 5
    return query[12:end]


def file_of(zone):
    return "root.zone" if zone == "." else zone + "zone"


def join_parentheses(text):
    """Lines of a zone file with ( ... ) groups on one line."""
    return re.sub(r"\(([^()]*)\)", lambda m: m.group(1).replace("\n", " "),
                  text).splitlines()
