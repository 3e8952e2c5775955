# SPDX-License-Identifier: GPL-3.0-or-later
"""The nftables table between other hosts and what is internal.

The session's suite has it by the user of sockets, as where systemd is not;
an instance of its own (profile lite) is started in each other way.
"""

import contextlib
import glob
import json
import os
import pwd
import select
import socket
import struct
import subprocess

import pytest

from lib.suite import Suite
from lib.wait import wait_for

FOREIGN = """
table inet administrator {
	chain input {
		type filter hook input priority 0; policy accept;
		tcp dport 9 drop
	}
}
table ip nat {
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 redirect to :80
	}
}
"""
# Started as USER: listens on every address, says so, answers each peer.
LISTENER = """
import select, socket, sys
sockets = []
for port in map(int, sys.argv[1:]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        one = socket.socket(socket.AF_INET6, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        one.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            one.listen(8)
        sockets.append(one)
print("listening", flush=True)
while True:
    for one in select.select(sockets, [], [])[0]:
        if one.type == socket.SOCK_STREAM:
            one.accept()[0].sendall(b"here")
        else:
            one.sendto(b"here", one.recvfrom(64)[1])
"""
INTERNAL = {"_rspamd": (11332, 11333, 11334, 11335), "redis": (6379,),
            "clamav": (3310,)}


@contextlib.contextmanager
def listener(host, user, *ports, wrapper=()):
    record = pwd.getpwnam(user)
    process = host.popen(
        [*wrapper, "setpriv", "--reuid=%d" % record.pw_uid,
         "--regid=%d" % record.pw_gid, "--clear-groups", "/usr/bin/python3",
         "-c", LISTENER, *map(str, ports)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"listening\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def answers(host, address, ports, kind=socket.SOCK_STREAM, seconds=0.7):
    """Those of ports from which something came within that time."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    waiting = {}
    found = set()
    poll = select.poll()
    with host.inside():
        for port in ports:
            one = socket.socket(family, kind)
            one.setblocking(False)
            one.connect_ex((address, port))
            if kind == socket.SOCK_DGRAM:
                one.send(b"?")
            waiting[one.fileno()] = (one, port)
            poll.register(one, select.POLLIN)
        while len(found) < len(ports):
            ready = poll.poll(seconds * 1000)
            if not ready:
                break
            for number, _ in ready:
                one, port = waiting[number]
                poll.unregister(one)
                try:
                    if one.recv(16):
                        found.add(port)
                except OSError:
                    pass
    for one, _ in waiting.values():
        one.close()
    return sorted(found)


def fact(suite):
    """What the status says of it."""
    return next(f for f in suite.status()["health"]
                if f["name"] == "isolation")


def tables(host):
    listing = json.loads(host.run(["nft", "-j", "list", "tables"]).stdout)
    return {(t["table"]["family"], t["table"]["name"])
            for t in listing["nftables"] if "table" in t}


def table_of(suite):
    """Its name, as the status tells it."""
    return fact(suite)["text"].split()[2].rstrip(",")


def dropped(suite, chain):
    """Packets that each rule of a chain has dropped."""
    listing = json.loads(suite.host.run(
        ["nft", "-j", "list", "chain", "inet", table_of(suite),
         chain]).stdout)
    return [part["counter"]["packets"] for entry in listing["nftables"]
            if "rule" in entry for part in entry["rule"]["expr"]
            if "counter" in part]


# The session's suite: by user.

def test_the_table_is_in_force_and_told(suite):
    told = fact(suite)
    assert told["ok"] and "by the user of sockets" in told["text"]
    assert ("inet", table_of(suite)) in tables(suite.host)


@pytest.mark.parametrize("user", INTERNAL)
def test_an_engine_on_an_internal_port_is_silent_outside(lab, suite, user):
    ports = INTERNAL[user]
    with listener(lab.mx, user, *ports):
        for address in (lab.mx.ipv4, lab.mx.ipv6):
            assert answers(lab.client, address, ports) == [], address
            assert answers(lab.mx, address, ports) == sorted(ports), address
        for address in ("127.0.0.1", "::1"):
            assert answers(lab.mx, address, ports) == sorted(ports), address


def test_programs_of_others_keep_these_ports(lab, suite):
    """An administrator's own service is none of our business."""
    ports = sorted(port for own in INTERNAL.values() for port in own)
    with listener(lab.mx, "nobody", *ports, 12345):
        for address in (lab.mx.ipv4, lab.mx.ipv6):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                assert answers(lab.client, address, ports + [12345],
                               kind) == ports + [12345], (address, kind)


def ethernet_address(host):
    link = json.loads(host.run(["ip", "-j", "link", "show", "eth0"]).stdout)
    return bytes.fromhex(link[0]["address"].replace(":", ""))


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def question_to(address, source):
    """A DNS question in an IPv4 packet that no honest host would send."""
    dns = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + \
        b"\x09localhost\0" + struct.pack("!2H", 1, 1)
    udp = struct.pack("!4H", 5353, 53, 8 + len(dns), 0) + dns
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17,
                       0, socket.inet_aton(source), socket.inet_aton(address))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + udp


def test_loopback_addresses_are_closed_where_the_kernel_lets_them_in(
        lab, suite):
    """With route_localnet the kernel takes 127.0.0.0/8 from outside."""
    lab.mx.run(["sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1"])
    try:
        before = dropped(suite, "addresses")
        with lab.client.inside():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind(("eth0", 0))
        raw.send(ethernet_address(lab.mx) + ethernet_address(lab.client) +
                 b"\x08\x00" + question_to("127.0.53.1", lab.client.ipv4))
        raw.close()
        wait_for(lambda: dropped(suite, "addresses")[0] > before[0], 5,
                 "packet dropped")
    finally:
        lab.mx.run(["sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=0"])
    # Inside it answers as ever.
    assert lab.mx.run(["dig", "+short", "@127.0.53.1", "mx.example.net"]
                      ).stdout.strip() == lab.other.ipv4


# An instance of its own, started in other ways.

@pytest.fixture(scope="module")
def fifth(lab, suite):
    host = lab.net.add_host("mx5", "192.0.2.29", "2001:db8:0:1::29")
    host.run(["nft", "-f", "-"], input=FOREIGN)
    instance = Suite(host, "mail5.example.org", "fifth.example.org")
    instance.setup("lite", **lab.conf())
    instance.share_patterns(suite)
    yield instance
    instance.run("down", check=False)


@contextlib.contextmanager
def started(instance, *wrapper):
    """Up by a wrapper; what `up` said; down again."""
    done = instance.host.run(
        [*wrapper, instance.binary, "--root", instance.root, "up"],
        timeout=120)
    try:
        assert instance.status()["state"] in ("healthy", "degraded")
        yield done.stderr
    finally:
        instance.down()


def foreign(host):
    return host.run(["nft", "list", "table", "inet", "administrator"]
                    ).stdout + host.run(["nft", "list", "table", "ip", "nat"]
                                        ).stdout


def test_it_stands_before_anything_listens_and_goes_with_down(fifth):
    host = fifth.host
    before = foreign(host), tables(host)
    said = os.path.join(fifth.root, "said")
    engines = ("dovecot", "nginx", "postfix", "redis", "rspamd", "unbound")
    for name in engines:
        hooks = os.path.join(fifth.root, "etc/mailherd/hooks", name)
        os.makedirs(hooks)
        with open(hooks + "/10-look", "w", encoding="ascii") as script:
            script.write("#!/bin/sh\nnft list tables | grep -c mailherd_ "
                         ">%s.%s\n" % (said, name))
        os.chmod(hooks + "/10-look", 0o755)
    with started(fifth) as warning:
        assert warning == ""
        name = table_of(fifth)
        assert tables(host) == before[1] | {("inet", name)}
        for engine in engines:
            with open("%s.%s" % (said, engine), encoding="ascii") as text:
                assert text.read() == "1\n", engine
        assert foreign(host) == before[0]
    assert tables(host) == before[1]
    assert foreign(host) == before[0]


def rules(host, table):
    """The table without its counters; None when there is no such table."""
    done = host.run(["nft", "--stateless", "list", "table", "inet", table],
                    check=False)
    return done.stdout if done.returncode == 0 else None


def is_back(instance, table, before):
    """As it was, and the status says so."""
    return rules(instance.host, table) == before and fact(instance)["ok"]


def test_what_another_program_takes_away_comes_back(fifth):
    """systemctl reload nftables, for one, flushes all there is."""
    host = fifth.host
    with started(fifth):
        table = table_of(fifth)
        before = rules(host, table)
        agent = fifth.pid("agent")
        ways = ("delete table inet " + table, "flush table inet " + table,
                "flush ruleset")
        for count, way in enumerate(ways, 1):
            host.run(["nft", way])
            wait_for(lambda: is_back(fifth, table, before), 5,
                     "rules after " + way)
            log = fifth.mailherd("logs", "--lines", "500", "agent")
            assert log.count("isolation was taken away") == count, way
        host.run(["nft", "-f", "-"], input=FOREIGN)
        # Nobody looked when it went: the next agent does.
        directory = os.path.join(fifth.services, "agent")
        subprocess.run(["s6-svc", "-wD", "-T", "9000", "-d", directory],
                       check=True)
        host.run(["nft", "delete", "table", "inet", table])
        subprocess.run(["s6-svc", "-u", directory], check=True)
        wait_for(lambda: is_back(fifth, table, before), 9, "rules again")
        assert fifth.pid("agent") != agent
        # Changes of others are none of its business.
        log = fifth.mailherd("logs", "--lines", "500", "agent")
        assert log.count("isolation was taken away") == len(ways) + 1


def unified():
    """The cgroup v2 hierarchy, or None."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            words = line.split()
            if words[2] == "cgroup2":
                return words[1]
    return None


def test_with_a_control_group_its_sockets_are_meant(lab, fifth):
    """As below systemd: by what we started, whatever its user."""
    if not unified() or not os.access(unified(), os.W_OK):
        pytest.skip("no cgroup v2 hierarchy that can be written")
    group = "mailherd@%s.service" % fifth.host.namespace
    # nft looks for the hierarchy in its usual place.
    wrapper = ["unshare", "--mount", "sh", "-c",
               'mount --bind "$0" /sys/fs/cgroup && '
               'mkdir -p /sys/fs/cgroup/"$1" && '
               'echo $$ >/sys/fs/cgroup/"$1"/cgroup.procs && shift && '
               'exec "$@"', unified(), group]
    theirs, ours = (6379, 11334), (8953, 12345)
    host = fifth.host
    try:
        with started(fifth, *wrapper):
            assert "by the control group" in fact(fifth)["text"]
            with listener(host, "redis", *theirs), \
                    listener(host, "root", *ours, wrapper=wrapper):
                for address in (host.ipv4, host.ipv6):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        assert answers(lab.client, address, theirs,
                                       kind) == sorted(theirs)
                    assert answers(lab.client, address, ours) == []
                    assert answers(host, address, ours) == [
                        8953, 12345]
                    # What is public stays so.
                    lab.client.connect(address, 993).close()
    finally:
        for path in glob.glob(os.path.join(unified(), group)):
            wait_for(lambda p=path: os.rmdir(p) or True, 10, "empty group")


def test_without_the_right_the_suite_runs_and_says_so(fifth):
    before = tables(fifth.host)
    with started(fifth, "setpriv", "--bounding-set=-net_admin",
                 "--inh-caps=-net_admin") as warning:
        told = fact(fifth)
        assert not told["ok"] and "not permitted" in told["text"].lower()
        assert "internal ports are not isolated" in warning
        assert "isolation" in fifth.mailherd("status")
        assert tables(fifth.host) == before


def test_without_nft_the_suite_runs_and_says_so(fifth):
    upper = os.path.join(fifth.root, "overlay")
    # A whiteout of an overlay: the file is not there.
    hide = ('mount -t tmpfs none "$0" && mkdir "$0/up" "$0/work" && '
            'mknod "$0/up/nft" c 0 0 && mount -t overlay overlay -o '
            '"lowerdir=/usr/sbin,upperdir=$0/up,workdir=$0/work" /usr/sbin '
            '&& exec "$@"')
    os.makedirs(upper, exist_ok=True)
    with started(fifth, "unshare", "--mount", "sh", "-c", hide,
                 upper) as warning:
        told = fact(fifth)
        assert not told["ok"] and "/usr/sbin/nft" in told["text"]
        assert "internal ports are not isolated" in warning


def test_switched_off_there_is_no_table(fifth):
    before = tables(fifth.host)
    fifth.configure({"isolation": "no"})
    try:
        with started(fifth) as warning:
            assert warning == ""
            told = fact(fifth)
            assert told["ok"] and "switched off" in told["text"]
            assert tables(fifth.host) == before
            # On, and off again, while it runs.
            for value, own in (("yes", 1), ("no", 0)):
                fifth.configure({"isolation": value})
                fifth.restart("redis")
                assert len(tables(fifth.host) - before) == own
    finally:
        fifth.configure({"isolation": "yes"})
