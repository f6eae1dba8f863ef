"""Jasmin: its queue is filled while its connector is stopped, then the connector starts.

Jasmin has no HTTP connector for messages that go out, so its aggregator is a message centre for
SMPP.
"""

import contextlib
import json
import pathlib
import re
import socket

from load import TEXT, outcome, submit, until_taken
from processes import LOOPBACK, Failed, Process, free_ports

START_S_MAX = 90
COMMAND_S_MAX = 30
HERE = pathlib.Path(__file__).resolve().parent
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
PROMPT = re.compile(rb"(jcli : |> )$")
# Its first words end without a prompt.
GREETING = re.compile(rb"Session ref: \d+\s+$")
OK_STATUS = 200

# As it comes, except that a connector that takes its first message before it is bound tries again
# after a second, not after thirty. That is before the first request, so no figure changes with it.
CONFIG = """
[sm-listener]
submit_retrial_delay_smppc_not_ready = 1
[jcli]
bind = {loopback}
port = {jcli}
authentication = False
[http-api]
bind = {loopback}
port = {http}
[amqp-broker]
host = {loopback}
port = {amqp}
spec = {spec}
[redis-client]
host = {loopback}
port = {redis}
[router]
bind = {loopback}
port = {router}
[client-management]
bind = {loopback}
port = {clients}
[smpp-server]
bind = {loopback}
port = {smpp_server}
[smpp-server-pb]
bind = {loopback}
port = {smpp_server_pb}
"""

# One group, one user, one connector without a limit of its own, one route to it.
SETUP = """
group -a
gid peers
ok
user -a
username peers
password peers
gid peers
uid peers
ok
smppccm -a
cid sink
host {loopback}
port {centre}
username peers
password peers
submit_throughput 0
ok
mtrouter -a
type DefaultRoute
connector smppc(sink)
rate 0
ok
"""


class Centre(Process):
    """The message centre, a process of its own."""

    def __init__(self, directory, latency_ms):
        words = ["/usr/bin/python3", HERE / "smpp_sink.py", "--latency-ms", latency_ms]
        super().__init__("centre", words, directory, pipes=True)
        self.port = int(self.line())

    def line(self):
        """What it writes next."""
        line = self.handle.stdout.readline()
        if not line:
            raise Failed(f"the message centre ended early:\n{self.last_lines()}")
        return line

    def taken(self):
        """What it has taken."""
        self.handle.stdin.write("\n")
        self.handle.stdin.flush()
        return json.loads(self.line())


class Console:
    """Jasmin's own console, which is how it is set up."""

    def __init__(self, port):
        self.socket = socket.create_connection((LOOPBACK, port), timeout=COMMAND_S_MAX)
        self.read(GREETING)

    def __enter__(self):
        return self

    def __exit__(self, *_raised):
        self.socket.close()

    def read(self, until=PROMPT):
        """What it says until it prompts again."""
        said = b""
        while not until.search(said):
            try:
                more = self.socket.recv(4096)
            except TimeoutError:
                more = b""
            if not more:
                raise Failed(f"Jasmin's console did not prompt: {said!r}")
            said += more
        return said.decode(errors="replace")

    def say(self, lines):
        """Types lines; answers what was said to all of them."""
        said = []
        for line in lines.strip().splitlines():
            self.socket.sendall(line.encode() + b"\r\n")
            said.append(self.read())
        return "".join(said)


def broker(directory, amqp, erlang):
    """RabbitMQ as Debian sets it up, but with its files and its ports here."""
    daemon_port, dist = erlang
    env = {
        "HOME": str(directory),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(daemon_port),
        "RABBITMQ_CONF_ENV_FILE": f"{directory}/none.conf",
        "RABBITMQ_CONFIG_FILE": f"{directory}/none",
        "RABBITMQ_DIST_PORT": str(dist),
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{directory}/none-enabled",
        "RABBITMQ_LOG_BASE": f"{directory}/rabbitmq-log",
        "RABBITMQ_MNESIA_BASE": f"{directory}/rabbitmq",
        "RABBITMQ_NODENAME": "peers@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(amqp),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # The script then becomes the server, and the process that was started is the one to stop.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
    return Process("rabbitmq", [RABBITMQ], directory, env)


def redis(directory, port):
    """Redis, in which Jasmin keeps what receipts wait for."""
    words = ["/usr/bin/redis-server", "--port", port, "--bind", LOOPBACK, "--dir", directory]
    return Process("redis", words, directory)


def gateway(directory, venv, ports):
    """Jasmin itself, logging as it does without being asked."""
    specs = "lib/python3*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"
    spec = next(venv.glob(specs))
    for name in ("store", "log"):
        (directory / name).mkdir()
    config = directory / "jasmin.cfg"
    config.write_text(CONFIG.format(loopback=LOOPBACK, spec=spec, **ports))
    env = {
        "CONFIG_PATH": str(directory),
        "LOG_PATH": f"{directory}/log",
        "STORE_PATH": f"{directory}/store",
    }
    words = [venv / "bin/python", venv / "bin/jasmind.py", "-c", config]
    return Process("jasmin", words, directory, env)


def measure(directory, count, latency_ms, venv):
    """Hands `count` messages through Jasmin."""
    directory = pathlib.Path(directory)
    directory.mkdir()
    names = ["jcli", "http", "amqp", "redis", "router", "clients", "epmd", "dist"]
    names += ["smpp_server", "smpp_server_pb"]
    ports = dict(zip(names, free_ports(len(names))))
    with contextlib.ExitStack() as running:
        epmd_words = ["/usr/bin/epmd", "-address", LOOPBACK, "-port", ports["epmd"]]
        epmd = running.enter_context(Process("epmd", epmd_words, directory))
        epmd.wait_for_port(ports["epmd"], START_S_MAX)
        erlang = (ports["epmd"], ports["dist"])
        rabbitmq = running.enter_context(broker(directory, ports["amqp"], erlang))
        store = running.enter_context(redis(directory, ports["redis"]))
        centre = running.enter_context(Centre(directory, latency_ms))
        rabbitmq.wait_for_port(ports["amqp"], START_S_MAX)
        store.wait_for_port(ports["redis"], START_S_MAX)
        jasmin = running.enter_context(gateway(directory, venv, ports))
        jasmin.wait_for_port(ports["jcli"], START_S_MAX)
        jasmin.wait_for_port(ports["http"], START_S_MAX)
        return hand_over(count, ports, centre, [jasmin, rabbitmq, store])


def hand_over(count, ports, centre, processes):
    """Fills the queue, then opens the way out of it."""
    with Console(ports["jcli"]) as console:
        said = console.say(SETUP.format(loopback=LOOPBACK, centre=centre.port))
        if said.count("Successfully added") != 4:
            raise Failed(f"Jasmin could not be set up: {said}")
        parameters = {"username": "peers", "password": "peers", "content": TEXT}
        filled_s = submit(ports["http"], "/send", parameters, count, OK_STATUS)
        before_s = {process.name: process.cpu_s() for process in processes}
        console.say("smppccm -1 sink")

        def check():
            for process in processes:
                process.check()

        figures = until_taken(centre.taken, count, check)
        told = outcome(figures, count, processes)
        # Unlike the others, it is the same process that queued the messages.
        told["cpu_s"] = {name: cpu - before_s[name] for name, cpu in told["cpu_s"].items()}
        return {**told, "stored_per_s": round(count / filled_s)}
