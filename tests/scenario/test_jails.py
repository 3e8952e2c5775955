# SPDX-License-Identifier: GPL-3.0-or-later
"""From inside each program's jail, and past its memory from outside.

The expectation is the table of docs/threat-model.md, and nothing else.
"""

import glob
import os
import pwd
import subprocess

import pytest

from lib.intruder import (DAEMONS, LANDLOCKED, OPTIONAL, ROWS, USERS,
                          Intruder, document_table, landlock_abi, table)


@pytest.fixture(scope="module")
def intruder(lab, suite):
    box = suite.add_mailbox("jails@example.org")
    suite.exec("doveadm", "mailbox", "create", "-u", box, "Kept")
    tried = Intruder(suite, lab.other, box)
    yield tried
    tried.close()


def surprises(program, found, abi):
    """Rows of the table that are not so: [row, cell, what happened]."""
    cells = table()[program]
    wrong = []
    for row, result in found.items():
        cell = cells[row]
        if cell == "itself":
            continue
        allowed = cell == "yes" or abi < LANDLOCKED.get(cell, 0)
        if allowed != (result == "ok"):
            wrong.append((row, cell, result))
    return wrong


def test_the_table_names_each_program_and_attempt():
    cells = table()
    assert set(cells) == set(USERS)
    for program, column in cells.items():
        assert list(column) == list(ROWS), program
        assert set(column.values()) <= {"yes", "-", "itself"} | set(
            LANDLOCKED), program


def test_each_attempt_succeeds_outside_of_a_jail(intruder):
    """The control: an attempt that fails for root would prove nothing."""
    found = intruder.try_all("control")
    assert [(row, found[row]) for row in ROWS
            if found[row] != "ok" and row not in OPTIONAL] == []


@pytest.mark.parametrize("program", USERS)
def test_a_program_may_what_its_table_says(intruder, program):
    assert surprises(program, intruder.try_all(program),
                     landlock_abi()) == []


@pytest.mark.parametrize("program", [
    p for p in USERS if any(cell in LANDLOCKED for cell in
                            table()[p].values())])
def test_without_landlock_users_and_modes_hold(intruder, program):
    assert surprises(program, intruder.try_all(program, landlock=False),
                     0) == []


# Run as another user: which files of a process can be opened?
PEEK = """
import sys
for name in ("mem", "environ", "maps", "auxv", "stack"):
    try:
        open("/proc/%s/%s" % (sys.argv[1], name), "rb").read(1)
        print(name)
    except OSError as error:
        if error.errno == 5:
            print(name)
"""


def as_user(lab, user, *argv):
    record = pwd.getpwnam(user)
    return lab.mx.run(["setpriv", "--reuid=%d" % record.pw_uid,
                       "--regid=%d" % record.pw_gid, "--init-groups",
                       *argv]).stdout.split()


@pytest.mark.parametrize("program", DAEMONS)
def test_no_other_process_of_its_user_reads_its_memory(lab, suite, program):
    """Keys and passwords are in it: also not by a twin without a jail."""
    argv = ["/usr/bin/python3", "-c", PEEK]
    user = "nobody" if USERS[program] == "root" else USERS[program]
    pid = suite.pid(program)
    assert as_user(lab, user, *argv, str(pid)) == []
    # The control: its own it may.
    assert "mem" in as_user(lab, user, *argv, "self")
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in status)
    assert lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2"
    if USERS[program] != "root":
        assert {lines[c].strip("0") for c in (
            "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
        assert os.stat("/proc/%d/mem" % pid).st_uid == 0


def engine_bounds(suite):
    """{service: (capabilities, no_new_privs)} of engine.conf; None: all."""
    share = os.path.join(suite.prefix, "share/mailherd")
    bounds = {}
    for path in glob.glob(share + "/engines/*/engine.conf") + [
            share + "/programs.conf"]:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                name, _, value = (w.strip() for w in line.partition("="))
                if name == "service":
                    bounds[value] = [None, False]
                elif name.endswith(".capabilities"):
                    bounds[name.split(".")[0]][0] = set(value.split())
                elif name.endswith(".no_new_privs"):
                    bounds[name.split(".")[0]][1] = value == "yes"
    return bounds


def test_the_document_has_the_bounds_of_each_engine(suite):
    _, rows = document_table("What each engine has at most")
    assert {row[0]: (set(row[2].split()), row[3] == "yes")
            for row in rows} == {
                name: (b[0], b[1]) for name, b in
                engine_bounds(suite).items() if b[0] is not None}


def capability_names(bits):
    done = subprocess.run(["capsh", "--decode=" + bits], check=True,
                          capture_output=True, text=True)
    return {n.removeprefix("cap_") for n in
            done.stdout.strip().split("=")[1].split(",") if n}


def session_of(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as line:
        return int(line.read().rpartition(")")[2].split()[3])


def test_each_process_of_an_engine_keeps_to_its_bounds(suite, lab):
    """Of the engine's session, also what it started itself."""
    bounds = engine_bounds(suite)
    engines = {name: b for name, b in bounds.items() if b[0] is not None}
    assert set(engines) == {"clamd", "dovecot", "fdholder", "freshclam",
                            "nginx", "postfix", "redis", "rspamd", "unbound"}
    sessions = {session_of(suite.pid(name)): name for name in engines
                if suite.pid(name)}
    seen = dict.fromkeys(sessions.values(), 0)
    for pid in lab.mx.pids():
        try:
            name = sessions.get(session_of(pid))
            with open("/proc/%d/status" % pid, encoding="ascii") as status:
                lines = dict(line.rstrip("\n").split(":\t", 1)
                             for line in status)
            executable = os.readlink("/proc/%d/exe" % pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        # The prober runs beside the engine until that is ready.
        if name is None or "/s6-" in executable and name != "fdholder":
            continue
        seen[name] += 1
        capabilities, no_new_privs = engines[name]
        assert capability_names(lines["CapBnd"]) <= capabilities, name
        assert capability_names(lines["CapPrm"]) <= capabilities, name
        assert lines["NoNewPrivs"] == str(int(no_new_privs)), name
    assert all(seen.values()), seen
