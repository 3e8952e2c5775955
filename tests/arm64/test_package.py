# SPDX-License-Identifier: GPL-3.0-or-later
"""The cross-built package: its fields, and how its programs are linked.

What is asked of every program of the package for arm64 is asked of the
staged build of this machine too, where its processor has the like.
"""

import os
import pathlib
import re
import subprocess

import pytest

from lib.suite import stage

# Marks of branch protection in the code: `paciasp` or `bti c` on arm64,
# `endbr64` on amd64. The linker's note is no witness: Debian's start files
# lack it on arm64, so that no program has it.
LANDING_PADS = {"AArch64": (b"\x3f\x23\x03\xd5", b"\x5f\x24\x03\xd5"),
                "X86-64": (b"\xf3\x0f\x1e\xfa",)}


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True,
                          text=True).stdout


def programs(directory):
    """Every ELF file below a directory."""
    found = []
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return found


@pytest.fixture(scope="module")
def package():
    given = os.environ.get("MAILHERD_ARM64")
    if not given:
        pytest.skip("MAILHERD_ARM64 is not set: run ./check arm64")
    found = list(pathlib.Path(given).glob("mailherd_*_arm64.deb"))
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    directory = tmp_path_factory.mktemp("arm64")
    run("dpkg-deb", "-x", package, directory)
    return directory


@pytest.fixture(params=["arm64", "this machine"])
def tree(request):
    if request.param == "arm64":
        return request.getfixturevalue("unpacked"), "AArch64"
    return stage(), "X86-64"


def test_fields(package):
    fields = run("dpkg-deb", "-f", package)
    assert re.search(r"^Architecture: arm64$", fields, re.M)
    depends = re.search(r"^Depends: (.*)$", fields, re.M).group(1)
    for name in ("libc6", "libsqlite3-0", "libseccomp2", "postfix",
                 "dovecot-core", "s6"):
        assert name in depends, depends
    # Build-time names of the target must not get out.
    assert ":arm64" not in depends, depends


def test_same_files_as_here(unpacked):
    """A program that was not built, or a page not printed, is missing."""
    here = {path.relative_to(stage()).as_posix()
            for path in pathlib.Path(stage()).rglob("*") if path.is_file()}
    there = {re.sub(r"(share/man/.*)\.gz$", r"\1", path.relative_to(
        unpacked / "usr").as_posix())
        for path in (unpacked / "usr").rglob("*") if path.is_file()}
    assert here - there == set()


def test_programs_are_hardened(tree):
    directory, machine = tree
    found = programs(directory)
    assert any(path.name == "mailherd-directory" for path in found)
    wanting = []
    for path in found:
        facts = run("readelf", "--wide", "-h", "-l", "-d", path)
        if not re.search(r"Machine:.*" + machine, facts):
            wanting.append((path.name, "machine"))
        if not re.search(r"FLAGS_1.*\bPIE\b", facts):
            wanting.append((path.name, "position independent"))
        if "GNU_RELRO" not in facts:
            wanting.append((path.name, "relro"))
        if not re.search(r"FLAGS_1.*\bNOW\b", facts):
            wanting.append((path.name, "bind now"))
        if not re.search(r"GNU_STACK .* RW ", facts):
            wanting.append((path.name, "stack without exec"))
        code = path.read_bytes()
        if b"__stack_chk_fail" not in code:
            wanting.append((path.name, "stack protector"))
        if not re.search(rb"__\w+_chk\0", code):
            wanting.append((path.name, "fortified calls"))
        if not any(pad in code for pad in LANDING_PADS[machine]):
            wanting.append((path.name, "branch protection"))
    assert wanting == []
