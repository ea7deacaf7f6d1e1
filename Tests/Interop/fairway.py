"""Fairway as the programs beside this start it."""
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connects(port, seconds=10):
    """Whether something listens there in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


class Fairway:
    def __init__(self, path, routes, *options):
        self.port, support = free_port(), free_port()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [path, "serve", "-address", f"127.0.0.1:{self.port}", "-support-listener", f"127.0.0.1:{support}", "-inline-routes", routes,
             "-wait-for-healthcheck-interval", "0s", "-workers", "1", *options], stdout=self.log, stderr=self.log)
        if not connects(self.port):
            raise SystemExit(f"interop: fairway does not listen: {self.said()}")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        self.process.kill()
        self.process.wait()
