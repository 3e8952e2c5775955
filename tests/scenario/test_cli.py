# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as an administrator meets it, on an instance at rest.

No service runs: objects are changed, refused and looked at; several write
at once; the disk is full, the database is locked, broken, lost or newer;
a command is killed.
"""

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from lib.net import Net
from lib.suite import Suite

LONG = "a" * 300
HASH = "{SSHA256}" + "QUJD" * 12


def connect(path):
    """A connection that is closed at the end of its with block."""
    return contextlib.closing(sqlite3.connect(path, uri=True,
                                              isolation_level=None))


class Instance(Suite):
    """A suite that is set up and never started."""

    def ask(self, *words, input=""):
        """Runs with --json: exit status, answer."""
        done = self.run("--json", *words, check=False, input=input)
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout)

    def refuse(self, *words, input=""):
        """The error of a command that must fail, as (status, error)."""
        status, answer = self.ask(*words, input=input)
        assert status != 0, (words, answer)
        # People get the same words, and nothing on standard output.
        said = self.run(*words, check=False, input=input)
        assert said.returncode == status and said.stdout == ""
        assert said.stderr.startswith("mailherd: ")
        return status, answer["error"]

    @property
    def core(self):
        return os.path.join(self.root, "var/lib/mailherd/db/core/core.db")

    def rows(self, sql):
        with connect("file:%s?mode=ro" % self.core) as db:
            return db.execute(sql).fetchall()


@pytest.fixture(scope="module")
def net():
    net = Net()
    try:
        yield net
    finally:
        net.close()


@pytest.fixture(scope="module")
def instance(net):
    host = net.add_host("cli", "192.0.2.61", "2001:db8:0:1::61")
    made = Instance(host, "mail.example.org", "example.org")
    made.setup("lite")
    made.mailherd("alias-domain", "add", "alias.example", "example.org")
    made.mailherd("mailbox", "add", "ann@example.org", "--generate")
    return made


@pytest.fixture
def kept(instance):
    """The database may be spoiled: it is put back."""
    copy = instance.core + ".kept"
    with connect(instance.core) as source, connect(copy) as target:
        source.backup(target)
    yield instance.core
    for path in glob.glob(instance.core + "-*"):
        os.unlink(path)
    shutil.copyfile(copy, instance.core)
    shutil.chown(instance.core, "mailherd", "mailherd-write")
    os.unlink(copy)


# Arguments, exit status, field of the error. Every row has a remedy.
REFUSED = [
    (["domain", "add", ""], 2, "name"),
    (["domain", "add", LONG + ".org"], 2, "name"),
    (["domain", "add", "a..org"], 2, "name"),
    (["domain", "add", "x\n.org"], 2, "name"),
    (["domain", "add", b"\xff.org"], 2, "name"),
    (["domain", "add", "Example.ORG"], 4, "name"),
    (["domain", "add", "alias.example"], 4, "name"),
    (["domain", "add", "mail.example.org"], 2, "name"),
    (["domain", "add", "x.org", "--quota", "5X"], 2, "quota"),
    (["domain", "add", "x.org", "--quota", "-1"], 2, "quota"),
    (["domain", "add", "x.org", "--quota", "9" * 30], 2, "quota"),
    (["domain", "add", "x.org", "--quota", "1"], 2, "max_quota"),
    (["domain", "add", "x.org", "--max-aliases", "1e3"], 2, "max_aliases"),
    (["domain", "add", "x.org", "--active", "maybe"], 2, "active"),
    (["domain", "add", "x.org", "--description", LONG], 2, "description"),
    (["domain", "add", "x.org", "--description", "a\x1b[31m"], 2,
     "description"),
    (["domain", "add", "x.org", "--description", b"a\xff"], 2,
     "description"),
    (["domain", "add", "x.org", "--description", "a\u009b"], 2,
     "description"),
    (["domain", "add", "x.org", "--bogus", "1"], 2, "bogus"),
    (["domain", "add", "x.org", "--quota"], 2, "quota"),
    (["domain", "add", "x.org", "--quota", "1G", "--quota", "2G"], 2,
     "quota"),
    (["domain", "add"], 2, "arguments"),
    (["domain", "add", "a.org", "b.org"], 2, "arguments"),
    (["domain", "bogus"], 2, "command"),
    (["domain"], 2, "command"),
    (["bogus"], 2, "command"),
    (["domain", "show", "none.org"], 3, "name"),
    (["domain", "edit", "example.org"], 2, ""),
    (["domain", "edit", "example.org", "--max-mailboxes", "0"], 5,
     "max_mailboxes"),
    (["domain", "edit", "none.org", "--active", "no"], 3, "name"),
    (["domain", "remove", "example.org"], 1, "name"),
    (["domain", "remove", "none.org"], 3, "name"),
    (["domain", "list", "--limit", "0"], 2, "limit"),
    (["alias-domain", "add", "new.org", "none.org"], 3, "target"),
    (["alias-domain", "add", "new.org", "alias.example"], 3, "target"),
    (["alias-domain", "add", "example.org", "example.org"], 4, "name"),
    (["alias-domain", "list", "--domain", "none.org"], 3, "name"),
    (["mailbox", "add", "ann@example.org", "--generate"], 4, "address"),
    (["mailbox", "add", "ann@none.org", "--generate"], 3, "address"),
    (["mailbox", "add", "bob@alias.example", "--generate"], 2, "address"),
    (["mailbox", "add", "bob+x@example.org", "--generate"], 2, "address"),
    (["mailbox", "add", 'a"b@example.org', "--generate"], 2, "address"),
    (["mailbox", "add", "\u00fc@example.org", "--generate"], 2, "address"),
    (["mailbox", "add", "a" * 65 + "@example.org", "--generate"], 2,
     "address"),
    (["mailbox", "add", "bob", "--generate"], 2, "address"),
    (["mailbox", "add", "bob@example.org"], 2, "password"),
    (["mailbox", "add", "bob@example.org", "--password", "secret"], 2,
     "password"),
    (["mailbox", "add", "bob@example.org", "--password-file", "/none"], 3,
     "password-file"),
    (["mailbox", "add", "bob@example.org", "--generate",
      "--password-file", "-"], 2, "password"),
    (["mailbox", "add", "bob@example.org", "--generate",
      "--password-scheme", "MD5"], 2, "password_scheme"),
    (["mailbox", "add", "bob@example.org", "--generate", "--quota",
      "200G"], 5, "quota"),
    (["mailbox", "edit", "ann@example.org", "--active", "3"], 2, "active"),
    (["mailbox", "passwd", "none@example.org"], 3, "address"),
    (["mailbox", "list", "--domain", "none.org"], 3, "name"),
    (["mailbox", "import", "/none"], 3, "file"),
    (["mailbox", "import", "/"], 1, ""),
    (["alias", "add", "@", "ann@example.org"], 2, "address"),
    (["alias", "add", "ann@example.org", "x@b.org"], 4, "address"),
    (["alias", "add", "ann@alias.example", "x@b.org"], 4, "address"),
    (["alias", "add", "i@example.org"], 2, "targets"),
    (["alias", "add", "i@example.org", "i@example.org"], 2, "targets"),
    (["alias", "add", "i@example.org", "null", "x@b.org"], 2, "targets"),
    (["alias", "add", "i@example.org", "not an address"], 2, "targets"),
    (["alias", "add", "i@example.org"] + ["%d@b.org" % i for i in
                                          range(1001)], 5, "targets"),
    (["alias", "add", "i@example.org", "x@b.org", "--private-comment",
      "a" * 161], 2, "private_comment"),
    (["alias", "edit", "none@example.org", "--active", "no"], 3, "address"),
    (["app-password", "add", "ann@example.org"], 2, "name"),
    (["app-password", "add", "none@example.org", "--name", "x"], 3,
     "address"),
    (["app-password", "list", "none@example.org"], 3, "address"),
    (["app-password", "edit", "999", "--imap", "no"], 3, "id"),
    (["app-password", "remove", "x"], 3, "id"),
    (["dns", "none.org"], 3, "name"),
    (["setup", "--hostname", "example.org"], 2, "hostname"),
    (["setup", "--hostname", "alias.example"], 2, "hostname"),
    (["setup", "--hostname", "nodot"], 2, "hostname"),
    (["setup", "--domain", "alias.example"], 4, "domain"),
    (["setup", "--domain", "mail.example.org"], 2, "domain"),
    (["setup", "--profile", "huge"], 2, "profile"),
    (["setup", "--tz", "Mars/Base"], 2, "timezone"),
    (["setup", "--forwarder", "dns.example.org"], 2, "forwarders"),
    (["setup", "--ipv6", "maybe"], 2, "ipv6"),
    (["setup", "--listen", "http"], 2, "listen"),
    (["setup", "--listen", "ftp=21"], 2, "listen"),
    (["up", "--container"], 2, "container"),
    (["setup", "--listen", "http=99999"], 2, "listen.http"),
    (["setup", "--listen", "http=*:443"], 2, "https"),
    (["setup", "--listen", "imap=198.51.100.1:143"], 3, "imap"),
]


def test_refusals_name_field_and_remedy(instance):
    before = instance.rows("SELECT max(id) FROM audit")
    with open(instance.config, encoding="utf-8") as config:
        settings = config.read()
    for words, status, field in REFUSED:
        got, answer = instance.ask(*words)
        assert got != 0, (words, answer)
        error = answer["error"]
        assert (got, error["field"]) == (status, field), (words, error)
        assert error["text"] and error["remedy"], (words, error)
        assert len(error["text"]) < 512
    assert instance.rows("SELECT max(id) FROM audit") == before
    with open(instance.config, encoding="utf-8") as config:
        assert config.read() == settings


def test_the_environment_names_the_instance(instance):
    def domains(*words):
        return instance.host.run(
            ["env", "MAILHERD_ROOT=" + instance.root, instance.binary,
             *words, "domain", "list", "--json"]).stdout
    assert domains() == instance.run("domain", "list", "--json").stdout
    with pytest.raises(AssertionError, match="does not exist"):
        domains("--root", "/nonexistent")


def test_errors_do_not_command_the_terminal(instance):
    done = instance.run("domain", "add", "x\x1b]0;t\x07.org", check=False)
    assert "\x1b" not in done.stderr and "\\x1b" in done.stderr


def test_names_of_the_world(instance):
    made = instance.mailherd("domain", "add", "B\u00fccher.example",
                             "--description", "B\u00fccher \u20ac",
                             json=True)
    assert made["name"] == "xn--bcher-kva.example"
    assert made["description"] == "B\u00fccher \u20ac"
    shown = instance.mailherd("domain", "show", "b\u00dccher.example",
                              json=True)
    assert shown["id"] == made["id"]
    assert len(instance.mailherd("mailbox", "list", "--domain",
                                 "EXAMPLE.org", json=True)) == 1
    instance.mailherd("domain", "remove", "b\u00fccher.example")


def test_secrets_stay_secret(instance):
    """Neither audit nor answers nor arguments hold passwords or hashes."""
    status, made = instance.ask("mailbox", "add", "sec@example.org",
                                "--password-file", "-",
                                input="hunter two three\n")
    assert status == 0 and "hunter" not in json.dumps(made)
    instance.ask("mailbox", "passwd", "sec@example.org",
                 "--password-hash-file", "-", input=HASH + "\n")
    status, app = instance.ask("app-password", "add", "sec@example.org",
                               "--name", "phone")
    assert status == 0 and len(app["password"]) == 24
    for words in (["mailbox", "show", "sec@example.org"],
                  ["mailbox", "list"], ["app-password", "list"],
                  ["app-password", "show", str(app["id"])]):
        text = json.dumps(instance.ask(*words)[1])
        assert "{" + "SSHA256}" not in text and app["password"] not in text
    audit = json.dumps(instance.rows(
        "SELECT actor, action, type, object, old, new FROM audit"))
    assert "SSHA256" not in audit and "BLF-CRYPT" not in audit
    assert "hunter" not in audit and app["password"] not in audit
    assert [row[0] for row in instance.rows(
        "SELECT action FROM audit WHERE object = 'sec@example.org'"
        " ORDER BY id")] == ["add", "edit"]
    instance.mailherd("mailbox", "remove", "sec@example.org")
    assert instance.rows("SELECT count(*) FROM app_password") == [(0,)]


def test_long_passwords(instance):
    words = ["mailbox", "passwd", "ann@example.org", "--password-file", "-"]
    status, error = instance.refuse(*words, input="a" * 73 + "\n")
    assert (status, error["field"]) == (2, "password")
    status, _ = instance.ask(*words, "--password-scheme", "ARGON2ID",
                             input="a" * 73 + "\n")
    assert status == 0
    status, error = instance.refuse(*words, input="a" * 5000 + "\n")
    assert (status, error["field"]) == (2, "password")
    status, error = instance.refuse(*words, input="short\n")
    assert (status, error["field"]) == (2, "password")


def test_import_undoes_a_bad_slice(instance):
    lines = ['{"address":"imp%d@example.org","password_hash":"%s"}' %
             (i, HASH) for i in range(3)]
    bad = "\n".join(lines + ['{"address":"imp9@example.org"}']) + "\n"
    status, answer = instance.ask("mailbox", "import", "-", input=bad)
    assert status == 2 and answer["error"]["text"].startswith("line 4")
    status, answer = instance.ask("mailbox", "import", "-",
                                  input="\n".join(lines))
    assert status == 0 and answer == {"added": 3, "skipped": 0}
    status, answer = instance.ask("mailbox", "import", "-",
                                  "--skip-existing",
                                  input="\n".join(lines))
    assert status == 0 and answer == {"added": 0, "skipped": 3}
    for i in range(3):
        instance.mailherd("mailbox", "remove", "imp%d@example.org" % i)


def test_ten_writers_at_once(instance):
    children = [instance.host.popen(
        [instance.binary, "--root", instance.root, "alias", "add",
         "w%d@example.org" % i, "null", "--json"],
        stdout=subprocess.PIPE, text=True) for i in range(10)]
    ids = {json.loads(child.communicate(timeout=30)[0])["id"]
           for child in children}
    assert len(ids) == 10 and not any(c.returncode for c in children)
    assert instance.rows("SELECT aliases, (SELECT count(*) FROM alias)"
                         " FROM domain WHERE name = 'example.org'"
                         )[0] == (10, 10)
    for i in range(10):
        instance.mailherd("alias", "remove", "w%d@example.org" % i)


def test_killed_while_it_writes(instance):
    """Whatever the moment, the change is there whole or not at all."""
    text = "\n".join('{"address":"k%d@example.org","password_hash":"%s",'
                     '"quota":0}' % (i, HASH) for i in range(900))
    path = os.path.join(instance.root, "import.jsonl")
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    for delay in (0.01, 0.03, 0.06, 0.1):
        child = instance.host.popen(
            [instance.binary, "--root", instance.root, "mailbox", "import",
             "--skip-existing", path], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        (boxes, counted, audits), = instance.rows(
            "SELECT (SELECT count(*) FROM mailbox), mailboxes,"
            " (SELECT count(*) FROM audit WHERE action = 'add'"
            " AND object LIKE 'k%') FROM domain"
            " WHERE name = 'example.org'")
        assert boxes == counted == audits + 1
        assert instance.rows("PRAGMA integrity_check") == [("ok",)]
        assert audits % 500 == 0 or audits == 900
    instance.mailherd("mailbox", "import", "--skip-existing", path)
    assert instance.rows("SELECT mailboxes FROM domain WHERE name ="
                         " 'example.org'") == [(901,)]


def test_locked_database(instance, kept):
    """Another writer holds it longer than a command waits."""
    with connect(kept) as db:
        db.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        done = instance.run("alias", "add", "l@example.org", "null",
                            check=False)
        assert done.returncode == 75 and "try again" in done.stderr
        assert time.monotonic() - started < 15
        # Readers do not wait.
        assert instance.ask("mailbox", "show", "ann@example.org")[0] == 0
        db.execute("ROLLBACK")
    assert instance.ask("alias", "list", "--search", "l@ex")[1] == []


def break_truncate(path):
    os.truncate(path, 20000)


def break_noise(path):
    with open(path, "r+b") as out:
        out.write(os.urandom(100000))


def break_newer(path):
    with connect(path) as db:
        db.execute("PRAGMA user_version = 99")


BROKEN = [
    (break_truncate, "malformed", "restore"),
    (break_noise, "not a database", "restore"),
    (break_newer, "version 99", "newer release"),
    (lambda path: os.truncate(path, 0), "lost", "restore"),
    (os.unlink, "no database", "setup"),
]


@pytest.mark.parametrize("spoil, text, remedy", BROKEN)
def test_broken_database(instance, kept, spoil, text, remedy):
    spoil(kept)
    for words in (["mailbox", "list"],
                  ["alias", "add", "b@example.org", "null"], ["dns"]):
        status, error = instance.refuse(*words)
        assert text in error["text"] and remedy in error["remedy"]
        assert status in (1, 2, 3)
    with open(instance.config, encoding="utf-8") as config:
        before = config.read()
    status, error = instance.refuse("setup", "--tz", "Europe/Berlin")
    assert error["remedy"]
    with open(instance.config, encoding="utf-8") as config:
        assert config.read() == before


def test_overrides_are_read_or_said(instance):
    """One that can not be read is an error, not passed over."""
    render = os.path.join(instance.prefix, "lib/mailherd/mailherd-render")
    folder = os.path.join(instance.root, "etc/mailherd/engines/postfix")
    path = os.path.join(folder, "main.cf")
    out = os.path.join(instance.root, "rendered")
    os.makedirs(folder, 0o755)
    with open(path, "w", encoding="ascii") as override:
        override.write("message_size_limit = 4711")
    # Mode of the directory, of the file; whether it is in force.
    for directory, file, fine in ((0o755, 0o644, True),
                                  (0o700, 0o644, False),
                                  (0o755, 0o600, False)):
        os.chmod(folder, directory)
        os.chmod(path, file)
        done = instance.host.run([render, "--root", instance.root, "--out",
                                  out], check=False)
        assert (done.returncode == 0) == fine, done.stderr
        if fine:
            with open(out + "/postfix/main.cf", encoding="utf-8") as main:
                assert "message_size_limit = 4711\n" in main.read()
        else:
            assert path in done.stderr and "chmod" in done.stderr
        shutil.rmtree(out)
    shutil.rmtree(folder)


def test_lost_key(instance):
    seal = os.path.join(instance.root, "var/lib/mailherd/secrets/seal")
    os.rename(seal, seal + ".away")
    try:
        for words in (["mailbox", "list"], ["setup"]):
            _, error = instance.refuse(*words)
            assert "seal" in error["text"] and "restore" in error["remedy"]
        assert not os.path.exists(seal)
    finally:
        os.rename(seal + ".away", seal)


def test_full_disk(net):
    """A change on a full disk is refused whole, and said so."""
    host = net.add_host("full", "192.0.2.62", "2001:db8:0:1::62")
    made = Instance(host, "mail.example.org", "example.org")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m,mode=755",
                    "tmpfs", made.root], check=True)
    try:
        made.setup("lite")
        made.mailherd("alias", "add", "a@example.org", "null")
        subprocess.run(["mount", "-o", "remount,size=20m", made.root],
                       check=True)
        fill = os.open(made.root + "/fill", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(fill, bytes(4096))
        os.close(fill)
        status, error = made.refuse("alias", "add", "b@example.org",
                                    *["%d@b.org" % i for i in range(900)])
        assert status == 1, error
        assert "full" in error["text"] or "disk" in error["remedy"], error
        assert "disk" in error["remedy"] or "space" in error["remedy"], error
        os.unlink(made.root + "/fill")
        assert [a["address"] for a in made.ask("alias", "list")[1]] == [
            "a@example.org"]
        assert made.rows("PRAGMA integrity_check") == [("ok",)]
        made.mailherd("alias", "add", "b@example.org", "null")
        assert made.rows("SELECT aliases FROM domain") == [(2,)]
    finally:
        subprocess.run(["umount", "-l", made.root], check=True)


def test_setup_refuses_too_little_disk(net):
    host = net.add_host("small", "192.0.2.63", "2001:db8:0:1::63")
    made = Instance(host, "mail.example.org", "example.org")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m,mode=755",
                    "tmpfs", made.root], check=True)
    try:
        status, error = made.refuse("setup", "--hostname",
                                    "mail.example.org")
        assert status == 5 and "free space" in error["text"]
        assert os.listdir(made.root) == []
    finally:
        subprocess.run(["umount", "-l", made.root], check=True)


def test_setup_judges_further_ports_while_it_runs(instance):
    """An agent answers, so 80 is its own; 8099 is somebody else's."""
    agent = os.path.join(instance.sockets, "control/agent")
    os.makedirs(os.path.dirname(agent))
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        ours.bind(agent)
        ours.listen()
        with instance.host.inside():
            for port in (80, 8099):
                stack.enter_context(socket.create_server(("", port)))
        status, error = instance.refuse("setup", "--listen", "http=8099")
        assert status == 4 and error["field"] == "http"
        done = instance.mailherd("setup", "--profile", "lite")
        assert "Next: mailherd restart" in done
    os.unlink(agent)


def test_setup_names_who_has_the_port(net):
    host = net.add_host("taken", "192.0.2.64", "2001:db8:0:1::64")
    made = Instance(host, "mail.example.org", "example.org")
    with host.inside():
        other = socket.create_server(("127.0.0.1", 80))
    with other:
        status, error = made.refuse("setup", "--hostname",
                                    "mail.example.org", "--profile", "lite")
        assert status == 4 and error["field"] == "http"
        assert "in use by python3" in error["text"]
        assert "--listen http=" in error["remedy"]
        assert os.listdir(made.root) == []
        made.mailherd("setup", "--hostname", "mail.example.org",
                      "--profile", "lite", "--listen", "http=127.0.0.1:8080",
                      "--listen", "https=off", "--forwarder", "192.0.2.53",
                      "--tz", "Europe/Berlin", "--ipv6", "no")
    with open(made.config, encoding="utf-8") as config:
        lines = config.read().splitlines()
    for line in ("listen.http = 127.0.0.1:8080", "listen.https = off",
                 "forwarders = 192.0.2.53", "timezone = Europe/Berlin",
                 "ipv6 = no", "profile = lite"):
        assert line in lines
