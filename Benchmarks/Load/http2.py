"""HTTP/2 in clear text and over TLS: CPU per request to HTTP/1 and HTTP/2 upstreams, gRPC calls, and what an idle connection keeps."""
import os
import re
import socket
import statistics
import subprocess
import time

import rounds
from proxies import BUILD, LOAD_CORE, Process, expand, free_port, which

SHAPES = {"8 x 8": (8, 8), "64 x 32": (64, 32)}
PEERS = ("nginx", "haproxy", "h2o", "envoy")
# Rows in which the best peer, and rows in which one of them alone, is what Fairway is held against.
GATES = {"to HTTP/1": (PEERS, 0.95), "TLS, to HTTP/1": (PEERS, 0.95), "gRPC": (("envoy",), 0.6)}
IDLE_MAX_KIB, IDLE_CONNECTIONS = 8.0, 4000
# A unary call: five bytes of framing and a message of 100.
GRPC_OPTIONS = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
GRPC_MESSAGE = bytes([0, 0, 0, 0, 100]) + b"0123456789" * 10


def measure(fleet, names, least, progress):
    names = [name for name in names if name != "floor"] + ["h2o", "envoy"]
    figures = {"to HTTP/1": {}, "TLS, to HTTP/1": {}, "to HTTP/2": {}, "gRPC": {}, "idle": {}}
    running = start(fleet, names, progress, {"upstream": "http/1"})
    try:
        for shape in SHAPES:
            figures["to HTTP/1"][shape] = measure_shape(running, "to HTTP/1", shape, least, progress)
        for name, proxy in running.items():
            progress(f"{name}: memory of {IDLE_CONNECTIONS} idle HTTP/2 connections")
            figures["idle"][name] = idle_memory(proxy)
    finally:
        stop(running)
    running = start(fleet, names, progress, {"upstream": "http/1"}, tls=True)
    try:
        for shape in SHAPES:
            figures["TLS, to HTTP/1"][shape] = measure_shape(running, "TLS, to HTTP/1", shape, least, progress, scheme="https")
    finally:
        stop(running)
    origin = start_h2_origin(fleet)
    running = start(fleet, [name for name in names if name in ("haproxy", "envoy", "fairway")], progress, {"upstream": "h2c", "origin": origin.port})
    try:
        for shape in SHAPES:
            figures["to HTTP/2"][shape] = measure_shape(running, "to HTTP/2", shape, least, progress)
            figures["gRPC"][shape] = measure_shape(running, "gRPC", shape, least, progress, path="/test.Echo/Unary", options=grpc_options())
    finally:
        stop(running)
        origin.stop()
    progress("")
    return figures


def grpc_options():
    message = os.path.join(BUILD, "grpc.message")
    with open(message, "wb") as file:
        file.write(GRPC_MESSAGE)
    return [*GRPC_OPTIONS, "-d", message]


def start(fleet, names, progress, how, tls=False):
    running = {}
    for name in names:
        try:
            running[name] = fleet.start(name, http2=how, tls=tls)
        except SystemExit as error:                # h2o and Envoy are not in every image
            progress(f"{name} is left out: {error}\n")
    return running


def stop(running):
    for proxy in running.values():
        proxy.stop()


def start_h2_origin(fleet):
    port = free_port()
    path = expand("h2origin.conf.in", port=port, folder=BUILD, files=fleet.files, message=GRPC_MESSAGE.decode("latin-1"))
    user = "user root;" if os.geteuid() == 0 else ""
    return Process("h2origin", [which("nginx"), "-e", "stderr", "-p", BUILD, "-c", path, "-g", user], port, LOAD_CORE)


def measure_shape(running, upstream, shape, least, progress, path="/100", options=(), scheme="http"):
    connections, streams = SHAPES[shape]
    samples, order = {name: [] for name in running}, list(running)
    for name in order:
        h2load(running[name], connections, streams, 5000, path, options, scheme)
    for turn in rounds.numbers(least, lambda: is_decided(upstream, summaries(samples))):
        for name in order[turn % len(order):] + order[:turn % len(order)]:
            before = running[name].cpu_ns()
            done, failed = h2load(running[name], connections, streams, 10_000, path, options, scheme)
            samples[name].append(((running[name].cpu_ns() - before) / 1000 / max(1, done), failed))
        progress(f"HTTP/2 {upstream}, {shape}: round {turn + 1}")
    return summaries(samples)


def summaries(samples):
    return {name: {"rounds": [cpu for cpu, _ in taken], "cpu_us": statistics.median(cpu for cpu, _ in taken), "failed": sum(failed for _, failed in taken)}
            for name, taken in samples.items()}


def h2load(proxy, connections, streams, requests, path="/100", options=(), scheme="http"):
    command = ["taskset", "-c", LOAD_CORE, which("h2load"), "-n", str(requests), "-c", str(connections), "-m", str(streams), *options,
               f"{scheme}://127.0.0.1:{proxy.port}{path}"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    done = int(re.search(r"status codes: (\d+) 2xx", output).group(1))
    return done, requests - done


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
# GET /100 with :authority a.test, in literals that go into the table.
REQUEST_BLOCK = bytes([0x82, 0x86, 0x41, 6]) + b"a.test" + bytes([0x44, 4]) + b"/100"
REQUEST = bytes([0, 0, len(REQUEST_BLOCK), 1, 5, 0, 0, 0, 1]) + REQUEST_BLOCK


def idle_memory(proxy):
    """Each connection has had one request."""
    h2load(proxy, 64, 32, 5000)
    time.sleep(0.5)
    before, sockets, failed = proxy.memory_kib("RssAnon"), [], 0
    try:
        for _ in range(IDLE_CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", proxy.port), 5)
            connection.settimeout(5)
            connection.sendall(PREFACE + REQUEST)
            received = b""
            while len(received) < 150:
                received += connection.recv(4096)
            connection.sendall(bytes([0, 0, 0, 4, 1, 0, 0, 0, 0]))
            sockets.append(connection)
        time.sleep(1)
        return (proxy.memory_kib("RssAnon") - before) / IDLE_CONNECTIONS
    finally:
        for connection in sockets:
            connection.close()


def costs(row):
    return {name: one["rounds"] for name, one in row.items()}


def is_decided(upstream, row):
    peers, most = GATES.get(upstream, ((), 0))
    best = best_of(row, peers)
    return not best or "fairway" not in row or rounds.is_decided(rounds.ratios(costs(row), "fairway", best), most)


def print_table(figures, gates):
    print("\nHTTP/2 in clear text if nothing else is said: CPU µs per request of 100 B (connections x streams)\n")
    print("| what | shape | proxy | CPU µs | spread | ÷ best peer | failed | gate |")
    print("|---|---|---|---|---|---|---|---|")
    for upstream in ("to HTTP/1", "TLS, to HTTP/1", "to HTTP/2", "gRPC"):
        for shape, row in figures[upstream].items():
            best = best_of(row, PEERS)
            for name, one in row.items():
                if one["failed"]:
                    gates.check(False, f"HTTP/2 {upstream} {shape}: {one['failed']} failed requests through {name}")
                share = f"{rounds.ratio(costs(row), name, best):.2f}" if best else ""
                gate = hold(upstream, shape, row, gates) if name == "fairway" else ""
                print(f"| {upstream} | {shape} | {name} | {one['cpu_us']:.1f} | {min(one['rounds']):.1f}-{max(one['rounds']):.1f} | {share} | {one['failed']} | {gate} |")
    print_idle(figures["idle"], gates)


def best_of(row, peers):
    return min((peer for peer in peers if peer in row), key=lambda peer: row[peer]["cpu_us"], default=None)


def hold(upstream, shape, row, gates):
    peers, most = GATES.get(upstream, ((), 0))
    best = best_of(row, peers)
    if not best:
        return f"no {' or '.join(peers)} to compare with" if peers else ""
    share = rounds.ratio(costs(row), "fairway", best)
    return gates.check(share <= most, f"HTTP/2 {upstream} {shape}: {share:.2f} x {best} ({most})") + f" ({share:.2f} x {best})"


def print_idle(rows, gates):
    print("\n| idle HTTP/2 connection | KiB | gate |\n|---|---|---|")
    for name, kib in rows.items():
        gate = gates.check(kib <= IDLE_MAX_KIB, f"an idle HTTP/2 connection keeps {kib:.1f} KiB ({IDLE_MAX_KIB})") if name == "fairway" else ""
        print(f"| {name} | {kib:.2f} | {gate} |")
