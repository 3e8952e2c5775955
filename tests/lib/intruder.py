# SPDX-License-Identifier: GPL-3.0-or-later
"""What each program may, tried from inside its jail.

tests/intruder/intruder.c is preloaded into the real programs. A daemon gets
it through its `launch` file and a restart; a short program is started with
it. What is tried stands in ROWS, what may succeed in the table of
docs/threat-model.md, which is the only place that says it.
"""

import ctypes
import os
import pwd
import shutil
import subprocess
import tempfile

from .wait import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "intruder", "intruder.c")
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "threat-model.md")
SYS_LANDLOCK_CREATE_RULESET = 444
SIGNAL_SCOPE_ABI = 6

# A row of the document's table, and the intruder's words for it. {names}
# are filled in by Place.names().
ROWS = {
    "read core.db": "read {db}/core/core.db",
    "write core.db": "write {db}/core/core.db",
    "read usage.db": "read {db}/usage/usage.db",
    "write usage.db": "write {db}/usage/usage.db",
    "read the key of sealed secrets": "read {state}/secrets/seal",
    "read the key of mail at rest": "read {state}/secrets/mail-crypt",
    "read the TLS key": "read {tls_key}",
    "read a mailbox": "list {home}",
    "read the queue": "list {state}/engines/postfix/spool/active",
    "read Redis's files": "list {state}/engines/redis",
    "read logs": "list {logs}/postfix",
    "write logs": "create {logs}/postfix/intruder",
    "read the output of a service": "read {run}/log/postfix",
    "read /etc/shadow": "read /etc/shadow",
    "read rendered configuration": "read {state}/etc/postfix/main.cf",
    "change rendered configuration": "write {state}/etc/postfix/main.cf",
    "change mailherd.conf": "write {root}/etc/mailherd/mailherd.conf",
    "make a file in /tmp": "create /tmp/intruder-{tag}",
    "make a device": "device {root}/intruder-device",
    "change a file's owner": "chown {root}/etc/mailherd/mailherd.conf",
    "ask for passwords' verdicts": "connect {sock}/dovecot/auth",
    "speak to Redis": "connect {sock}/redis/redis",
    "speak to Rspamd's controller": "connect {sock}/rspamd/controller",
    "speak to clamd": "connect {sock}/clamd/clamd",
    "deliver mail by LMTP": "connect {sock}/postfix/lmtp",
    "ask the agent for the status":
        'ask {sock}/control/agent {{"verb":"status"}}',
    "ask the agent to end sessions":
        'ask {sock}/control/agent {{"verb":"kick","addresses":["a@b.invalid"]}}',
    "have a mailbox counted":
        'ask {sock}/control/agent {{"verb":"mail","command":"recount",'
        '"addresses":["a@b.invalid"]}}',
    "list what a user deleted":
        'ask {sock}/control/agent {{"verb":"mail","command":"deleted-list",'
        '"addresses":["a@b.invalid"],"parameters":{{"folder":"*"}}}}',
    "have a quota warning delivered": "connect {sock}/directory/quota-warning",
    "report health": 'ask {sock}/watch/agent {{"verb":"status"}}',
    "report the databases' health": "connect {sock}/directory/agent",
    "take listening sockets": "connect {run}/fdholder/s",
    "stop services": "write {run}/svc/postfix/supervise/control",
    "send TCP": "tcp {peer4} 25",
    "send TCP, IPv6": "tcp {peer6} 25",
    "send UDP": "udp {peer4} 53",
    "send UDP, IPv6": "udp {peer6} 53",
    "listen on a port": "listen 0.0.0.0 20025",
    "listen on a port below 1024": "listen 0.0.0.0 1022",
    "open a raw socket": "socket 2 3 1",
    "open a packet socket": "socket 17 3 0",
    "open a netlink socket": "socket 16 3 0",
    "change the firewall": "capability 12",
    "start a program": "exec /bin/true",
    "start a program in a child": "fork-exec /bin/true",
    "trace a process": "trace {twin}",
    "read a process's memory by its call": "peek {twin}",
    "read another program's environment": "read /proc/{other}/environ",
    "read another program's memory": "read /proc/{other}/mem",
    "signal a process of its user": "signal {twin}",
    "signal another program": "signal {other}",
    "become root": "root",
    "take another group": "group 4",
    "take the right over all files": "capability 1",
    "mount a file system": "mount /tmp",
    "make a name space": "unshare 0x10000000",
    "make a name space by clone": "clone 0x20000000",
    "change its root": "chroot /",
    "map memory to write and run": "write-execute",
    "make memory executable": "make-executable",
    "run code from a memory file": "memory-file",
    "load a kernel module": "module",
    "load another kernel": "kexec",
    "load a BPF program": "bpf",
    "use kernel keys": "keys",
    "use io_uring": "io-uring",
    "open files by handle": "handle",
    "set the clock": "clock",
    "reboot": "reboot",
    "type into a terminal": "type",
}
# Not in every kernel: there the control cannot succeed.
OPTIONAL = {"load a kernel module", "load another kernel"}
# Refused by the kernel's landlock alone (ABI that has it).
LANDLOCKED = {"landlock": 1, "landlock 6": SIGNAL_SCOPE_ABI}

USERS = {"directory": "mailherd-directory", "jobs": "mailherd",
         "log": "mailherd-log", "watch": "mailherd-watch", "agent": "root",
         "render": "mailherd-render", "command": "mailherd",
         "prepare": "root", "kick": "mailherd-watch"}
DAEMONS = ("agent", "directory", "jobs", "log", "watch")


def landlock_abi():
    """What the kernel has; 0: none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, 1))


def document_table(heading):
    """Head and rows of the table of a section of the document."""
    with open(DOCUMENT, encoding="utf-8") as document:
        text = document.read().split("\n## %s\n" % heading)[1]
    lines = [[cell.strip() for cell in line.strip("| ").split("|")]
             for line in text.split("\n## ")[0].splitlines()
             if line.startswith("|")]
    return lines[0], lines[2:]


def table():
    """{program: {row: cell}} as the document has it."""
    head, rows = document_table("What each program may")
    return {program: {row[0]: row[column] for row in rows}
            for column, program in enumerate(head) if column > 0}


def build(directory):
    """The library, where every user may read it."""
    path = os.path.join(directory, "intruder.so")
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall",
                    "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
                    "-o", path, SOURCE, "-ldl"], check=True)
    os.chmod(path, 0o755)
    return path


class Intruder:
    """The library, on the host of a suite."""

    def __init__(self, suite, peer, mailbox):
        self.suite = suite
        # Not below the root: strangers read none of it.
        self.directory = tempfile.mkdtemp(prefix="mh-intruder-")
        os.chmod(self.directory, 0o755)
        self.library = build(self.directory)
        self.peer = peer
        self.mailbox = mailbox

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def names(self, twin, other):
        root = self.suite.root
        state = root + "/var/lib/mailherd"
        keys = [os.path.join(base, name)
                for base, _, names in os.walk(state + "/tls")
                for name in names if "key" in name]
        return {"root": root, "state": state, "db": state + "/db",
                "run": root + "/run/mailherd", "logs": self.suite.logs,
                "sock": self.suite.sockets, "tls_key": keys[0],
                "home": self.suite.home(self.mailbox), "twin": twin,
                "peer4": self.peer.ipv4, "peer6": self.peer.ipv6,
                "other": self.suite.pid(other),
                "tag": self.suite.host.namespace}

    def twin(self, user):
        """A process of that user, which is in no jail."""
        record = pwd.getpwnam(user)
        return self.suite.host.popen(
            ["setpriv", "--reuid=%d" % record.pw_uid,
             "--regid=%d" % record.pw_gid, "--clear-groups", "sleep", "600"])

    def _environment(self, name, twin, when, landlock):
        plan = os.path.join(self.directory, name + ".plan")
        out = os.path.join(self.directory, name + ".out")
        # Another program of ours, not of the same user.
        names = self.names(twin,
                           "jobs" if name == "directory" else "directory")
        with open(plan, "w", encoding="utf-8") as lines:
            for number, words in enumerate(ROWS.values()):
                lines.write("%d %s\n" % (number, words.format(**names)))
        if os.path.exists(out):
            os.unlink(out)
        environment = {"LD_PRELOAD": self.library, "INTRUDER_PLAN": plan,
                       "INTRUDER_OUT": out, "INTRUDER_AT": when}
        if not landlock:
            environment["INTRUDER_LANDLOCK"] = "none"
        return out, environment

    @staticmethod
    def _read(out):
        """{row: "ok" or the error's name}, when all was tried."""
        with open(out, encoding="utf-8") as lines:
            found = dict(line.split() for line in lines)
        assert found.pop("end") == "-"
        return {row: found[str(number)] for number, row in enumerate(ROWS)}

    def run(self, name, argv, when, landlock=True):
        """A short program: started by root, with the library."""
        twin = self.twin(USERS.get(name, "root"))
        try:
            out, environment = self._environment(name, twin.pid, when,
                                                  landlock)
            self.suite.host.run(
                ["env"] + ["%s=%s" % pair for pair in environment.items()] +
                argv)
            return self._read(out)
        finally:
            twin.kill()
            twin.wait()

    def daemon(self, name, landlock=True):
        """A daemon: restarted with the library, and once more without."""
        directory = os.path.join(self.suite.services, name)
        launch = os.path.join(directory, "launch")
        twin = self.twin(USERS[name])
        out, environment = self._environment(name, twin.pid, "loop", landlock)
        with open(launch, encoding="utf-8") as lines:
            before = lines.read()
        with open(launch, "a", encoding="utf-8") as lines:
            for pair in environment.items():
                lines.write("environment = %s=%s\n" % pair)
        try:
            self._restart(name)
            return wait_for(lambda: self._read(out), 20, "end of " + out)
        finally:
            twin.kill()
            twin.wait()
            with open(launch, "w", encoding="utf-8") as lines:
                lines.write(before)
            self._restart(name)

    def _restart(self, name):
        before = self.suite.pid(name)
        subprocess.run(["s6-svc", "-r", os.path.join(self.suite.services,
                                                     name)], check=True)
        wait_for(lambda: self.suite.pid(name) not in (None, before) and
                 self.suite.svstat(name)["ready"], 20, name + " again")

    def try_all(self, name, landlock=True):
        """What the program of the table's column could do.

        Without landlock as on a kernel that has none.
        """
        root = self.suite.root
        programs = os.path.join(self.suite.prefix, "lib/mailherd")
        if name in DAEMONS:
            return self.daemon(name, landlock)
        if name == "render":
            rendered = os.path.join(self.directory, "rendered")
            shutil.rmtree(rendered, ignore_errors=True)
            return self.run(name, [programs + "/mailherd-render", "--root",
                                   root, "--out", rendered], "jail", landlock)
        if name == "command":
            return self.run(name, [self.suite.binary, "--root", root,
                                   "mailbox", "list"], "jail", landlock)
        if name == "prepare":
            return self.run(name, [programs + "/mailherd-prepare", "--root",
                                   root], "jail", landlock)
        if name == "kick":
            return self.run(name, [programs + "/mailherd-kick", "--root",
                                   root], "jail", landlock)
        return self.run(name, ["/bin/true"], "start")
