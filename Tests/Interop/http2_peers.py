"""Python's h2 as client and as upstream, which keep to the protocol except for one frame: that is answered as RFC 9113
says, and nobody else notices."""
import contextlib
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from fairway import Fairway

PROTOCOL, FLOW_CONTROL, FRAME_SIZE, COMPRESSION = 1, 3, 6, 9
DATA, HEADERS, _, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
STREAMS_MAX = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
REQUEST = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]


def frame(kind, flags, stream, payload=b"", length=None):
    return struct.pack(">I", len(payload) if length is None else length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def number(value):
    return struct.pack(">I", value)


# What a client sends behind its preface, and the error of the connection that it must be told.
CLIENT_FAULTS = {
    "DATA on stream 0": (frame(DATA, 0, 0, b"x"), PROTOCOL),
    "DATA on an idle stream": (frame(DATA, 0, 5, b"x"), PROTOCOL),
    "HEADERS on stream 0": (frame(HEADERS, END_HEADERS, 0, b"\x82"), PROTOCOL),
    "HEADERS on an even stream": (frame(HEADERS, END_HEADERS | END_STREAM, 2, b"\x82\x86\x84\x41\x01a"), PROTOCOL),
    "padding longer than the frame": (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09\x82"), PROTOCOL),
    "a field block that is none": (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    "CONTINUATION alone": (frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL),
    "a frame within a field block": (frame(HEADERS, 0, 1, b"\x82") + frame(PING, 0, 0, bytes(8)), PROTOCOL),
    "RST_STREAM on an idle stream": (frame(RST_STREAM, 0, 7, number(8)), PROTOCOL),
    "RST_STREAM of three bytes": (frame(RST_STREAM, 0, 1, b"\0\0\0"), FRAME_SIZE),
    "SETTINGS of five bytes": (frame(SETTINGS, 0, 0, bytes(5)), FRAME_SIZE),
    "SETTINGS on a stream": (frame(SETTINGS, 0, 1), PROTOCOL),
    "acknowledged SETTINGS with a payload": (frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE),
    "SETTINGS with a window too large": (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), FLOW_CONTROL),
    "SETTINGS with frames too small": (frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1)), PROTOCOL),
    "SETTINGS with a push that is neither": (frame(SETTINGS, 0, 0, struct.pack(">HI", 2, 2)), PROTOCOL),
    "PUSH_PROMISE of a client": (frame(PUSH_PROMISE, END_HEADERS, 1, number(2)), PROTOCOL),
    "PING of seven bytes": (frame(PING, 0, 0, bytes(7)), FRAME_SIZE),
    "PING on a stream": (frame(PING, 0, 1, bytes(8)), PROTOCOL),
    "GOAWAY on a stream": (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    "WINDOW_UPDATE by nothing": (frame(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL),
    "WINDOW_UPDATE beyond the window": (frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1)) * 2, FLOW_CONTROL),
    "WINDOW_UPDATE on an idle stream": (frame(WINDOW_UPDATE, 0, 9, number(1)), PROTOCOL),
    "a frame that is too long": (frame(DATA, 0, 1, length=16_385) + bytes(16_385), FRAME_SIZE),
}

# Messages that are malformed (RFC 9113 §8.1.1): the stream ends, the connection does not.
BAD_MESSAGES = {
    "capitals in a name": [*REQUEST, ("X-Upper", "1")],
    "a pseudo-header behind fields": [*REQUEST[:3], ("x", "1"), REQUEST[3]],
    "two paths": [*REQUEST, (":path", "/other")],
    "no method": REQUEST[1:],
    "no path": REQUEST[:3],
    "an empty path": [*REQUEST[:3], (":path", "")],
    "a pseudo-header that is none": [*REQUEST, (":unknown", "1")],
    "a response's pseudo-header": [*REQUEST, (":status", "200")],
    "connection": [*REQUEST, ("connection", "close")],
    "transfer-encoding": [*REQUEST, ("transfer-encoding", "chunked")],
    "te that is not trailers": [*REQUEST, ("te", "gzip")],
    "a line end in a value": [*REQUEST, ("x", "a\r\nb: c")],
    "a length that does not hold": [*REQUEST, ("content-length", "5")],
    "another host": [*REQUEST, ("host", "b.test")],
}


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False))
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def ask(self, fields=REQUEST):
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, fields, end_stream=True)
        self.flush()
        return stream

    def events(self):
        """Until the server closes."""
        while received := self.socket.recv(65536):
            yield from self.connection.receive_data(received)
            with contextlib.suppress(OSError):          # its end may be on the way already
                self.flush()

    def outcome(self, stream):
        """The status of an answer that is complete, or the error with which the stream was reset."""
        status = None
        for event in self.events():
            if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                status = int(dict(event.headers)[b":status"])
            if isinstance(event, h2.events.StreamReset) and event.stream_id == stream:
                return f"reset {int(event.error_code)}"
            if isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                return status
            if isinstance(event, h2.events.ConnectionTerminated):
                return f"goaway {int(event.error_code)}"
        return "closed"

    def goaway(self):
        return next((int(event.error_code) for event in self.events() if isinstance(event, h2.events.ConnectionTerminated)), None)


def check_client_fault(port, sent, error):
    bystander, client = Client(port), Client(port)
    assert bystander.outcome(bystander.ask()) == 200
    client.socket.sendall(sent)
    told = client.goaway()
    assert told == error, f"GOAWAY with {told} instead of {error}"
    assert bystander.outcome(bystander.ask()) == 200, "a bystander noticed"


def check_bad_message(port, fields):
    client = Client(port)
    outcome = client.outcome(client.ask(fields))
    assert outcome in (f"reset {PROTOCOL}", 400), outcome
    assert client.outcome(client.ask()) == 200, "the connection's next request"


# What an upstream sends instead of its answer, by the stream.
ANSWER = b"\x88"                      # :status 200
UPSTREAM_FAULTS = {
    "DATA before HEADERS": lambda n: frame(DATA, END_STREAM, n, b"x"),
    "no status": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x00\x01a\x01b"),
    "a status of four digits": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x08\x042000"),
    "two statuses": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x88\x88"),
    "a request's pseudo-header": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x88\x84"),
    "capitals in a name": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x88\x00\x01A\x01b"),
    "connection": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x88\x00\x0aconnection\x05close"),
    "101": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x08\x03101"),
    "a field block that is none": lambda n: frame(HEADERS, END_HEADERS | END_STREAM, n, b"\xff\xff\xff\xff\xff\xff"),
    "PUSH_PROMISE": lambda n: frame(PUSH_PROMISE, END_HEADERS, n, number(2) + b"\x82\x86\x84\x41\x01a"),
    "a frame on stream 0": lambda n: frame(HEADERS, END_HEADERS, 0, ANSWER),
    "a frame that is too long": lambda n: frame(HEADERS, END_HEADERS, n, length=1 << 23) + bytes(4096),
    "a window beyond its end": lambda n: frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1)) * 2,
    "HTTP/1": lambda n: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a reset": lambda n: frame(RST_STREAM, 0, n, number(2)),
}


class Upstream:
    """Answers 200, and on /fault/NAME with that fault. Who opens more streams than allowed is disconnected."""

    def __init__(self, streams=100, takes_one=False):
        self.streams, self.takes_one = streams, takes_one
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.refused = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            with contextlib.suppress(OSError):
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, peer):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.local_settings = h2.settings.Settings(client=False, initial_values={STREAMS_MAX: self.streams})
        connection.initiate_connection()
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError), peer:
            peer.sendall(connection.data_to_send())
            while received := peer.recv(65536):
                for event in connection.receive_data(received):
                    if isinstance(event, h2.events.RequestReceived):
                        self.answer(connection, peer, event)
                        if self.takes_one:
                            return self.leave(connection, peer, event.stream_id)
                peer.sendall(connection.data_to_send())

    def leave(self, connection, peer, last):
        """GOAWAY behind the one answer."""
        peer.sendall(connection.data_to_send() + frame(GOAWAY, 0, 0, number(last) + number(0)))
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass

    def answer(self, connection, peer, event):
        path, stream = dict(event.headers)[b":path"].decode(), event.stream_id
        if path.startswith("/fault/"):
            return peer.sendall(list(UPSTREAM_FAULTS.values())[int(path.removeprefix("/fault/"))](stream))
        if path.startswith("/refused/") and path not in self.refused:
            self.refused.add(path)
            return peer.sendall(frame(RST_STREAM, 0, stream, number(7)))
        if path.startswith("/goaway/") and path not in self.refused:
            self.refused.add(path)
            return peer.sendall(frame(GOAWAY, 0, 0, number(0) + number(0)))
        connection.send_headers(stream, [(":status", "200")])
        connection.send_data(stream, b"well", end_stream=True)


def check_upstream_fault(port, index):
    client = Client(port)
    path = (":path", f"/fault/{index}")
    assert client.outcome(client.ask([*REQUEST[:3], path])) == 502
    for _ in range(3):
        assert client.outcome(client.ask()) == 200, "the next request"


def check_unprocessed(port):
    """A stream that was refused, and one that a GOAWAY leaves out, were not begun with: they go again."""
    client = Client(port)
    for turn in range(20):
        for kind in ("refused", "goaway"):
            outcome = client.outcome(client.ask([*REQUEST[:3], (":path", f"/{kind}/{turn}")]))
            assert outcome == 200, f"{kind}: {outcome}"


def check_many(port):
    """Requests at once, more than a connection of the upstream's takes."""
    client = Client(port)
    left = {client.ask() for _ in range(60)}
    for event in client.events():
        if isinstance(event, h2.events.ResponseReceived):
            assert dict(event.headers)[b":status"] == b"200", event
        if isinstance(event, h2.events.StreamEnded):
            left.discard(event.stream_id)
            if not left:
                return
        assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
    raise AssertionError(f"{len(left)} were not answered")


def checks(path, report):
    proxy = Fairway(path, '* -> status(200) -> inlineContent("well") -> <shunt>')
    try:
        for name, (sent, error) in CLIENT_FAULTS.items():
            report(f"h2 client, {name}", lambda: check_client_fault(proxy.port, sent, error))
        for name, fields in BAD_MESSAGES.items():
            report(f"h2 client, message with {name}", lambda: check_bad_message(proxy.port, fields))
    finally:
        proxy.stop()
    proxy = Fairway(path, f'* -> "h2c://127.0.0.1:{Upstream().port}"')
    try:
        for index, name in enumerate(UPSTREAM_FAULTS):
            report(f"h2 upstream, {name}", lambda: check_upstream_fault(proxy.port, index))
        report("h2 upstream, refused streams and GOAWAY", lambda: check_unprocessed(proxy.port))
    finally:
        proxy.stop()
    for name, upstream in (("takes one request with each connection", Upstream(takes_one=True)), ("takes three streams", Upstream(streams=3))):
        proxy = Fairway(path, f'* -> "h2c://127.0.0.1:{upstream.port}"')
        try:
            report(f"h2 upstream that {name}", lambda: check_many(proxy.port))
        finally:
            proxy.stop()
