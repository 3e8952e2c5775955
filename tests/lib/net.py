# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces as hosts on one bridge.

Nothing is bound on the machine itself: the bridge stands in a namespace of
its own. Names carry our pid and a random tag. lib/reaper.py, a child that
waits for our end on a pipe, removes everything, also after kill -9; what a
killed reaper left is swept by the next run.
"""

import contextlib
import ctypes
import glob
import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

CLONE_NEWNET = 0x40000000
REAPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reaper.py")
# Only documentation ranges, so that no packet could mean a real host.
PREFIXES = ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words):
    subprocess.run(("ip",) + words, check=True, capture_output=True)


class Host:
    """One namespace with an address of each family."""

    def __init__(self, net, name, ipv4, ipv6, resolver=None):
        self.net = net
        self.name = name
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.namespace = "%s-%s" % (net.tag, name)
        self.path = "/run/netns/" + self.namespace
        self.directory = os.path.join(net.directory, name)
        os.mkdir(self.directory)
        os.chmod(self.directory, 0o755)
        self._resolv = None
        if resolver:
            self._resolv = os.path.join(net.directory, name + ".resolv")
            with open(self._resolv, "w", encoding="ascii") as out:
                out.write("nameserver %s\noptions timeout:2\n" % resolver)

    def argv(self, argv):
        """The argv that runs argv on this host."""
        enter = ["nsenter", "--net=" + self.path, "--"]
        if self._resolv:
            enter += ["unshare", "--mount", "sh", "-c",
                      'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                      self._resolv]
        return enter + list(argv)

    def run(self, argv, check=True, timeout=60, **options):
        options.setdefault("capture_output", True)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("text", True)
        done = subprocess.run(self.argv(argv), timeout=timeout, check=False,
                              **options)
        if check and done.returncode != 0:
            raise AssertionError("%s: exit status %d\n%s\n%s" % (
                " ".join(argv), done.returncode, done.stdout, done.stderr))
        return done

    def popen(self, argv, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.argv(argv), start_new_session=True,
                                **options)

    @contextlib.contextmanager
    def inside(self):
        """This thread's new sockets belong to the host."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        _setns(there)
        try:
            yield self
        finally:
            _setns(home)
            os.close(home)
            os.close(there)

    def connect(self, address, port, timeout=10, source=None):
        """A TCP connection from this host."""
        with self.inside():
            return socket.create_connection(
                (address, port), timeout,
                source_address=(source, 0) if source else None)

    def add_addresses(self, addresses):
        """More IPv4 addresses, for connections with source=."""
        lines = "".join("address add %s/32 dev eth0\n" % a
                        for a in addresses)
        subprocess.run(["ip", "-n", self.namespace, "-batch", "-"],
                       input=lines, text=True, check=True,
                       capture_output=True)

    def connect_tls(self, address, port, timeout=10, context=None,
                    source=None):
        raw = self.connect(address, port, timeout, source)
        return (context or unchecked_tls()).wrap_socket(raw)

    def pids(self):
        """Ids of all processes on this host."""
        inode = os.stat(self.path).st_ino
        found = []
        for link in glob.iglob("/proc/[0-9]*/ns/net"):
            try:
                if os.stat(link).st_ino == inode:
                    found.append(int(link.split("/")[2]))
            except OSError:
                continue
        return found


def unchecked_tls():
    """TLS without a look at the certificate (it is self-signed)."""
    # Not create_default_context(): it reads all authorities, 20 ms each time.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Net:
    """The bridge and its hosts; close() or our end removes them."""

    def __init__(self):
        self.tag = "mhlab-%d-%s" % (os.getpid(), secrets.token_hex(2))
        # Short: an instance root below it must fit in sun_path.
        self.directory = tempfile.mkdtemp(prefix="mhlab-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.hosts = {}
        sweep()
        self._reaper = subprocess.Popen(
            [sys.executable, REAPER, self.tag, self.directory],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True)
        self._switch = self.tag + "-switch"
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "bridge", "up")

    def add_host(self, name, ipv4, ipv6, resolver=None):
        host = Host(self, name, ipv4, ipv6, resolver)
        self.hosts[name] = host
        _ip("netns", "add", host.namespace)
        _ip("-n", self._switch, "link", "add", name, "type", "veth",
            "peer", "name", "eth0", "netns", host.namespace)
        _ip("-n", self._switch, "link", "set", name, "master", "bridge", "up")
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")
        _ip("-n", host.namespace, "address", "add", ipv4 + "/32",
            "dev", "eth0")
        _ip("-n", host.namespace, "address", "add", ipv6 + "/128",
            "dev", "eth0", "nodad")
        for prefix in PREFIXES:
            _ip("-n", host.namespace, "route", "add", prefix, "dev", "eth0",
                "src", ipv6 if ":" in prefix else ipv4)
        return host

    def close(self):
        if self._reaper.stdin:
            self._reaper.stdin.close()
        self._reaper.wait(60)


def sweep():
    """Removes what a run left whose process and reaper were both killed."""
    for path in glob.glob("/run/netns/mhlab-*"):
        match = re.match(r"(mhlab-(\d+)-[0-9a-f]+)-", os.path.basename(path))
        if match and not os.path.exists("/proc/" + match.group(2)):
            subprocess.run([sys.executable, REAPER, match.group(1), ""],
                           stdin=subprocess.DEVNULL, check=False)


def kill_process(process, seconds=5):
    """Ends a process group that popen() made."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
