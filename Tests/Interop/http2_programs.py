"""curl, nghttp and h2load before Fairway, in clear text and over TLS."""
import os
import re
import shutil
import subprocess
import tempfile

from fairway import Fairway, connects, free_port

LARGE = 3_000_000


def output(*command):
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-300:]}"
    return done.stdout.decode(errors="replace")


def curl(*options):
    """Version, status, bytes received and sent."""
    return output("curl", "-ksS", "-m", "20", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download} %{size_upload}", *options)


def check_curl(url, scheme):
    ways = [("--http2", "2"), ("--http1.1", "1.1")] if scheme == "https" else [("--http2-prior-knowledge", "2"), ("--http2", "1.1"), ("--http1.1", "1.1")]
    for option, version in ways:
        assert curl(option, url + "large").startswith(f"{version} 200 {LARGE} "), f"{option}: {curl(option, url + 'large')}"
        assert curl(option, "-I", url).startswith(f"{version} 200 "), option
        assert curl(option, url + "teapot").startswith(f"{version} 418 "), option
        with tempfile.NamedTemporaryFile() as body:
            body.write(b"x" * LARGE)
            body.flush()
            sent = curl(option, "--data-binary", f"@{body.name}", url + "upload")
            assert sent.startswith(f"{version} 200 ") and sent.endswith(f" {LARGE}"), f"{option}: {sent}"


def check_tls_versions(url):
    for option in (["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"]):
        assert curl("--http2", *option, url).startswith("2 200 "), option


def check_nghttp(url):
    """Several requests on one connection, with padding, an early window and a body."""
    said = output("nghttp", "-nv", "--no-verify-peer", "-p", "16", "-w", "20", "-W", "22", url, url + "large", url + "teapot")
    assert sorted(re.findall(r":status: (\d+)", said)) == ["200", "200", "418"], re.findall(r":status: (\d+)", said)
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"y" * 100_000)
        body.flush()
        said = output("nghttp", "-nv", "--no-verify-peer", "-d", body.name, url + "upload")
        assert ":status: 200" in said


def check_h2load(url):
    said = output("h2load", "-n", "20000", "-c", "16", "-m", "32", url)
    assert "20000 succeeded, 0 failed, 0 errored, 0 timeout" in said and "status codes: 20000 2xx" in said, said[-600:]


def certificate(folder):
    paths = [os.path.join(folder, name) for name in ("pem", "key")]
    output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=interop.test",
           "-keyout", paths[1], "-out", paths[0])
    return paths


def checks(path, report):
    port = free_port()
    routes = (f'all: * -> "http://127.0.0.1:{port}"; teapot: Path("/teapot") -> status(418) -> <shunt>;'
              f'large: Path("/large") -> repeatContent("0123456789", {LARGE}) -> <shunt>')
    with tempfile.TemporaryDirectory() as folder:
        pem, key = certificate(folder)
        origin = subprocess.Popen([path, "origin", "--address", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        plain, secure = Fairway(path, routes), Fairway(path, routes, "-tls-cert", pem, "-tls-key", key)
        try:
            assert connects(port)
            for scheme, proxy in (("http", plain), ("https", secure)):
                url = f"{scheme}://127.0.0.1:{proxy.port}/"
                programs = {"curl": lambda: check_curl(url, scheme), "nghttp": lambda: check_nghttp(url), "h2load": lambda: check_h2load(url)}
                for name, check in programs.items():
                    if shutil.which(name):
                        report(f"{name}, {scheme}", check)
                    else:
                        print(f"left out {name}: not installed")
            report("curl, TLS 1.2 and 1.3", lambda: check_tls_versions(f"https://127.0.0.1:{secure.port}/"))
        finally:
            for process in (origin, plain, secure):
                process.kill() if process is origin else process.stop()
            origin.wait()
