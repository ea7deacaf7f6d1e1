"""What many routes cost: start, memory, lookup, change, and the requests that go by them."""
import json
import os
import random
import socket
import statistics
import subprocess
import time

import rounds
from proxies import BUILD, LOAD_CORE, PROXY_CORE, ROOT, tool
from reload import await_route, publish

MANY, SIZES = 300_000, (1_000, 10_000, 100_000, 300_000, 1_000_000)
STARTS, CHANGES, REQUESTS = 3, 9, 50_000
START_S, MEMORY_MIB, LOOKUP_NS, FILE_MS, FILE_CPU_MS, UPDATE_US, ENDPOINTS_US, REQUEST_RATIO, P99_RATIO = 1.5, 250, 400, 150, 120, 1000, 100, 1.15, 1.10
BOTH_CORES = ("taskset", "-c", f"{PROXY_CORE},{LOAD_CORE}")
PER_SECOND, SEGMENT_SECONDS, SEGMENTS = 20, 3, 10


class Shape:
    """A route file and requests that its routes take. `path` answers which path route i has."""

    def __init__(self, name, count, hosts, line, request):
        self.name, self.count, self.hosts, self._line, self._request = name, count, hosts, line, request

    def write(self, origin):
        """The file's text, its path, and that of the requests."""
        lines = [self._line(i, i % self.hosts, i // self.hosts, origin) for i in range(self.count)]
        path, mix = (os.path.join(BUILD, f"routes-{self.name}-{self.count}.{end}") for end in ("eskip", "mix"))
        publish(path, "".join(lines))
        chosen = random.Random(1)
        with open(mix, "w") as file:
            for _ in range(min(REQUESTS, self.count)):
                i = chosen.randrange(self.count)
                host, target = self._request(i, i % self.hosts, i // self.hosts)
                file.write(f"GET {host} {target} 0 100\n")
        return lines, path, mix


def own(count):
    """Each route its own path, ten routes to a host."""
    return Shape("own", count, max(1, count // 10),
                 lambda i, h, _, origin: f'shop_{i}: Host(/^(www[.]shop{h}[.]example[.]org[.]?(:[0-9]+)?)$/) && Path("/shop/{h % 997}/item{i}")'
                                         f' -> "http://127.0.0.1:{origin}";\n',
                 lambda i, h, _: (f"www.shop{h}.example.org", f"/shop/{h % 997}/item{i}"))


def ingress(count, hosts):
    """As the Kubernetes client writes them: each host has PathSubtree("/"), and further subtrees until there are `count` routes."""
    def path(nth):
        return "/" if nth == 0 else f"/app{nth}"
    return Shape(f"ingress{hosts}", count, hosts,
                 lambda i, h, nth, origin: f'kube_default__shop{h}__shop{h}_example_org__{nth}__svc: Host(/^(shop{h}[.]example[.]org[.]?(:[0-9]+)?)$/)'
                                           f' && PathSubtree("{path(nth)}") -> "http://127.0.0.1:{origin}";\n',
                 lambda i, h, nth: (f"shop{h}.example.org", f"{path(nth).rstrip('/')}/page{i % 7}"))


SHAPES = (own(MANY), ingress(MANY, 10_000), ingress(MANY, 100_000))


# MARK: one process

class Running:
    """A proxy with the routes of a file, and the time from its start to its first answer."""

    def __init__(self, fleet, files, probe, wrapper=()):
        began = time.monotonic()
        self.proxy = fleet.start("fairway", routes=["-routes-file", ",".join(files), "-wait-first-route-load", "-suppress-route-update-logs"],
                                 wrapper=wrapper, ready_seconds=60)
        if ask(self.proxy.port, *probe) != 200:
            raise SystemExit(f"{files[0]}: {probe} is not served")
        self.seconds = time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.stop()


def ask(port, host, path):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return int(s.makefile("rb").readline().split()[1])


def held_exchange(port, host, path):
    """A request whose body does not come to its end: it keeps the table it began with."""
    s = socket.create_connection(("127.0.0.1", port), 5)
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\nhalf".encode())
    return s


# MARK: the figures at 300,000

def measure_shape(fleet, shape, progress):
    origin = fleet.origin_port
    lines, path, mix = shape.write(origin)
    probe = shape._request(shape.count - 1, (shape.count - 1) % shape.hosts, (shape.count - 1) // shape.hosts)
    row = {"routes": shape.count, "bytes": os.path.getsize(path)}
    progress(f"{shape.name} {shape.count}: lookups")
    row = table(path, mix) | row
    starts = []
    for turn in range(STARTS):
        progress(f"{shape.name} {shape.count}: start {turn + 1}/{STARTS}")
        with Running(fleet, [path], probe, BOTH_CORES) as running:
            starts.append(running.seconds)
            row["rss_mib"] = running.proxy.memory_kib("VmRSS") / 1024
            if turn == STARTS - 1:
                row |= measure_changes(running.proxy, lines, path, origin, probe, progress)
    row["start_s"] = statistics.median(starts)
    os.remove(path)
    return row


def measure_changes(proxy, lines, path, origin, probe, progress):
    """One route of the file is another one: from the rename to the first answer by it."""
    wall, cpu = [], []
    middle = len(lines) // 2
    held = held_exchange(proxy.port, *probe)
    time.sleep(0.2)
    for change in range(1, CHANGES + 1):
        progress(f"change {change}/{CHANGES}")
        lines[middle] = f'changed: Path("/probe/{change}") -> "http://127.0.0.1:{origin}";\n'
        with open(path + ".new", "w") as file:
            file.write("".join(lines))
        time.sleep(0.3)
        before, began = proxy.cpu_ns(), time.monotonic()
        os.rename(path + ".new", path)
        await_route(proxy.port, change)
        wall.append((time.monotonic() - began) * 1000)
        time.sleep(0.05)                 # what is freed after publication counts too
        cpu.append((proxy.cpu_ns() - before) / 1e6)
    both = proxy.memory_kib("VmRSS") / 1024
    held.close()
    return {"file_ms": statistics.median(wall), "file_cpu_ms": statistics.median(cpu), "rss_two_mib": both,
            "peak_mib": proxy.memory_kib("VmHWM") / 1024}


def table(path, mix):
    """The table by itself: Benchmarks/Table."""
    program = os.path.join(ROOT, ".build", "release", "Table")
    done = subprocess.run(["taskset", "-c", LOAD_CORE, program, path, mix], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise SystemExit(f"{program}: {done.stderr or done.returncode}")
    return json.loads(done.stdout)


# MARK: requests

def measure_requests(fleet, run_load, least, seconds, progress):
    """CPU per request through 300,000 routes and through one, round by round."""
    shape = own(MANY)
    lines, path, mix = shape.write(fleet.origin_port)
    probe = shape._request(0, 0, 0)
    single = os.path.join(BUILD, "routes-one.eskip")
    publish(single, f'one: * -> "http://127.0.0.1:{fleet.origin_port}";\n')
    samples = {"one": [], "many": []}
    with Running(fleet, [path], probe) as many, Running(fleet, [single], probe) as one:
        for turn in rounds.numbers(least, lambda: rounds.is_decided(rounds.ratios(samples, "many", "one"), REQUEST_RATIO)):
            progress(f"requests: round {turn + 1}")
            for name, proxy in ([("one", one.proxy), ("many", many.proxy)])[::1 if turn % 2 else -1]:
                before = proxy.cpu_ns()
                report = run_load(proxy.port, "--list", mix, "--seconds", str(seconds))
                samples[name].append((proxy.cpu_ns() - before) / 1000 / max(1, report["requests"]))
                if report["failed"]:
                    raise SystemExit(f"requests: {report['failed']} failed")
    return {"one_us": statistics.median(samples["one"]), "many_us": statistics.median(samples["many"]),
            "ratio": rounds.ratio(samples, "many", "one")}


def measure_churn(fleet, progress):
    """20 updates a second under load, in segments between quiet ones; the changes come by a second file.

    In quiet segments the same is written elsewhere, so that what differs is the proxy's work and not that of the writer."""
    shape = own(MANY)
    _, path, mix = shape.write(fleet.origin_port)
    small = os.path.join(BUILD, "routes-churn.eskip")
    os.makedirs(os.path.join(BUILD, "unwatched"), exist_ok=True)
    elsewhere = os.path.join(BUILD, "unwatched", "routes-churn.eskip")
    publish(small, churn_text(fleet.origin_port, 0))
    quiet, busy, failed, memory, updates = [], [], 0, [], 0
    with Running(fleet, [path, small], shape._request(0, 0, 0)) as running:
        port = running.proxy.port
        for segment in range(2 * SEGMENTS):
            progress(f"updates under load: segment {segment + 1}/{2 * SEGMENTS}")
            load = subprocess.Popen(["taskset", "-c", LOAD_CORE, tool("load"), "--port", str(port), "--list", mix, "--connections", "32",
                                     "--seconds", str(SEGMENT_SECONDS)], stdout=subprocess.PIPE, text=True)
            written = churn(small if segment % 2 else elsewhere, fleet.origin_port, updates)
            if segment % 2:
                updates = written
            report = json.loads(load.communicate(timeout=60)[0])
            failed += report["failed"]
            (busy if segment % 2 else quiet).append(report["p99"])
            memory.append(running.proxy.memory_kib("RssAnon") / 1024)
        await_route(port, updates)
    return {"updates": updates, "failed": failed, "quiet_p99_us": statistics.median(quiet), "busy_p99_us": statistics.median(busy),
            "p99_ratio": statistics.median(b / q for b, q in zip(busy, quiet)), "memory_first_mib": memory[1], "memory_last_mib": memory[-1]}


def churn(path, origin, updates):
    began = time.monotonic()
    for turn in range(PER_SECOND * SEGMENT_SECONDS):
        time.sleep(max(0, began + turn / PER_SECOND - time.monotonic()))
        updates += 1
        publish(path, churn_text(origin, updates))
    return updates


def churn_text(origin, number):
    return f'probe: Path("/probe/{number}") -> "http://127.0.0.1:{origin}";\n'


def measure_cycle(fleet, progress):
    """300,000 routes that loop back, each to the next and the last to the first: a request must end soon, and be told why."""
    progress("a cycle of loopbacks")
    path = os.path.join(BUILD, "routes-cycle.eskip")
    publish(path, f'end: Path("/end") -> "http://127.0.0.1:{fleet.origin_port}";\n' + "".join(
        f'r{i}: Path("/r{i}") -> setPath("/r{(i + 1) % MANY}") -> <loopback>;\n' for i in range(MANY)))
    with Running(fleet, [path], ("cycle.example.org", "/end")) as running:
        before, cpu = running.proxy.memory_kib("VmRSS"), running.proxy.cpu_ns()
        statuses = {ask(running.proxy.port, "cycle.example.org", f"/r{i * 997 % MANY}") for i in range(200)}
        cpu = (running.proxy.cpu_ns() - cpu) / 1000 / 200
        grown = running.proxy.memory_kib("VmRSS") - before
        with open(running.proxy.log) as log:
            reason = "more loopbacks than -max-loopbacks allows" in log.read()
    os.remove(path)
    return {"statuses": sorted(statuses), "us": cpu, "grown_kib": grown, "is_told": reason}


# MARK: all of it

def measure(fleet, run_load, least, seconds, progress):
    result = {"shapes": {shape.name: measure_shape(fleet, shape, progress) for shape in SHAPES},
              "requests": measure_requests(fleet, run_load, least, seconds, progress), "churn": measure_churn(fleet, progress),
              "cycle": measure_cycle(fleet, progress)}
    progress("")
    return result


def print_table(result, gates):
    print(f"\n{MANY:,} routes\n")
    print("| shape | file MB | start s | RSS MiB | with two generations | peak | lookup ns (warm) | changed in the file: ms (CPU ms) | by the updater: CPU µs | a route's endpoint | a service's, of 1,000 routes | gate |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name, row in result["shapes"].items():
        print(f"| {name} | {row['bytes'] / 1e6:.0f} | {row['start_s']:.2f} | {row['rss_mib']:.0f} | {row['rss_two_mib']:.0f} | {row['peak_mib']:.0f} "
              f"| {row['lookup_ns']} ({row['lookup_warm_ns']}) | {row['file_ms']:.0f} ({row['file_cpu_ms']:.0f}) | {row['update_us']:.0f} "
              f"| {row['endpoints_us']:.1f} | {row['service_us']:.1f} "
              f"| {gate_shape(name, row, gates)} |")
    requests, churn = result["requests"], result["churn"]
    gate = gates.check(requests["ratio"] <= REQUEST_RATIO, f"routes: a request costs {requests['ratio']:.2f} x that of one route ({REQUEST_RATIO})")
    print(f"\nA proxied request: {requests['many_us']:.1f} µs CPU, {requests['one_us']:.1f} with one route, {requests['ratio']:.2f} x: {gate}")
    good = [gates.check(churn["failed"] == 0, f"routes: {churn['failed']} failed during updates"),
            gates.check(churn["p99_ratio"] <= P99_RATIO, f"routes: p99 with updates {churn['p99_ratio']:.2f} x the quiet one ({P99_RATIO})"),
            gates.check(churn["memory_last_mib"] <= churn["memory_first_mib"] * 1.02 + 1, "routes: memory grows with updates")]
    print(f"\n{churn['updates']} updates at {PER_SECOND}/s under load: {churn['failed']} failed, p99 {churn['busy_p99_us']:,.0f} µs against "
          f"{churn['quiet_p99_us']:,.0f} in the quiet seconds between ({churn['p99_ratio']:.2f} x), private memory {churn['memory_first_mib']:.0f} MiB after the first "
          f"seconds, {churn['memory_last_mib']:.0f} at the end: {'ok' if set(good) == {'ok'} else 'MISSED'}")

    cycle = result["cycle"]
    good = gates.check(cycle["statuses"] == [500] and cycle["is_told"] and cycle["grown_kib"] < 16 * 1024, f"routes: a cycle of loopbacks: {cycle}")
    print(f"\nA cycle of {MANY:,} loopbacks: {cycle['statuses']}, {cycle['us']:.0f} µs CPU per request with its connection, {cycle['grown_kib']} KiB more, "
          f"{'the log says why' if cycle['is_told'] else 'nothing in the log'}: {good}")


def gate_shape(name, row, gates):
    checks = [("start_s", START_S, "s to serve"), ("rss_two_mib", MEMORY_MIB, "MiB"), ("lookup_ns", LOOKUP_NS, "ns per lookup"),
              ("file_ms", FILE_MS, "ms for a change in the file"), ("file_cpu_ms", FILE_CPU_MS, "ms CPU for a change in the file"),
              ("update_us", UPDATE_US, "µs CPU for an update"), ("endpoints_us", ENDPOINTS_US, "µs CPU for a route's endpoint"),
              ("service_us", ENDPOINTS_US, "µs CPU for a service's endpoints")]
    good = [gates.check(row[key] <= bound, f"routes {name}: {row[key]:.2f} {what} (at most {bound})") for key, bound, what in checks]
    return "ok" if set(good) == {"ok"} else "MISSED"
