"""HTTP/2 in clear text: CPU per request to HTTP/1 and HTTP/2 upstreams, and what an idle connection keeps."""
import os
import re
import socket
import statistics
import subprocess
import time

from proxies import BUILD, LOAD_CORE, Process, expand, free_port, which

SHAPES = {"8 x 8": (8, 8), "64 x 32": (64, 32)}
PEERS = ("nginx", "haproxy", "h2o")
TO_PEER_MAX, IDLE_MAX_KIB, IDLE_CONNECTIONS = 0.95, 8.0, 4000


def measure(fleet, names, rounds, progress):
    names = [name for name in names if name != "floor"] + ["h2o"]
    figures = {"to HTTP/1": {}, "to HTTP/2": {}, "idle": {}}
    running = start(fleet, names, progress, upstream="http/1")
    try:
        for shape in SHAPES:
            figures["to HTTP/1"][shape] = measure_shape(running, shape, rounds, progress)
        for name, proxy in running.items():
            progress(f"{name}: memory of {IDLE_CONNECTIONS} idle HTTP/2 connections")
            figures["idle"][name] = idle_memory(proxy)
    finally:
        stop(running)
    origin = start_h2_origin(fleet)
    running = start(fleet, [name for name in names if name in ("haproxy", "fairway")], progress, upstream="h2c", origin=origin.port)
    try:
        for shape in SHAPES:
            figures["to HTTP/2"][shape] = measure_shape(running, shape, rounds, progress)
    finally:
        stop(running)
        origin.stop()
    progress("")
    return figures


def start(fleet, names, progress, **how):
    running = {}
    for name in names:
        try:
            running[name] = fleet.start(name, http2=how)
        except SystemExit as error:                # h2o is not in every image
            progress(f"{name} is left out: {error}\n")
    return running


def stop(running):
    for proxy in running.values():
        proxy.stop()


def start_h2_origin(fleet):
    port = free_port()
    path = expand("h2origin.conf.in", port=port, folder=BUILD, files=fleet.files)
    user = "user root;" if os.geteuid() == 0 else ""
    return Process("h2origin", [which("nginx"), "-e", "stderr", "-p", BUILD, "-c", path, "-g", user], port, LOAD_CORE)


def measure_shape(running, shape, rounds, progress):
    connections, streams = SHAPES[shape]
    samples, order = {name: [] for name in running}, list(running)
    for name in order:
        h2load(running[name], connections, streams, 5000)
    for turn in range(rounds):
        for name in order[turn % len(order):] + order[:turn % len(order)]:
            before = running[name].cpu_ns()
            done, failed = h2load(running[name], connections, streams, 10_000)
            samples[name].append(((running[name].cpu_ns() - before) / 1000 / max(1, done), failed))
        progress(f"HTTP/2 {shape}: round {turn + 1}/{rounds}")
    return {name: {"rounds": [cpu for cpu, _ in taken], "cpu_us": statistics.median(cpu for cpu, _ in taken), "failed": sum(failed for _, failed in taken)}
            for name, taken in samples.items()}


def h2load(proxy, connections, streams, requests):
    command = ["taskset", "-c", LOAD_CORE, which("h2load"), "-n", str(requests), "-c", str(connections), "-m", str(streams), f"http://127.0.0.1:{proxy.port}/100"]
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


def ratio(row, name, base):
    return statistics.median(a / b for a, b in zip(row[name]["rounds"], row[base]["rounds"]))


def print_table(figures, gates):
    print("\nHTTP/2 in clear text: CPU µs per request of 100 B (connections x streams)\n")
    print("| upstream | shape | proxy | CPU µs | spread | ÷ best peer | failed | gate |")
    print("|---|---|---|---|---|---|---|---|")
    for upstream in ("to HTTP/1", "to HTTP/2"):
        for shape, row in figures[upstream].items():
            best = min((peer for peer in PEERS if peer in row), key=lambda peer: row[peer]["cpu_us"], default=None)
            for name, one in row.items():
                if one["failed"]:
                    gates.check(False, f"HTTP/2 {shape}: {one['failed']} failed requests through {name}")
                share = ratio(row, name, best) if best else 0
                gate = ""
                if name == "fairway" and best and upstream == "to HTTP/1":
                    gate = gates.check(share <= TO_PEER_MAX, f"HTTP/2 {upstream} {shape}: {share:.2f} x the best peer ({TO_PEER_MAX})")
                print(f"| {upstream} | {shape} | {name} | {one['cpu_us']:.1f} | {min(one['rounds']):.1f}-{max(one['rounds']):.1f} | {share:.2f} | {one['failed']} | {gate} |")
    print("\n| idle HTTP/2 connection | KiB | gate |\n|---|---|---|")
    for name, kib in figures["idle"].items():
        gate = gates.check(kib <= IDLE_MAX_KIB, f"an idle HTTP/2 connection keeps {kib:.1f} KiB ({IDLE_MAX_KIB})") if name == "fairway" else ""
        print(f"| {name} | {kib:.2f} | {gate} |")
