"""Kannel: first its queue is filled while there is no way out, then it starts again on what is
queued, with the sink as its aggregator. So it has what Sendoff has when it starts: every message
stored, and all of them due.
"""

import pathlib

from load import TEXT, outcome, submit, until_taken
from processes import LOOPBACK, Failed, Process, free_ports

START_S_MAX = 30
ACCEPTED = 202
USER = {"username": "peers", "password": "peers"}

CORE = """
group = core
admin-interface = {loopback}
admin-port = {admin}
admin-password = peers
smsbox-interface = {loopback}
smsbox-port = {box}
box-allow-ip = {loopback}
box-deny-ip = "*.*.*.*"
log-file = "{directory}/{name}-core.log"
log-level = 2
store-type = spool
store-location = "{spool}"
dlr-storage = internal
"""

BOX = """
group = smsbox
bearerbox-host = {loopback}
sendsms-interface = {loopback}
sendsms-port = {sendsms}
log-file = "{directory}/smsbox-core.log"
log-level = 2

group = sendsms-user
username = peers
password = peers
max-messages = 1
"""

# A message centre that is not there: messages are stored, and wait for it.
CLOSED = """
group = smsc
smsc = smpp
smsc-id = closed
host = {loopback}
port = {closed}
smsc-username = peers
smsc-password = peers
system-type = ""
"""

SINK = """
group = smsc
smsc = http
system-type = generic
smsc-id = sink
max-pending-submits = {in_flight}
send-url = "{sink}/send?to=%p&from=%P&text=%b"
status-success-regex = "queued"
"""


class Kannel:
    """A Kannel whose files are all in one directory."""

    def __init__(self, directory, in_flight):
        self.directory = pathlib.Path(directory)
        self.spool = self.directory / "spool"
        self.spool.mkdir(parents=True)
        admin, box, closed, sendsms = free_ports(4)
        self.values = {
            "loopback": LOOPBACK,
            "directory": self.directory,
            "spool": self.spool,
            "in_flight": in_flight,
            "admin": admin,
            "box": box,
            "closed": closed,
            "sendsms": sendsms,
        }

    def bearerbox(self, name, template, **values):
        """Starts the part that keeps messages and hands them over."""
        config = self.directory / f"{name}.conf"
        config.write_text((CORE + BOX + template).format(name=name, **self.values, **values))
        return Process(name, ["/usr/sbin/bearerbox", config], self.directory)

    def fill(self, count):
        """Lets it store messages; answers how long that took."""
        with self.bearerbox("closed", CLOSED) as bearerbox:
            bearerbox.wait_for_port(self.values["box"], START_S_MAX)
            config = self.directory / "closed.conf"
            with Process("smsbox", ["/usr/sbin/smsbox", config], self.directory) as smsbox:
                port = self.values["sendsms"]
                smsbox.wait_for_port(port, START_S_MAX)
                parameters = {**USER, "text": TEXT}
                took_s = submit(port, "/cgi-bin/sendsms", parameters, count, ACCEPTED)
        stored = self.stored()
        if stored != count:
            raise Failed(f"Kannel took {count} messages and stored {stored}")
        return took_s

    def stored(self):
        """How many messages its spool holds, a file for each."""
        return sum(path.is_file() for path in self.spool.rglob("*"))

    def drain(self, count, sink):
        """Lets it hand over what it stored."""
        with self.bearerbox("bearerbox", SINK, sink=sink.url) as bearerbox:
            figures = until_taken(sink.taken, count, bearerbox.check)
            told = outcome(figures, count, [bearerbox])
        return {**told, "left_in_spool": self.stored()}


def measure(directory, count, in_flight, sink):
    """Hands `count` messages through Kannel."""
    kannel = Kannel(directory, in_flight)
    filled_s = kannel.fill(count)
    sink.forget()
    figures = kannel.drain(count, sink)
    return {**figures, "stored_per_s": round(count / filled_s)}
