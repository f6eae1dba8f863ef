"""Processes that are started here and end here, and what the system tells of them.

Invariant: a process is only ever signalled through the handle that its start gave, never by a name,
and whatever was started is gone when the block that started it is left, in whichever way.
"""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

# Nothing that is started here is reached from another machine.
LOOPBACK = "127.0.0.1"
# How long a process may take to end before it is killed.
STOP_S_MAX = 20
# How often something is looked at that is waited for.
LOOK_S = 0.05
# Lines of a log that are shown when its process ended early.
LOG_LINES_SHOWN = 20
# `prctl` with this asks for a signal when the parent dies.
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """Why there are no figures."""


def wait_until(is_so, what, seconds):
    """Looks until something is so."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise Failed(f"{what} took more than {seconds} s")
        time.sleep(LOOK_S)


def free_ports(count):
    """Ports of loopback on which nobody listens."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def die_with_parent():
    """Runs in the new process: one whose script was killed must not live on."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One process, with a log of its own."""

    def __init__(self, name, words, directory, env=None, pipes=False):
        self.name = name
        self.log = pathlib.Path(directory) / f"{name}.log"
        self.pipes = subprocess.PIPE if pipes else None
        with open(self.log, "ab") as log:
            self.handle = subprocess.Popen(
                [str(word) for word in words],
                cwd=directory,
                env={**os.environ, **(env or {})},
                stdin=self.pipes or subprocess.DEVNULL,
                stdout=self.pipes or log,
                stderr=log,
                text=True,
                # The terminal's interrupt is for the script, which then stops them in order.
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_raised):
        self.stop()

    def stop(self):
        """Asks it to end, and kills it if it does not."""
        if self.handle.stdin:
            self.handle.stdin.close()
        if self.handle.poll() is None:
            self.handle.terminate()
        try:
            self.handle.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.handle.kill()
            self.handle.wait()

    def check(self):
        """Fails if it has ended."""
        code = self.handle.poll()
        if code is not None:
            raise Failed(f"{self.name} ended early ({code}):\n{self.last_lines()}")

    def last_lines(self):
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def wait_for_port(self, port, seconds):
        """Waits until it listens."""

        def listens():
            self.check()
            try:
                socket.create_connection((LOOPBACK, port), timeout=1).close()
            except OSError:
                return False
            return True

        wait_until(listens, f"{self.name} to listen", seconds)

    def peak_mb(self):
        """The most memory it ever had at once, in 10^6 bytes."""
        status = pathlib.Path(f"/proc/{self.handle.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6

    def cpu_s(self):
        """How long it has kept a core busy, in user space and in the kernel."""
        line = pathlib.Path(f"/proc/{self.handle.pid}/stat").read_text()
        # A name may have spaces in it, and ends with the last parenthesis.
        ticks = line.rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
