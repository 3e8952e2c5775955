# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Debian 12 machine: systemd-nspawn in a network namespace.

The root file system is made by mmdebstrap with the package sources of the
machine that runs the tests; while packages are installed it reaches them
through slirp4netns, which is ended before anything is tested.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

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


class Machine:
    """One machine; close() powers it off and removes it."""

    def __init__(self, directory, netns):
        self.directory = pathlib.Path(directory)
        self.root = self.directory / "root"
        self.netns = netns
        self.uplink = None
        self.container = None
        self.init = None

    def create(self, base_tar):
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
            ["systemd-nspawn", "-D", self.root, "--register=no", "--keep-unit",
             f"--network-namespace-path=/run/netns/{self.netns}",
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

    def run(self, *argv, timeout=60, **kwargs):
        """Runs a program inside; output is text."""
        return subprocess.run(
            ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-p", "-n", "-C",
             "--root", "--wd=/", "env", "-i", "-C", "/root",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", *argv],
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
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

    def close(self):
        self.disconnect()
        self.power_off()
        shutil.rmtree(self.root, ignore_errors=True)
