# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of this repository with small changes: newer builds, some of
them bad, made the way ./up makes its package. One build directory serves
all, so that a variant costs what its changed files cost."""

import os
import pathlib
import re
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = "src/store/schema_core.c"
STEPS_END = "};\n/* clang-format on */\n\nconst int schema_core_count"


def steps(*texts):
    """A change of core.db's schema: more migrations behind the last."""
    return (SCHEMA, STEPS_END, "".join(
        '	{ "test-%d", "%s" },\n' % (number, text)
        for number, text in enumerate(texts)) + STEPS_END)


GOOD_STEP = "ALTER TABLE domain ADD COLUMN test_note TEXT NOT NULL DEFAULT '';"
BAD_STEP = "CREATE TABLE half (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"

# name: changes, each a file, a text in it (None: its end), the new text.
# All have the same first step, so that one may follow the other.
VARIANTS = {
    "again": [steps(GOOD_STEP)],  # the same once more: another build
    "migrates": [steps(GOOD_STEP)],
    "breaks": [steps(GOOD_STEP, BAD_STEP)],
    "unready": [steps(GOOD_STEP),
                ("src/watch/main.c", "main(int argc, char **argv)\n{\n",
                 "main(int argc, char **argv)\n{\n	pause();\n"),
                ("src/watch/main.c", "#include",
                 "#include <unistd.h>\n#include")],
    "refused": [steps(GOOD_STEP),
                ("engines/dovecot/dovecot.conf.in", None,
                 "no_such_setting = yes\n")],
}


class Variants:
    """make(name) -> path of a package; each is built once."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.source = self.directory / "source"
        self._changed = {}  # path: its text before
        self._made = {}

    def make(self, name):
        if name not in self._made:
            self._made[name] = self._build(name)
        return self._made[name]

    def _copy(self):
        """What is committed, as a clone has it."""
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, self.source],
                       check=True)
        shutil.rmtree(self.source / ".git")
        shutil.copytree(self.source / "packaging/debian",
                        self.source / "debian")

    def _change(self, changes):
        # Written anew, so that the build sees that they changed back.
        for path, text in self._changed.items():
            path.write_text(text)
        self._changed = {}
        for name, old, new in changes:
            path = self.source / name
            text = path.read_text()
            self._changed.setdefault(path, text)
            assert old is None or old in text, (name, old)
            path.write_text(text + new if old is None
                            else text.replace(old, new, 1))

    def _clean(self):
        for name in ("debian/mailherd", "debian/.debhelper"):
            shutil.rmtree(self.source / name, ignore_errors=True)
        for path in (self.source / "debian").glob("*"):
            if re.search(r"debhelper|substvars$|^files$", path.name):
                path.unlink()

    def _build(self, name):
        if not self.source.exists():
            self._copy()
        self._change(VARIANTS[name])
        self._clean()
        changelog = self.source / "debian/changelog"
        changelog.write_text(re.sub(r"\((\d[\d.]*)[^)]*\)", r"(\1+%s)" % name,
                                    changelog.read_text(), count=1))
        done = subprocess.run(
            ["dpkg-buildpackage", "-b", "-nc", "-uc", "-us", "-d",
             "-Pnocheck"], cwd=self.source, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
            env=dict(os.environ, DEB_BUILD_OPTIONS="noddebs"))
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return next(self.directory.glob("mailherd_*+%s_*.deb" % name))
