#!/usr/bin/env python3
"""Writes drift.csv: the offsets of the zones in which chrono-tz's data is out of date.

`harness check` judges quiet hours with clocks that are not the service's. It reads chrono-tz, whose rules
are those of tzdata 2025b; in the zones below later releases say otherwise. For these the checker reads this
file, which comes from Python's zoneinfo and the tzdata package of PyPI, and from nothing of ours:

    python3 -m venv v && v/bin/pip install tzdata && v/bin/python harness/zones/drift.py > harness/zones/drift.csv

The first line names the release. Each other line is a zone, the instant from which an offset holds, in
seconds since 1970, and the offset in seconds east of UTC. A zone's first line is its offset at the start.
"""

import os
import sys
from datetime import datetime, timedelta, timezone

os.environ["PYTHONTZPATH"] = ""  # The package, and never the machine's own files.

import tzdata  # noqa: E402
from zoneinfo import ZoneInfo  # noqa: E402

ZONES = [
    "Africa/Casablanca", "Africa/El_Aaiun", "America/Edmonton", "America/Havana", "America/Inuvik",
    "America/Rainy_River", "America/Vancouver", "America/Winnipeg", "America/Yellowknife",
    "Canada/Central", "Canada/Mountain", "Canada/Pacific", "Cuba", "Europe/Chisinau", "Europe/Tiraspol",
]
START = datetime(2020, 1, 1, tzinfo=timezone.utc)
END = datetime(2040, 1, 1, tzinfo=timezone.utc)


def offset(zone, at):
    return int(at.astimezone(zone).utcoffset().total_seconds())


def change(zone, low, high):
    """The first second of (low, high] with the offset of `high`."""
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if offset(zone, middle) == offset(zone, low):
            low = middle
        else:
            high = middle
    return high


def main():
    out = sys.stdout
    out.write(f"# tzdata {tzdata.IANA_VERSION}, written by harness/zones/drift.py\n")
    for name in ZONES:
        zone = ZoneInfo(name)
        at = START
        out.write(f"{name},{int(at.timestamp())},{offset(zone, at)}\n")
        while at < END:
            then = at + timedelta(days=1)
            if offset(zone, then) != offset(zone, at):
                moved = change(zone, at, then)
                out.write(f"{name},{int(moved.timestamp())},{offset(zone, moved)}\n")
            at = then


main()
