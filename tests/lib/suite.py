# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite under test: one instance of mailherd, from a staged tree.

Everything goes through the command line, as an administrator would do it;
only contents of mailboxes and facts of processes are looked at directly.
"""

import glob
import json
import os
import pwd
import shutil
import subprocess
import time

from . import maildir
from .wait import wait_for

PASSWORD = "correct horse 7 battery"

# Documented public ports, by the key that moves them.
PORTS = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143,
         "imaps": 993, "pop3": 110, "pop3s": 995, "sieve": 4190,
         "http": 80, "https": 443}


def stage():
    """The prefix that holds bin/mailherd, from MAILHERD_STAGE."""
    given = os.environ.get("MAILHERD_STAGE")
    if not given:
        raise RuntimeError("MAILHERD_STAGE is not set: name the staged "
                           "tree (meson install --destdir), or run ./check")
    for prefix in (given, os.path.join(given, "usr")):
        if os.access(os.path.join(prefix, "bin", "mailherd"), os.X_OK):
            return os.path.abspath(prefix)
    raise RuntimeError("no bin/mailherd below MAILHERD_STAGE=" + given)


class CommandError(AssertionError):
    """The command line said no; `error` is its JSON error, or None."""

    def __init__(self, words, done):
        self.status = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr
        try:
            self.error = json.loads(done.stdout).get("error")
        except (ValueError, AttributeError):
            self.error = None
        super().__init__("mailherd %s: exit status %d\n%s%s" % (
            " ".join(words), done.returncode, done.stdout, done.stderr))


class Suite:
    """One instance, with its root directory, on a host of the lab."""

    def __init__(self, host, hostname, domain, prefix=None):
        self.host = host
        self.hostname = hostname
        self.domain = domain
        self.prefix = prefix or stage()
        self.binary = os.path.join(self.prefix, "bin", "mailherd")
        self.root = host.directory
        assert len(self.root) <= 40, "root too long for socket paths"
        self.config = os.path.join(self.root, "etc/mailherd/mailherd.conf")
        self.services = os.path.join(self.root, "run/mailherd/svc")
        self.sockets = os.path.join(self.root, "run/mailherd/sock")
        self.logs = os.path.join(self.root, "var/log/mailherd")
        self._homes = {}
        self._active = []

    # The command line

    def run(self, *words, check=True, timeout=60, **options):
        argv = [self.binary, "--root", self.root] + list(words)
        done = self.host.run(argv, check=False, timeout=timeout, **options)
        if check and done.returncode != 0:
            raise CommandError(words, done)
        return done

    def mailherd(self, *words, json=False, **options):
        """Runs a command; its output, read as JSON when asked."""
        if not json:
            return self.run(*words, **options).stdout
        # After the command's own words: `exec` passes the rest through.
        return _loads(self.run(*words, "--json", **options).stdout)

    def exec(self, *words, **options):
        """Runs an engine's own tool against the instance."""
        return self.run("exec", *words, **options)

    # Life

    def setup(self, profile="full", **conf):
        self.mailherd("setup", "--hostname", self.hostname, "--domain",
                      self.domain, "--profile", profile)
        if conf:
            self.configure(conf)

    def configure(self, conf):
        """Sets keys of mailherd.conf (a list stands for several lines)."""
        with open(self.config, encoding="utf-8") as present:
            lines = [line for line in present.read().splitlines()
                     if line.split("=")[0].strip() not in conf]
        for key, value in conf.items():
            values = value if isinstance(value, list) else [value]
            lines += ["%s = %s" % (key, v) for v in values]
        with open(self.config, "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")

    def up(self, timeout=120):
        return self.run("up", timeout=timeout)

    def down(self, timeout=120):
        return self.run("down", timeout=timeout)

    def restart(self, *service, timeout=120):
        return self.run("restart", *service, timeout=timeout)

    def status(self):
        """The status document; also when the suite is degraded or down."""
        done = self.run("status", "--json", check=False)
        try:
            return _loads(done.stdout)
        except ValueError:
            raise CommandError(("status", "--json"), done) from None

    def service_status(self, name):
        services = self.status()["services"]
        if isinstance(services, dict):
            return services[name]
        return next(s for s in services if s["name"] == name)

    def service_names(self):
        services = self.status()["services"]
        return list(services) if isinstance(services, dict) else [
            s["name"] for s in services]

    # Processes

    def supervised(self):
        """Names of the services in the scan directory."""
        return sorted(os.path.basename(os.path.dirname(p)) for p in
                      glob.glob(self.services + "/*/run"))

    def active(self):
        """Names of the services that this instance wants up."""
        if not self._active:
            self._active = [s["name"] for s in self.status()["services"]
                            if s["state"] != "off"]
        return self._active

    def all_ready(self):
        names = self.active()
        return bool(names) and all(self.svstat(n)["ready"] for n in names)

    def share_patterns(self, source):
        """Takes over Rspamd's compiled patterns: 10 s and more to make."""
        here, there = (os.path.join(s.root, "var/lib/mailherd/engines/rspamd")
                       for s in (source, self))
        owner = pwd.getpwnam("_rspamd")
        os.makedirs(there, mode=0o755, exist_ok=True)
        for path in glob.glob(here + "/*.hs*"):
            copy = shutil.copy(path, there)
            os.chown(copy, owner.pw_uid, owner.pw_gid)

    def svstat(self, service):
        """What s6 says: dict of up, ready (bool) and pid (int or None)."""
        done = subprocess.run(
            ["s6-svstat", "-o", "up,ready,pid",
             os.path.join(self.services, service)],
            capture_output=True, text=True, check=False)
        words = done.stdout.split()
        if done.returncode != 0 or len(words) != 3:
            return {"up": False, "ready": False, "pid": None}
        return {"up": words[0] == "true", "ready": words[1] == "true",
                "pid": int(words[2]) if int(words[2]) > 0 else None}

    def pid(self, service):
        return self.svstat(service)["pid"]

    def supervisor_pid(self, service):
        """The s6-supervise of a service in this instance."""
        for pid in self.host.pids():
            words = command_line(pid)
            if (len(words) >= 2 and words[0].endswith("s6-supervise")
                    and os.path.basename(words[1]) == service):
                return pid
        return None

    # Objects

    def add_mailbox(self, address, password=PASSWORD, **fields):
        self.mailherd("mailbox", "add", address, *options(fields),
                      "--password-file", "-", input=password + "\n")
        return address

    def set_password(self, address, password):
        self.mailherd("mailbox", "passwd", address, "--password-file", "-",
                      input=password + "\n")

    def edit_mailbox(self, address, **fields):
        self.mailherd("mailbox", "edit", address, *options(fields))

    def add_alias(self, address, *targets, **fields):
        self.mailherd("alias", "add", address, *targets, *options(fields))
        return address

    def add_domain(self, name, **fields):
        self.mailherd("domain", "add", name, *options(fields))
        return name

    def add_alias_domain(self, name, target):
        self.mailherd("alias-domain", "add", name, target)
        return name

    # Mail

    def home(self, address):
        if address not in self._homes:
            self._homes[address] = self.mailherd(
                "mailbox", "path", address).strip()
        return self._homes[address]

    def maildir(self, address):
        return maildir.locate(self.home(address))

    def wait_mail(self, address, mark, deadline=25.0, folder=None):
        """Waits for a message with mark in a mailbox."""
        home = self.home(address)

        def present():
            box = maildir.locate(home)
            found = (box.folder(folder) if folder else box).find(mark)
            return found[0] if found else None
        return wait_for(present, deadline, "%s in %s%s" % (
            mark, address, "/" + folder if folder else ""))

    def find_mail(self, address, mark):
        """All copies of a message in a mailbox, in every folder.

        Not those that its user deleted and that can be brought back.
        """
        found = []
        for directory, names, _ in os.walk(self.home(address)):
            if "deleted" in names:
                names.remove("deleted")
            if "cur" in names or "new" in names:
                found += maildir.Maildir(directory).find(mark)
        return found

    def queue(self):
        """What waits in the queue: a list of postqueue's objects."""
        done = self.exec("postqueue", "-j")
        return [json.loads(line) for line in done.stdout.splitlines()
                if line.startswith("{")]

    def wait_queue_empty(self, deadline=60):
        end = time.monotonic() + deadline

        def empty():
            left = self.queue()
            if left and time.monotonic() < end:
                self.exec("postqueue", "-f", check=False)
            return not left
        wait_for(empty, deadline, "empty queue", every=0.5)

    # Logs

    def log(self, service):
        """All text that a service's log files hold."""
        text = ""
        for pattern in (service + ".log", service + "/*", service):
            for path in sorted(glob.glob(os.path.join(self.logs, pattern))):
                if os.path.isfile(path):
                    with open(path, encoding="utf-8",
                              errors="replace") as log:
                        text += log.read()
        return text

    def log_tail(self, lines=60):
        """The end of every log, for a failure's report."""
        parts = []
        for base, _, names in os.walk(self.logs):
            for name in sorted(n for n in names if n == "current"):
                path = os.path.join(base, name)
                with open(path, encoding="utf-8", errors="replace") as log:
                    tail = log.read().splitlines()[-lines:]
                if tail:
                    parts.append("--- %s\n%s" % (path, "\n".join(tail)))
        return "\n".join(parts)


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as line:
            return line.read().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []


def options(fields):
    """{"max_quota": 5} as ["--max-quota", "5"]; True is a bare switch."""
    words = []
    for name, value in fields.items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


def _loads(text):
    return json.loads(text)
