# SPDX-License-Identifier: GPL-3.0-or-later
"""The opponent: the same engines, set up the conventional way (bench/plain).

MariaDB answers Postfix (mysql: maps behind proxymap) and Dovecot (users,
passwords, quota); Dovecot indexes each message as it comes and has its stock
process model. Unbound, Redis and Rspamd have the very files of engines/.
The engines are children of this process, on one host of the lab, with a
directory of their own; nothing of /etc is used but Rspamd's stock rules.

    plain = Plain(host, "plain.example.org", "example.org", lab.conf())
    plain.start()                  # installs the database, starts all
    plain.add_mailboxes(["u1@example.org", ...])
    ... ports 25, 143, 993, 587, 465 of host.ipv4 ...
    plain.close()
"""

import glob
import grp
import os
import pwd
import re
import shutil
import subprocess

from common import HERE
from lib.net import kill_process
from lib.suite import PASSWORD
from lib.wait import wait_for

ENGINES = os.path.join(os.path.dirname(HERE), "engines")
RESOLVER = "127.0.53.1"
# Package: a file of it.
PACKAGES = {
    "mariadb-server": "/usr/sbin/mariadbd",
    "postfix": "/usr/lib/postfix/sbin/master",
    "postfix-lmdb": "/usr/lib/postfix/postfix-lmdb.so",
    "postfix-mysql": "/usr/lib/postfix/postfix-mysql.so",
    "dovecot-imapd": "/usr/lib/dovecot/imap",
    "dovecot-pop3d": "/usr/lib/dovecot/pop3",
    "dovecot-lmtpd": "/usr/lib/dovecot/lmtp",
    "dovecot-managesieved": "/usr/lib/dovecot/managesieve",
    "dovecot-sieve": "/usr/lib/dovecot/modules/lib90_sieve_plugin.so",
    "dovecot-mysql": "/usr/lib/dovecot/modules/auth/libdriver_mysql.so",
    "dovecot-fts-xapian": "/usr/lib/dovecot/modules/lib21_fts_xapian_plugin.so",
    "rspamd": "/usr/bin/rspamd",
    "redis-server": "/usr/bin/redis-server",
    "unbound": "/usr/sbin/unbound",
}
SPOOL_PRIVATE = ("active", "bounce", "corrupt", "defer", "deferred", "flush",
                 "hold", "incoming", "private", "saved", "trace")


def need_packages():
    missing = [name for name, path in PACKAGES.items()
               if not os.path.exists(path)]
    if missing:
        raise SystemExit("packages are missing, install them: apt-get install "
                         "--no-install-recommends " + " ".join(missing))


class Plain:
    """One instance on a host of the lab that resolves by RESOLVER."""

    def __init__(self, host, hostname, domain, conf, fts=True,
                 parts=20):
        need_packages()
        self.host = host
        self.hostname = hostname
        self.domain = domain
        self.root = host.directory
        self._conf = conf
        self._fts = fts
        self._parts = parts
        self._children = {}
        self._control_group = None

    # Life

    def start(self, control_group=None):
        """control_group: a function that puts the calling child there."""
        self._control_group = control_group
        self._make_directories()
        self._make_secrets()
        self._write_files()
        self._start_mysql()
        self._start_unbound()
        self._start_redis()
        self._start_rspamd()
        self._start_dovecot()
        self._start_postfix()
        return self

    def close(self):
        for name in reversed(list(self._children)):
            kill_process(self._children.pop(name), 15)

    # Objects

    def sql(self, text, database="mail"):
        return subprocess.run(
            ["mariadb", "--no-defaults", "-N", "-B",
             "-S", self.path("mysql/mysql.sock"), database],
            input=text, text=True, check=True, capture_output=True).stdout

    def add_mailboxes(self, addresses, stored=None, quota=1 << 30):
        """stored: their password as the database has it, with its scheme."""
        stored = stored or self.hash(PASSWORD)
        lines = ["BEGIN;"]
        for address in addresses:
            local, _, domain = address.partition("@")
            lines.append(
                "INSERT INTO mailbox (address, local_part, domain, password,"
                " store_prefix, quota) VALUES ('%s', '%s', '%s', '%s',"
                " '%s/', %d);" % (address, local, domain, stored,
                                  self.path("vmail"), quota))
            lines.append(
                "INSERT INTO alias (address, domain, target) VALUES"
                " ('%s', '%s', '%s');" % (address, domain, address))
        self.sql("\n".join(lines + ["COMMIT;"]))

    def hash(self, password, scheme="BLF-CRYPT"):
        return self.host.run(
            ["doveadm", "-c", self.path("dovecot/dovecot.conf"), "pw", "-s",
             scheme, "-p", password]).stdout.strip()

    # Where things are

    def path(self, name):
        return os.path.join(self.root, name)

    def home(self, address):
        local, _, domain = address.partition("@")
        return self.path("vmail/%s/%s" % (domain, local))

    def maildir_path(self, address):
        return self.home(address)

    def index(self, address):
        return self.path("index/" + address)

    def spool(self):
        return self.path("spool")

    def doveadm(self, *words, **options):
        return self.host.run(["doveadm", "-c",
                              self.path("dovecot/dovecot.conf")] +
                             list(words), **options)

    def log_tail(self, lines=20):
        parts = []
        for path in sorted(glob.glob(self.path("log/*"))):
            with open(path, encoding="utf-8", errors="replace") as log:
                parts.append("--- %s\n%s" % (
                    path, "".join(log.readlines()[-lines:])))
        return "\n".join(parts)

    # Files

    def _make_directories(self):
        os.chmod(self.root, 0o755)
        self._mkdir("log", 0o777)
        for name in ("tls", "crypt", "postfix", "postfix/maps", "dovecot",
                     "dovecot/sieve", "run", "run/dovecot", "dovecot-state",
                     "rspamd", "rspamd/etc", "redis", "redis/etc", "unbound",
                     "unbound/etc", "spool", "spool/pid"):
            self._mkdir(name)
        self._mkdir("mysql", 0o755, "mysql")
        self._mkdir("vmail", 0o700, "vmail", "vmail")
        self._mkdir("index", 0o700, "vmail", "vmail")
        self._mkdir("rspamd/state", 0o750, "_rspamd", "_rspamd")
        self._mkdir("run/rspamd", 0o2750, "_rspamd", "postfix")
        self._mkdir("run/redis", 0o2750, "redis", "_rspamd")
        self._mkdir("run/unbound", 0o750, "unbound", "unbound")
        self._mkdir("redis/state", 0o750, "redis", "redis")
        self._mkdir("unbound/state", 0o750, "unbound", "unbound")
        self._mkdir("postfix-data", 0o700, "postfix", "postfix")
        for name in SPOOL_PRIVATE:
            self._mkdir("spool/" + name, 0o700, "postfix", "root")
        self._mkdir("spool/maildrop", 0o1730, "postfix", "postdrop")
        self._mkdir("spool/public", 0o2710, "postfix", "postdrop")

    def _mkdir(self, name, mode=0o755, user="root", group="root"):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
        os.chmod(path, mode)

    def _make_secrets(self):
        def openssl(*words):
            subprocess.run(("openssl",) + words, check=True,
                           capture_output=True)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                "/CN=" + self.hostname, "-keyout", self.path("tls/key.pem"),
                "-out", self.path("tls/cert.pem"))
        private = self.path("crypt/private.pem")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", private)
        openssl("pkey", "-in", private, "-pubout", "-out",
                self.path("crypt/public.pem"))
        os.chown(private, pwd.getpwnam("vmail").pw_uid, -1)
        os.chmod(private, 0o400)

    def _write_files(self):
        source = os.path.join(HERE, "plain")
        for names, directory in (
                (("my.cnf",), "mysql"), (("main.cf", "master.cf"), "postfix"),
                (("dovecot.conf",), "dovecot")):
            for name in names:
                self._copy(os.path.join(source, name), directory)
        self._copy(os.path.join(source, "dovecot-sql.conf"), "dovecot",
                   "sql.conf")
        self._copy(os.path.join(source, "dovecot-dict-sql.conf"), "dovecot",
                   "dict-sql.conf")
        for path in glob.glob(os.path.join(source, "maps/*.cf")):
            self._copy(path, "postfix/maps")
        if not self._fts:
            self._edit("dovecot/dovecot.conf", "fts_autoindex = yes",
                       "fts_autoindex = no")
        self._edit("dovecot/dovecot.conf", "full=20",
                   "full=%d" % self._parts)
        shutil.copy(os.path.join(ENGINES, "dovecot/after.sieve"),
                    self.path("dovecot/sieve"))
        self._engine_files("rspamd", {
            "sock": self.path("run"), "run": self.path("run"),
            "etc": self.path("rspamd/etc"), "resolver": RESOLVER})
        self._edit("rspamd/etc/rspamd.conf", self.path("run/milter/rspamd"),
                   self.path("run/rspamd/milter"))
        self._engine_files("redis", {
            "sock": self.path("run"), "etc": self.path("redis/etc"),
            "state": self.path("redis/state")})
        self._engine_files("unbound", {
            "sock": self.path("run"), "etc": self.path("unbound/etc"),
            "state": self.path("unbound/state"), "resolver": RESOLVER,
            "ipv6": True, "trust_anchor": self._conf["resolver.trust_anchor"],
            "root_hints": self._conf["resolver.root_hints"]})

    def _copy(self, path, directory, name=None):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("@ROOT@", self.root).replace(
            "@HOSTNAME@", self.hostname)
        target = os.path.join(self.path(directory),
                              name or os.path.basename(path))
        with open(target, "w", encoding="utf-8") as out:
            out.write(text)

    def _edit(self, name, old, new):
        with open(self.path(name), encoding="utf-8") as file:
            text = file.read()
        assert old in text, "%s has no %s" % (name, old)
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text.replace(old, new))

    def _engine_files(self, engine, values):
        """What mailherd renders for an engine, with our values."""
        folder = os.path.join(ENGINES, engine)
        with open(os.path.join(folder, "engine.conf"),
                  encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if words[:2] != ["template", "="]:
                    continue
                target = self.path("%s/etc/%s" % (engine, words[3]))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(os.path.join(folder, words[2]),
                          encoding="utf-8") as template, \
                        open(target, "w", encoding="utf-8") as out:
                    out.write(render(template.read(), values))

    # Engines

    def _child(self, name, argv, ready, seconds=30, directory="/", **options):
        with open(self.path("log/%s.out" % name), "ab") as log:
            self._children[name] = self.host.popen(
                argv, stdout=log, stderr=log, cwd=directory,
                preexec_fn=self._control_group, **options)

        def answers():
            if self._children[name].poll() is not None:
                raise RuntimeError("%s ended\n%s" % (name, self.log_tail()))
            return ready()
        wait_for(answers, seconds, name + " of the plain set-up")

    def _start_mysql(self):
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=mysql",
             "--datadir=" + self.path("mysql/data"), "--skip-test-db",
             "--auth-root-authentication-method=socket"],
            check=True, capture_output=True)
        self._child("mysql", [
            "mariadbd", "--defaults-file=" + self.path("mysql/my.cnf")],
            self._mysql_answers)
        with open(os.path.join(HERE, "plain/schema.sql"),
                  encoding="utf-8") as schema:
            self.sql(schema.read(), "")
        self.sql("INSERT INTO domain (name) VALUES ('%s');" % self.domain)

    def _mysql_answers(self):
        try:
            self.sql("SELECT 1;", "")
            return True
        except subprocess.CalledProcessError:
            return False

    def _start_unbound(self):
        self._child("unbound", [
            "unbound", "-d", "-p", "-c", self.path("unbound/etc/unbound.conf")],
            lambda: os.path.exists(self.path("run/unbound/control")))

    def _start_redis(self):
        self._child("redis", setpriv("redis", "_rspamd") + [
            "redis-server", self.path("redis/etc/redis.conf")],
            lambda: os.path.exists(self.path("run/redis/redis")))

    def _start_rspamd(self):
        self._child("rspamd", setpriv("_rspamd", "postfix") + [
            "rspamd", "-f", "-c", self.path("rspamd/etc/rspamd.conf"),
            "--var=LOCAL_CONFDIR=" + self.path("rspamd/etc"),
            "--var=DBDIR=" + self.path("rspamd/state"),
            "--var=RUNDIR=" + self.path("run/rspamd")],
            lambda: os.path.exists(self.path("run/rspamd/milter")), 90)

    def _start_dovecot(self):
        self.host.run(["sievec", "-c", self.path("dovecot/dovecot.conf"),
                       self.path("dovecot/sieve/after.sieve")])
        self._child("dovecot", [
            "dovecot", "-F", "-c", self.path("dovecot/dovecot.conf")],
            lambda: os.path.exists(self.path("run/lmtp")))

    def _start_postfix(self):
        etc = self.path("postfix")
        self._child("postfix", [
            "env", "MAIL_CONFIG=" + etc, "MAIL_LOGTAG=postfix",
            "/usr/lib/postfix/sbin/master", "-c", etc, "-s"],
            lambda: os.path.exists(self.path("spool/private/scache")),
            directory=self.path("spool"))


def setpriv(user, *groups):
    return ["setpriv", "--reuid=" + user, "--regid=" + user,
            "--groups=" + ",".join(groups or (user,)), "--"]


# A section's tag, a comment or a part that stands alone takes its line along.
TAG = re.compile(r"^\{\{([!#^/>])([^}]*)\}\}\n|\{\{([#^/]?)([^}]*)\}\}", re.M)


def render(text, values):
    """The templates of engines/ for one set of values: names and switches.

    Lists are taken as empty, so their sections fall away.
    """
    out, shown, position = [], [True], 0
    for match in TAG.finditer(text):
        kind = match.group(1) or match.group(3) or ""
        name = (match.group(2) or match.group(4)).strip()
        if shown[-1]:
            out.append(text[position:match.start()])
        position = match.end()
        if kind in ("#", "^"):
            shown.append(shown[-1] and bool(values.get(name)) == (kind == "#"))
        elif kind == "/":
            shown.pop()
        elif not kind and shown[-1]:
            out.append(str(values.get(name, "")))
    out.append(text[position:])
    return "".join(out)
