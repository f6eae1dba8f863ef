"""Installs what is compared with, and tells its versions."""

import contextlib
import os
import pathlib
import subprocess
import sys

from processes import Failed

PACKAGES = ["kannel", "rabbitmq-server", "redis-server", "python3-venv"]
JASMIN = "0.11.1"
# A script here decides whether a package may start its service when it is installed.
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
NOT_ALLOWED = "#!/bin/sh\nexit 101\n"


def run(*words, env=None):
    """Runs a command to its end; what it says goes to standard error."""
    words = [str(word) for word in words]
    env = {**os.environ, **(env or {})}
    done = subprocess.run(words, stdout=sys.stderr, env=env, check=False)
    if done.returncode != 0:
        raise Failed(f"`{words[0]}` ended with {done.returncode}")


def version(package):
    """The version of a Debian package, or nothing if it is not installed."""
    words = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    status, _, number = done.stdout.partition(" ")
    return number if status == "installed" else None


@contextlib.contextmanager
def no_services():
    """Keeps packages from starting services: what is measured is started on ports of its own."""
    is_ours = not POLICY.exists()
    if is_ours:
        POLICY.write_text(NOT_ALLOWED)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if is_ours:
            POLICY.unlink()


def install(venv):
    """Installs what is not there yet."""
    missing = [package for package in PACKAGES if version(package) is None]
    if missing:
        if os.geteuid() != 0:
            raise Failed(f"as root, install {' '.join(missing)}")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        with no_services():
            run("apt-get", "update", "-q")
            run("apt-get", "install", "-qy", "--no-install-recommends", *missing, env=quiet)
    if jasmin_version(venv) != JASMIN:
        run("/usr/bin/python3", "-m", "venv", venv)
        run(venv / "bin/pip", "install", "--quiet", "--no-input", f"jasmin=={JASMIN}")


def jasmin_version(venv):
    """The version of Jasmin in an environment, or nothing if it has none."""
    found = next(venv.glob("lib/python3*/site-packages/jasmin-*.dist-info"), None)
    return found.name.removeprefix("jasmin-").removesuffix(".dist-info") if found else None


def versions(venv):
    """Of all that takes part."""
    return {
        "kannel": version("kannel"),
        "jasmin": jasmin_version(venv),
        "rabbitmq": version("rabbitmq-server"),
        "redis": version("redis-server"),
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
        "cores": os.cpu_count(),
    }
