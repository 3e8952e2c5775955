# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns that Rspamd compiled for another processor are not taken."""

import os
import subprocess

import pytest

from lib.suite import stage
from lib.wait import wait_for

KEPT = ("symbols.cache", "rspamd.sock", "stats.ucl")
COMPILED = ("a1.hs", "a1.hs.unser", "b2.hsmp", "b2.hsmp.unser", "c3.hsmc")


def fit(directory):
    return subprocess.run(
        [os.path.join(stage(), "lib/mailherd/mailherd-fit-patterns"),
         str(directory)], capture_output=True, text=True, check=False)


@pytest.fixture
def state(tmp_path):
    for name in KEPT + COMPILED:
        (tmp_path / name).write_text("x")
    return tmp_path


def test_patterns_of_this_processor_stay(state):
    for _ in range(2):
        assert fit(state).returncode == 0
        assert {p.name for p in state.iterdir()} == {
            *KEPT, *COMPILED, "processor"}


def test_patterns_of_another_processor_go(state):
    (state / "processor").write_text("flags : sse2\n")
    done = fit(state)
    assert done.returncode == 0
    assert "removed %d compiled patterns" % len(COMPILED) in done.stdout
    assert {p.name for p in state.iterdir()} == {*KEPT, "processor"}
    assert (state / "processor").read_text() != "flags : sse2\n"
    assert fit(state).stdout == ""


def test_a_directory_that_is_not_there(tmp_path):
    done = fit(tmp_path / "none")
    assert done.returncode != 0 and "none" in done.stderr


@pytest.mark.full
def test_rspamd_compiles_anew(suite):
    state = os.path.join(suite.root, "var/lib/mailherd/engines/rspamd")
    stamp = os.path.join(state, "processor")
    with open(stamp, encoding="ascii") as file:
        right = file.read()
    with open(stamp, "w", encoding="ascii") as file:
        file.write("flags : none\n")
    suite.restart("rspamd")
    assert "compiled patterns" in suite.log("rspamd")
    with open(stamp, encoding="ascii") as file:
        assert file.read() == right
    wait_for(lambda: any(".hs" in name for name in os.listdir(state)), 60,
             "patterns")
