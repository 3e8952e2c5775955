# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may open what of an instance: the table, and the walk that tries it.

Every socket, FIFO, file and directory of the instance is opened for
reading and writing, connected to, listed and written into, as each user
that has to do with it and as a stranger. What succeeds must stand here.
"""

import fnmatch
import json
import os
import pwd
import stat
import tempfile

TREES = ("etc/mailherd", "run/mailherd", "var/lib/mailherd",
         "var/log/mailherd")
STATE = "var/lib/mailherd/"
ENGINES = STATE + "engines/"
SOCKETS = "run/mailherd/sock/"

# Everybody. Configuration is no secret: secrets are never rendered, and
# engines read it as whoever they are.
ANYBODY = {
    "read": ["etc/mailherd/*", STATE + "gen/*",
             # What encrypts mail; what decrypts it lies beside it.
             STATE + "secrets/mail-crypt.pub"],
    "list": ["etc/mailherd", "etc/mailherd/*", STATE + "gen",
             STATE + "gen/*",
             # The way to what is one's own.
             "run/mailherd", "run/mailherd/log", "run/mailherd/sock",
             "run/mailherd/dovecot", "run/mailherd/dovecot/empty",
             "var/lib/mailherd", ENGINES[:-1], ENGINES + "postfix",
             ENGINES + "postfix/spool", ENGINES + "postfix/spool/pid"],
}

DATABASE = {"list": [STATE + "db", STATE + "db/core", STATE + "db/usage"],
            "read": [STATE + "db/core/core.db*", STATE + "db/usage/usage.db*"]}


def whole(*folders):
    """Folders, and all that is in them, are the user's."""
    below = [f + "/*" for f in folders]
    return {"list": [*folders, *below], "make": [*folders, *below],
            "read": below, "write": below, "connect": below}


def merged(*parts):
    out = {}
    for part in parts:
        for what, patterns in part.items():
            out[what] = out.get(what, []) + patterns
    return out


# user: {what: [pattern]}; a star crosses slashes.
USERS = {
    "nobody": {},
    "mailherd": merged(
        DATABASE,
        # The one truth, its copies, the key of what is sealed in it.
        {"list": [STATE + "db/core/copies", SOCKETS + "control"],
         "make": [STATE + "db/core", STATE + "db/core/copies"],
         "write": [STATE + "db/core/*"],
         "read": [STATE + "db/core/copies/*", STATE + "secrets/seal",
                  STATE + "db/core/search.json"],
         "connect": [SOCKETS + "control/*"]}),
    "mailherd-directory": merged(
        DATABASE, {"make": [STATE + "db/usage"],
                   "write": [STATE + "db/usage/usage.db*"],
                   # It tells the agent how the databases are, and asks
                   # Dovecot to deliver warnings of quotas.
                   "list": [SOCKETS + "directory"],
                   "connect": [SOCKETS + "directory/agent",
                               SOCKETS + "directory/quota-warning"]}),
    "mailherd-render": DATABASE,
    "mailherd-log": merged(
        whole("var/log/mailherd"),
        {"read": ["run/mailherd/log/*"], "write": ["run/mailherd/log/*"]}),
    "mailherd-watch": {"list": [SOCKETS + "watch"],
                       "connect": [SOCKETS + "watch/agent"]},
    "vmail": merged(
        whole(STATE + "vmail", STATE + "index", ENGINES + "dovecot/sieve",
              ENGINES + "dovecot/tmp"),
        # The same keys, as Dovecot reads them.
        {"list": [ENGINES + "dovecot", SOCKETS + "vmail",
                  "run/mailherd/mail-keys"],
         "make": ["run/mailherd/mail-keys"],
         "read": ["run/mailherd/mail-keys/mail-crypt*",
                  ENGINES + "dovecot/instances", STATE + "secrets/mail-crypt",
                  STATE + "secrets/mail-crypt-?"],
         "connect": [SOCKETS + "vmail/dict",
                     "run/mailherd/dovecot/auth-userdb",
                     # Sessions to sleep, and awake again.
                     "run/mailherd/dovecot/imap-hibernate",
                     "run/mailherd/dovecot/imap-master",
                     "run/mailherd/dovecot/indexer",
                     "run/mailherd/dovecot/stats-writer"]}),
    "dovecot": {"list": [SOCKETS + "dovecot"],
                "connect": [SOCKETS + "dovecot/*", "run/mailherd/dovecot/*"]},
    # Login processes: what speaks before a login.
    "dovenull": {"list": ["run/mailherd/dovecot/login",
                          "run/mailherd/dovecot/token-login"],
                 "connect": ["run/mailherd/dovecot/login/*",
                             "run/mailherd/dovecot/token-login/*"]},
    "postfix": merged(
        whole(ENGINES + "postfix/data",
              *(ENGINES + "postfix/spool/" + queue for queue in (
                  "active", "bounce", "corrupt", "defer", "deferred",
                  "flush", "hold", "incoming", "maildrop", "private",
                  "public", "saved", "trace"))),
        {"list": [SOCKETS + "postfix", SOCKETS + "milter"],
         "connect": [SOCKETS + "postfix/*", SOCKETS + "milter/rspamd"]}),
    "_rspamd": merged(
        whole(ENGINES + "rspamd", "run/mailherd/rspamd", SOCKETS + "rspamd"),
        {"list": [SOCKETS + "redis", SOCKETS + "clamd", SOCKETS + "milter"],
         "make": [SOCKETS + "milter"],
         "connect": [SOCKETS + "redis/redis", SOCKETS + "clamd/clamd",
                     SOCKETS + "milter/rspamd"]}),
    "redis": whole(ENGINES + "redis", SOCKETS + "redis"),
    "clamav": whole(ENGINES + "clamav", SOCKETS + "clamd",
                    SOCKETS + "clamd-control"),
    "unbound": merged(
        whole(ENGINES + "unbound"),
        {"list": [SOCKETS + "unbound"],
         "connect": [SOCKETS + "unbound/control"]}),
    "www-data": merged(
        whole(*(ENGINES + "nginx/" + folder for folder in (
            "body", "proxy", "fastcgi"))),
        {"list": [ENGINES + "nginx", ENGINES + "nginx/acme"],
         "read": [ENGINES + "nginx/nginx.pid"]}),
}

# Run as the user, with a file of [kind, path]; prints what it could do.
PROBE = """
import errno, json, os, socket, sys
found = []
def opens(path, flags):
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))
        return True
    except OSError as error:
        # A FIFO that nobody reads: the mode did let us in.
        return error.errno == errno.ENXIO
def connects(path):
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET,
                 socket.SOCK_DGRAM):
        probe = socket.socket(socket.AF_UNIX, kind)
        probe.setblocking(False)
        try:
            probe.connect(path)
            return True
        except BlockingIOError:
            return True
        except OSError:
            pass
        finally:
            probe.close()
    return False
def lists(path):
    try:
        return os.listdir(path) is not None
    except OSError:
        return False
TRIES = {
    "socket": {"connect": connects},
    "folder": {"list": lists,
               "make": lambda path: os.access(path, os.W_OK | os.X_OK)},
    "file": {"read": lambda path: opens(path, os.O_RDONLY),
             "write": lambda path: opens(path, os.O_WRONLY)},
}
for kind, path in json.load(open(sys.argv[1])):
    for what, attempt in TRIES[kind].items():
        if attempt(path):
            found.append([what, path])
print(json.dumps(found))
"""


def kind_of(path):
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return None
    if stat.S_ISSOCK(mode):
        return "socket"
    return "folder" if stat.S_ISDIR(mode) else "file"


def everything(root):
    """[kind, path] of all that the instance has, found as root."""
    found = []
    for tree in TREES:
        top = os.path.join(root, tree)
        found.append(["folder", top])
        for base, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(base, name)
                try:
                    kind = kind_of(path)
                except FileNotFoundError:
                    continue
                if kind:
                    found.append([kind, path])
    return found


def opened_by(suite, user, paths):
    """{(what, path below the root)} that the user could do."""
    record = pwd.getpwnam(user)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as listing:
        json.dump(paths, listing)
        listing.flush()
        os.chmod(listing.name, 0o644)
        done = suite.host.run(
            ["setpriv", "--reuid=%d" % record.pw_uid,
             "--regid=%d" % record.pw_gid, "--init-groups",
             "/usr/bin/python3", "-c", PROBE, listing.name])
    return {(what, os.path.relpath(path, suite.root or "/"))
            for what, path in json.loads(done.stdout)}


def allowed(table, what, path):
    return any(fnmatch.fnmatchcase(path, pattern)
               for pattern in table.get(what, []))
