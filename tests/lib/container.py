# SPDX-License-Identifier: GPL-3.0-or-later
"""The image, and the suite as a container of it on a host of the lab.

podman runs with storage, locks and networks of its own, so that nothing of
the machine's is seen or left; the base image is made from Debian's
packages, because no registry of images can be reached. A container joins
the network namespace of a lab's host: nothing listens on the machine.
"""

import os
import pathlib
import platform
import re
import shutil
import subprocess

from .machine import debian_sources
from .suite import CommandError, Suite
from .wait import wait_for

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BASE = "docker.io/library/debian:bookworm-slim"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# The limits are those that a machine without CAP_SYS_RESOURCE can set.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
tmp_dir = "{0}/run/tmp"
[network]
network_config_dir = "{0}/networks"
"""

STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{0}/storage"
runroot = "{0}/run"
"""


class Podman:
    """podman with everything below one directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        files = {"CONTAINERS_CONF": ("containers.conf", CONTAINERS_CONF),
                 "CONTAINERS_STORAGE_CONF": ("storage.conf", STORAGE_CONF)}
        self.environment = dict(os.environ)
        for variable, (name, text) in files.items():
            path = self.directory / name
            path.write_text(text.format(self.directory))
            self.environment[variable] = str(path)
        self.close()

    def command(self, argv, check=True, timeout=120, **options):
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([str(word) for word in argv], check=False,
                              timeout=timeout, env=self.environment,
                              **options)
        if check and done.returncode != 0:
            raise AssertionError("%s: exit status %d\n%s\n%s" % (
                argv, done.returncode, done.stdout, done.stderr))
        return done

    def run(self, *words, **options):
        return self.command(["podman"] + list(words), **options)

    def make_base(self, tar):
        """debian:bookworm-slim, as far as it matters: Debian's minimum."""
        if self.run("image", "exists", BASE, check=False).returncode == 0:
            return
        if not tar.exists():
            part = tar.with_suffix(".part.tar")
            self.command(
                ["mmdebstrap", "--quiet", "--variant=minbase",
                 "--include=ca-certificates",
                 "--dpkgopt=path-exclude=/usr/share/doc/*",
                 "--dpkgopt=path-exclude=/usr/share/man/*",
                 "--dpkgopt=path-exclude=/usr/share/locale/*",
                 "bookworm", part, "-"], input=debian_sources(), timeout=600)
            part.rename(tar)
        self.run("import", tar, BASE, timeout=300)

    def build_image(self, deb, tag):
        """As a user does it, but for the network."""
        self.command([SOURCE / "packaging/container/build", "--deb", deb,
                      "--tag", tag, "--", "--network=host", "--quiet"],
                     timeout=900)

    def close(self):
        """Ends and removes every container; images stay for the next run."""
        self.run("pod", "rm", "--all", "--force", check=False)
        self.run("rm", "--all", "--force", "--time", "0", check=False)
        self.run("volume", "prune", "--force", check=False)


def build_package(directory):
    """The package of this source tree, for this machine."""
    tree = pathlib.Path(directory) / "source"
    shutil.copytree(SOURCE, tree, symlinks=True, ignore=lambda where, names: [
        name for name in names if name == ".git" or (
            pathlib.Path(where) == SOURCE and name.startswith("build"))])
    shutil.copytree(tree / "packaging/debian", tree / "debian")
    subprocess.run(["dpkg-buildpackage", "-b", "-uc", "-us", "-Pnocheck"],
                   cwd=tree, check=True, capture_output=True, timeout=600)
    shutil.rmtree(tree)
    return one_package(directory)


def one_package(directory):
    architecture = ARCHITECTURES[platform.machine()]
    found = list(pathlib.Path(directory).glob(
        "mailherd_*_%s.deb" % architecture))
    assert len(found) == 1, found
    return found[0]


def newer_package(deb, directory, version):
    """The same package under another version."""
    tree = pathlib.Path(directory) / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: " + version,
                              control.read_text()))
    subprocess.run(["dpkg-deb", "-b", tree, directory], check=True,
                   capture_output=True)
    shutil.rmtree(tree)
    return one_package(directory)


class ContainerSuite(Suite):
    """The suite as a container on a host of the lab, on one volume."""

    def __init__(self, podman, host, hostname, domain, volume):
        super().__init__(host, hostname, domain, prefix="/usr")
        self.podman = podman
        self.name = host.namespace
        self.root = str(volume)
        self.config = os.path.join(self.root, "etc/mailherd/mailherd.conf")
        self.services = os.path.join(self.root, "run/mailherd/svc")
        self.sockets = os.path.join(self.root, "run/mailherd/sock")
        self.logs = os.path.join(self.root, "var/log/mailherd")

    # Life

    def create(self, image, *options, profile="standard", **variables):
        """`podman run`, with the variables of a first start."""
        os.makedirs(self.root, exist_ok=True)
        variables = {"MAILHERD_HOSTNAME": self.hostname,
                     "MAILHERD_DOMAIN": self.domain,
                     "MAILHERD_PROFILE": profile, **variables}
        words = [word for name, value in variables.items()
                 for word in ("--env", "%s=%s" % (name, value))]
        self.podman.run(
            "run", "--detach", "--name", self.name, "--network",
            "ns:" + self.host.path, "--volume", self.root + ":/data",
            *words, *options, image)

    def start(self):
        self.podman.run("start", self.name)

    def stop(self, seconds=20):
        self.podman.run("stop", "--time", str(seconds), self.name)

    def kill(self):
        """As a power switch: no process of it gets to do anything."""
        self.podman.run("kill", "--signal", "KILL", self.name)
        wait_for(lambda: not self.runs(), 20, "end of the container")

    def remove(self):
        self.podman.run("rm", "--force", "--time", "0", self.name)

    def runs(self):
        return self.inspect("{{.State.Running}}") == "true"

    def exit_status(self):
        return int(self.inspect("{{.State.ExitCode}}"))

    def inspect(self, form):
        return self.podman.run("inspect", "--format", form,
                               self.name).stdout.strip()

    def wait_ready(self, deadline=120):
        """Until every service is ready and the state is healthy."""
        wait_for(lambda: self.status()["state"] == "healthy", deadline,
                 "healthy container", every=0.2)

    # The command line, inside

    def run(self, *words, check=True, timeout=60, **options):
        done = self.inside("mailherd", *words, check=False, timeout=timeout,
                           **options)
        if check and done.returncode != 0:
            raise CommandError(words, done)
        return done

    def inside(self, *argv, **options):
        return self.podman.run("exec", "--interactive", self.name, *argv,
                               **options)

    def home(self, address):
        inside = super().home(address)
        assert inside.startswith("/data/"), inside
        return self.root + inside[len("/data"):]
