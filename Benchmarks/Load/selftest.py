"""Shows that load notices bad answers: its "0 failed" is a gate, so it must be able to fail."""
import socket
import struct
import threading

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# what the server answers, what the load counts it as, further options of the load
ANSWERS = [
    (GOOD, None, []),
    (GOOD, None, ["--close"]),
    (CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", None, []),
    (CHUNKED + b"4;x=y\r\nabcd\r\n0\r\nA: b\r\n\r\n", None, []),
    (GOOD.replace(b"200", b"502"), "status", []),
    (GOOD[:-1].replace(b"4", b"3"), "length", []),
    (GOOD + b"e", "length", []),
    (GOOD + b"e", "length", ["--close"]),
    (GOOD[:-1], "truncated", []),
    (GOOD[:20], "truncated", []),
    (b"", "truncated", []),
    (CHUNKED + b"4\r\nabcd\r\n", "truncated", []),
    (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", "length", []),
    (None, "reset", []),
    (b"HTTP/1.1 200 OK\r\n\r\n", "length", []),
]


def serve_one(listener, answer):
    client, _ = listener.accept()
    client.recv(65536)
    if answer is None:                    # a zero linger turns the close into a reset
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        client.sendall(answer)
    client.close()


def check(run_load):
    for answer, kind, options in ANSWERS:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve_one, args=(listener, answer))
            thread.start()
            report = run_load(listener.getsockname()[1], "--requests", "1", "--expect", "4", *options, connections=1)
            thread.join()
        found = {k: report[k] for k in ("status", "length", "reset", "truncated", "refused", "stalled") if report[k]}
        if found != ({kind: 1} if kind else {}) or report["failed"] != len(found):
            raise SystemExit(f"load counts {answer!r} as {found}, not as {kind or 'good'}")
