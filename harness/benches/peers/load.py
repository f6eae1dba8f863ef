"""Messages for a gateway to queue, and waiting until it has handed them over."""

import http.client
import itertools
import threading
import time
import urllib.parse

from processes import LOOPBACK, Failed

# A text as long as that of Sendoff's own benchmark: one segment.
TEXT = (
    "Acme: Hi Alexandra, our autumn sale is on: 20% off everything in store.\n"
    "Reply STOP to opt out"
)
SENDER = "18885550100"
# Connections over which messages are handed to a gateway.
CONNECTIONS = 8
SUBMIT_S_MAX = 30
# How often a sink is asked what it has taken.
LOOK_S = 0.1
# After so long without a message, what has not come is lost.
QUIET_S = 60
# So long after the last message, one that comes twice may still come.
AFTERMATH_S = 2


def recipient(number):
    """A phone number of its own for each message."""
    return f"1212{number:07d}"


def submit(port, path, parameters, count, taken_status):
    """Hands `count` messages to a gateway's HTTP interface; answers how long that took."""
    numbers, failures, began = itertools.count(), [], time.monotonic()

    def work():
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=SUBMIT_S_MAX)
        try:
            # `next` of a count is one step of the interpreter, so no two threads see one number.
            while (number := next(numbers)) < count and not failures:
                query = {**parameters, "to": recipient(number), "from": SENDER}
                connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}")
                answer = connection.getresponse()
                body = answer.read().decode()
                if answer.status != taken_status:
                    failures.append(f"message {number} was answered {answer.status}: {body}")
        except OSError as error:
            failures.append(f"a message could not be submitted: {error}")
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise Failed(failures[0])
    return time.monotonic() - began


def until_taken(taken, count, check):
    """Asks a sink what it has taken until that is everything, or nothing comes any more."""
    seen, moved = 0, time.monotonic()
    while True:
        check()
        figures = taken()
        if figures["count"] > seen:
            seen, moved = figures["count"], time.monotonic()
        quiet_s = time.monotonic() - moved
        is_all = figures["count"] - figures["doubled"] >= count
        if quiet_s > (AFTERMATH_S if is_all else QUIET_S):
            return figures
        time.sleep(LOOK_S)


def outcome(figures, count, processes):
    """What a sink took, and what the processes that handed it over needed for it."""
    unique = figures["count"] - figures["doubled"]
    peaks = {process.name: round(process.peak_mb(), 1) for process in processes}
    cpu_s = {process.name: process.cpu_s() for process in processes}
    return {
        "messages": count,
        "rate_per_s": round(figures["count"] / max(figures["span_us"] / 1e6, 1e-6)),
        "doubled": figures["doubled"],
        "lost": count - unique,
        "rss_peak_mb": round(sum(peaks.values()), 1),
        "rss_peak_mb_of": peaks,
        "cpu_s": cpu_s,
    }
