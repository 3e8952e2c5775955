# SPDX-License-Identifier: GPL-3.0-or-later
"""The crash matrix: what each way of breaking the suite did to its mail.

Tests print their rows; with MAILHERD_MATRIX=FILE they also append them to
that file, one JSON object a line, from which bench/crash prints the table.
"""

import collections
import json
import os

# messages: accepted ones that the failure could have met. duplicates: those
# that were in flight. seconds: until all was well again, None: not timed.
Row = collections.namedtuple(
    "Row", "point messages lost duplicates seconds", defaults=(None,))

HEAD = ("| failure | messages | lost | duplicates, in flight | well after |\n"
        "|---|---|---|---|---|")


def add(row, other):
    """Two accounts of one failure in one row."""
    return row._replace(messages=row.messages + other.messages,
                        lost=row.lost + other.lost,
                        duplicates=row.duplicates + other.duplicates)


def record(rows):
    """Prints rows, and keeps them for bench/crash."""
    print("\n" + table(rows))
    kept = os.environ.get("MAILHERD_MATRIX")
    if kept:
        with open(kept, "a", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(row._asdict()) + "\n")


def read(path):
    with open(path, encoding="utf-8") as kept:
        return [Row(**json.loads(line)) for line in kept]


def table(rows):
    """The rows as a table of Markdown."""
    return "\n".join([HEAD] + [
        "| %s | %d | %d | %d | %s |" % (
            row.point, row.messages, row.lost, row.duplicates,
            "–" if row.seconds is None else "%.2f s" % row.seconds)
        for row in rows])
