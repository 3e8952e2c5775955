# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts here share: the lab of the tests, medians, memory."""

import hashlib
import os
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))


def yardstick():
    """What this machine does at this moment, to read results beside."""
    block = b"x" * (1 << 20)
    started = time.perf_counter()
    for _ in range(64):
        hashlib.sha256(block).digest()
    sha = 64 / (time.perf_counter() - started)
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        times = []
        for _ in range(50):
            started = time.perf_counter()
            os.pwrite(file.fileno(), block[:4096], 0)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    print("yardstick: SHA-256 %.0f MiB/s, fsync of 4 KiB %.2f ms, "
          "load %.1f on %d cores" % (sha, statistics.median(times) * 1e3,
                                     os.getloadavg()[0], os.cpu_count()))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def pss_kib(pid):
    """Proportional memory of a process, 0 when it is gone."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def verdict(name, value, limit, unit, at_least=False):
    """Prints a result beside its limit; True when it is kept."""
    kept = value >= limit if at_least else value <= limit
    print("%-44s %9.2f %s  limit %g  %s" % (
        name, value, unit, limit, "ok" if kept else "MISSED"))
    return kept
