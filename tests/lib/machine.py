# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Debian 12 machine: systemd-nspawn in a network namespace.

The root file system is made by mmdebstrap with the package sources of the
machine that runs the tests; while packages are installed it reaches them
through slirp4netns, which is ended before anything is tested. Each machine
has control groups of its own: two systemds in one would end each other's
processes.
"""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import time

from .suite import PASSWORD
from .wait import wait_for

HOSTNAME = "mail.fresh.example.org"
DOMAIN = "fresh.example.org"
INSTALL_SECONDS = 1200
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BASE_TAR = REPOSITORY / "build/check/debian-12.tar"

# Of the hierarchies in which a systemd keeps its units.
CONTROL_GROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified",
                  "/sys/fs/cgroup")

PACKAGES = (
    "systemd,systemd-sysv,dbus,init,iproute2,procps,ca-certificates,"
    "debconf,apt,passwd,hostname"
)


def debian_sources():
    """Only Debian's own sources: others are nobody's business here."""
    found = pathlib.Path("/etc/apt/sources.list.d/debian.sources")
    if found.exists():
        return found.read_text()
    return pathlib.Path("/etc/apt/sources.list").read_text()


class Server:
    """The suite on a machine, by what run() says there."""

    def run(self, *argv, timeout=60):
        raise NotImplementedError

    def install(self, profile="full"):
        """README's first command; what it printed."""
        done = self.run("/root/mailherd/up", "--hostname", HOSTNAME,
                        "--domain", DOMAIN, "--profile", profile,
                        timeout=INSTALL_SECONDS)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def mailherd(self, *words, **options):
        """A command with --json; its document."""
        done = self.run("mailherd", *words, "--json", **options)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError("mailherd %s: exit status %d\n%s%s" % (
                " ".join(words), done.returncode, done.stdout,
                done.stderr)) from None

    def wait_healthy(self, deadline_s=60, every=0.3):
        wait_for(lambda: self.mailherd("status")["state"] == "healthy",
                 deadline_s, "healthy suite", every)

    def service_pids(self):
        """{service: pid} of what runs."""
        return {service["name"]: service["pid"]
                for service in self.mailherd("status")["services"]
                if "pid" in service}

    def unit_files(self):
        """{unit: enabled, disabled, masked ...}"""
        done = self.run("systemctl", "list-unit-files", "--plain",
                        "--no-legend")
        return dict(line.split()[:2] for line in done.stdout.splitlines())

    def add_mailbox(self, address):
        done = self.run("sh", "-c", "printf '%s\\n' \"$1\" | mailherd "
                        "mailbox add \"$0\" --password-file -",
                        address, PASSWORD)
        assert done.returncode == 0, done.stderr
        return address

    def queue(self):
        """What waits in the queue: a list of postqueue's objects."""
        done = self.run("mailherd", "exec", "postqueue", "-j")
        return [json.loads(line) for line in done.stdout.splitlines()
                if line.startswith("{")]


class Machine(Server):
    """One machine; close() powers it off and removes it."""

    def __init__(self, directory, netns):
        self.directory = pathlib.Path(directory)
        self.root = self.directory / "root"
        self.netns = netns
        self.uplink = None
        self.container = None
        self.init = None
        self.control_groups = own_control_groups()

    def create(self, base_tar=BASE_TAR):
        """Debian as it comes, and a clone of this repository."""
        base_tar.parent.mkdir(parents=True, exist_ok=True)
        if not base_tar.exists():
            part = base_tar.with_suffix(".part.tar")
            subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}",
                 "bookworm", str(part), "-"],
                input=debian_sources(), text=True, check=True,
            )
            part.rename(base_tar)
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-C", self.root, "-xf", base_tar], check=True)
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")
        (self.root / "etc/hostname").write_text("mail\n")
        subprocess.run(["git", "clone", "--quiet", REPOSITORY,
                        self.root / "root/mailherd"], check=True)

    def trust(self, lab):
        """The lab's root of DNS, as an administrator would name it."""
        directory = self.root / "etc/mailherd"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "lab.hints").write_text(
            pathlib.Path(lab.dns.root_hints).read_text())
        (directory / "lab.anchor").write_text(
            pathlib.Path(lab.dns.trust_anchor).read_text())
        (directory / "mailherd.conf").write_text(
            "resolver.root_hints = /etc/mailherd/lab.hints\n"
            "resolver.trust_anchor = /etc/mailherd/lab.anchor\n"
            "resolver.check_addresses = 192.0.2.53\n"
            "resolver.check_names = mx.example.net\n"
            "antivirus.updates = no\n")

    def connect(self):
        """The way out to package sources, until disconnect()."""
        self.uplink = subprocess.Popen(
            ["slirp4netns", "--netns-type=path", "--configure", "--mtu=1400",
             "--disable-host-loopback", f"/run/netns/{self.netns}", "tap0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def disconnect(self):
        if self.uplink:
            self.uplink.terminate()
            self.uplink.wait(10)
            self.uplink = None

    def boot(self, deadline_s=60):
        log = open(self.directory / "console.log", "ab")
        self.container = subprocess.Popen(
            ["sh", "-c", 'for group in $0; do echo $$ >"$group/cgroup.procs"'
             '; done; exec "$@"', " ".join(map(str, self.control_groups)),
             "systemd-nspawn", "-D", self.root, "--register=no", "--keep-unit",
             f"--network-namespace-path=/run/netns/{self.netns}",
             "--capability=CAP_NET_ADMIN",
             "--resolv-conf=off", "--link-journal=no", "--console=pipe", "--boot"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            self.init = self._find_init()
            if self.init and self.run("systemctl", "is-system-running").stdout.strip() in (
                "running", "degraded",
            ):
                return
            time.sleep(0.1)
        raise TimeoutError("the fresh machine did not boot")

    def _find_init(self):
        found = subprocess.run(
            ["pgrep", "-P", str(self.container.pid)], capture_output=True, text=True
        ).stdout.split()
        return int(found[0]) if found else None

    def argv(self, *argv):
        """The argv that runs argv inside."""
        return ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-p", "-n",
                "-C", "--root", "--wd=/", "env", "-i", "-C", "/root",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                "LANG=C.UTF-8", *argv]

    def run(self, *argv, timeout=60, **kwargs):
        """Runs a program inside; output is text."""
        return subprocess.run(
            self.argv(*argv), capture_output=True, text=True,
            timeout=timeout, stdin=subprocess.DEVNULL,
            **kwargs,
        )

    def power_off(self):
        if self.init:
            try:
                os.kill(self.init, signal.SIGRTMIN + 4)
                self.container.wait(90)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                self.container.kill()
                self.container.wait(10)
            self.init = None

    def kill_init(self):
        """The machine is gone at once, with everything that ran on it."""
        os.kill(self.init, signal.SIGKILL)
        self.container.wait(30)
        self.init = None

    def install(self, profile="full"):
        """The way to packages is cut off afterwards."""
        text = super().install(profile)
        self.disconnect()
        return text

    def close(self):
        """Powers it off and removes it."""
        self.disconnect()
        self.power_off()
        for group in self.control_groups:
            remove_control_group(group)
        shutil.rmtree(self.root, ignore_errors=True)


def own_control_groups():
    """A new one in each hierarchy that systemd-nspawn would use."""
    name = "mhlab-" + secrets.token_hex(4)
    made = []
    for hierarchy in map(pathlib.Path, CONTROL_GROUPS):
        if (hierarchy / "cgroup.procs").exists():
            (hierarchy / name).mkdir()
            made.append(hierarchy / name)
    return made


def remove_control_group(group):
    """With all groups below it; nobody is left in them."""
    for directory, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):  # the kernel is not done with it
            os.rmdir(directory)


def publish(lab, host):
    """The machine's records in the test internet."""
    lab.dns.add_host(HOSTNAME + ".", host.ipv4, host.ipv6)
    lab.dns.add(DOMAIN + ".", "MX", "10 " + HOSTNAME + ".")
    lab.dns.publish()
