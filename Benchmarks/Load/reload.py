"""Changes the route file while requests run: nothing may fail, and the new route must serve soon."""
import json
import os
import socket
import statistics
import subprocess
import time

from proxies import BUILD, LOAD_CORE, tool

CHANGES, PAUSE_SECONDS, SERVES_WITHIN_MS = 20, 0.25, 50
GIVE_UP_SECONDS = 5
# Weights: the large body is rare, so that the probe waits for routes and not for bandwidth.
MIX = (["GET bench.test /100 0 100"] * 20 + ["GET bench.test /16k 0 16384"] * 10
       + ["POST bench.test /100 16384 100"] * 5 + ["GET bench.test /chunked/16k 0 16384"] * 4
       + ["GET bench.test /1m 0 1048576"])


def routes(origin, generation):
    """The load's paths in every generation, and one path that only this generation has."""
    paths = ["/100", "/16k", "/chunked/16k", "/1m", f"/probe/{generation}"]
    return "".join(f'r{i}: Path("{path}") -> "http://127.0.0.1:{origin}";\n' for i, path in enumerate(paths))


def publish(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def measure(fleet, progress):
    path, mix = os.path.join(BUILD, "reload.eskip"), os.path.join(BUILD, "reload.mix")
    publish(path, routes(fleet.origin_port, 0))
    with open(mix, "w") as file:
        file.write("\n".join(MIX))
    proxy = fleet.start("fairway", routes=["-routes-file", path])
    seconds = CHANGES * (PAUSE_SECONDS + 0.05) + 1
    try:
        await_route(proxy.port, 0)
        load = subprocess.Popen(["taskset", "-c", LOAD_CORE, tool("load"), "--port", str(proxy.port), "--list", mix,
                                 "--connections", "32", "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        taken = [change(fleet, proxy.port, path, i + 1, progress) for i in range(CHANGES)]
        report = json.loads(load.communicate(timeout=seconds + 60)[0])
    finally:
        proxy.stop()
        progress("")
    return {"ms": taken, "load": report}


def change(fleet, port, path, generation, progress):
    progress(f"reload {generation}/{CHANGES}")
    began = time.monotonic()
    publish(path, routes(fleet.origin_port, generation))
    await_route(port, generation)
    taken = (time.monotonic() - began) * 1000
    time.sleep(PAUSE_SECONDS)
    return taken


def await_route(port, generation):
    end = time.monotonic() + GIVE_UP_SECONDS
    while status(port, f"/probe/{generation}") != 200:
        if time.monotonic() > end:
            raise SystemExit(f"route of generation {generation} does not serve after {GIVE_UP_SECONDS} s")
        time.sleep(0.001)


def status(port, path):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n".encode())
        return int(s.makefile("rb").readline().split()[1])


def print_table(result, gates):
    load, taken = result["load"], result["ms"]
    good = [gates.check(load["failed"] == 0, f"reload: {load['failed']} failed requests"),
            gates.check(max(taken) <= SERVES_WITHIN_MS,
                        f"reload: {max(taken):.1f} ms from rename to served (at most {SERVES_WITHIN_MS})")]
    print(f"\nReload: {CHANGES} changes of the route file under load\n")
    print("| requests | failed | reset | truncated | ms to serve: median | max | gate |")
    print("|---|---|---|---|---|---|---|")
    print(f"| {load['requests']:,} | {load['failed']} | {load['reset']} | {load['truncated']} "
          f"| {statistics.median(taken):.1f} | {max(taken):.1f} | {'ok' if set(good) == {'ok'} else 'MISSED'} |")
