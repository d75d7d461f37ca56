"""The programs that benchmarks run, and run against."""

import contextlib
import functools
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time

NGINX_CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log; {main}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  {http}
}}
"""


def fail(message):
    sys.exit(f"bench: {message}")


def run(command, **kwargs):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def timed(command):
    """What a command printed, and the CPU seconds it used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = run(command).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return printed, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


@functools.cache
def pypi(package):
    """A Python that has the newest version of a package, in an environment of its own; None where PyPI cannot be reached."""
    directory = pathlib.Path(__file__).parent.parent / "build" / "bench-peers" / re.sub(r"\W", "-", package)
    python = directory / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", directory], capture_output=True)
        if made.returncode != 0:
            return None
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", package],
                          capture_output=True)
    return python if done.returncode == 0 else None


@contextlib.contextmanager
def nginx(core, http, connections=20000, main=""):
    """A server on one core; yields its port. `http(port)` is the text of its http block."""
    with tempfile.TemporaryDirectory() as directory:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = pathlib.Path(directory, "nginx.conf")
        configuration.write_text(NGINX_CONFIGURATION.format(
            directory=directory, main=main, connections=connections, http=http(port)))
        server = subprocess.Popen(
            pinned(core, [os.environ["FANOUT_NGINX"], "-p", directory, "-c", configuration]),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > deadline:
                        fail(f"nginx did not start: {pathlib.Path(directory, 'error.log').read_text()}")
                    time.sleep(0.02)
            yield port
        finally:
            server.terminate()
            server.wait()
