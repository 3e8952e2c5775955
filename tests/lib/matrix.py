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

HEAD = ("| failure | times | messages | lost | duplicates, in flight | "
        "well after, at most |\n|---|---|---|---|---|---|")


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
    """The rows as a table of Markdown, those of one failure in one line."""
    points = {}
    for row in rows:
        points.setdefault(row.point, []).append(row)
    return "\n".join([HEAD] + [_line(point, same)
                               for point, same in points.items()])


def _line(point, rows):
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return "| %s | %d | %d | %d | %d | %s |" % (
        point, len(rows), sum(row.messages for row in rows),
        sum(row.lost for row in rows), sum(row.duplicates for row in rows),
        "%.2f s" % max(seconds) if seconds else "–")
