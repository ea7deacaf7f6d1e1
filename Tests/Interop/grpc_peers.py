"""gRPC's own client and server with Fairway between them: all kinds of calls, deadlines, cancellation, errors."""
import concurrent.futures
import os
import threading
import time

import grpc
from fairway import Fairway, free_port

SERVICE = "test.Echo"


class Echo(grpc.GenericRpcHandler):
    """Messages are plain bytes, so that no generated code is needed."""

    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        kinds = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary), "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
            "Slow": (grpc.unary_unary_rpc_method_handler, self.slow), "Collect": (grpc.stream_unary_rpc_method_handler, self.collect),
            "Repeat": (grpc.unary_stream_rpc_method_handler, self.repeat), "Talk": (grpc.stream_stream_rpc_method_handler, self.talk),
            "Hold": (grpc.unary_stream_rpc_method_handler, self.hold), "Late": (grpc.unary_stream_rpc_method_handler, self.late),
        }
        make, handler = kinds[name]
        return make(handler)

    def unary(self, request, context):
        context.set_trailing_metadata((("x-length", str(len(request))), ("x-data-bin", b"\0\xff")))
        return request

    def fail(self, request, context):
        context.set_trailing_metadata((("x-why", "asked for"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: 100 % ü")

    def slow(self, request, context):
        context.add_callback(self.cancelled.set)
        time.sleep(3)
        return request

    def collect(self, requests, context):
        return b"".join(requests)

    def repeat(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    def talk(self, requests, context):
        for request in requests:
            yield b"you said " + request

    def hold(self, request, context):
        context.add_callback(self.cancelled.set)
        yield b"first"
        while context.is_active():
            time.sleep(0.02)

    def late(self, request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "half way")


def start_server(port=0):
    echo = Echo()
    echo_server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), handlers=[echo], options=[("grpc.max_receive_message_length", -1)])
    port = echo_server.add_insecure_port(f"127.0.0.1:{port}")
    echo_server.start()
    return echo, echo_server, port


class Calls:
    def __init__(self, channel):
        def method(kind, name):
            return getattr(channel, kind)(f"/{SERVICE}/{name}", request_serializer=None, response_deserializer=None)
        self.unary, self.fail, self.slow = (method("unary_unary", name) for name in ("Unary", "Fail", "Slow"))
        self.collect, self.talk = method("stream_unary", "Collect"), method("stream_stream", "Talk")
        self.repeat, self.hold, self.late = (method("unary_stream", name) for name in ("Repeat", "Hold", "Late"))


def refused(call, code):
    try:
        result = call()
        list(result) if not isinstance(result, bytes) else None
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        return error
    raise AssertionError(f"no {code}")


def check_kinds(calls, _):
    response, call = calls.unary.with_call(b"hello", timeout=5)
    trailers = dict(call.trailing_metadata())
    assert response == b"hello" and trailers["x-length"] == "5" and trailers["x-data-bin"] == b"\0\xff", trailers
    assert calls.unary(b"", timeout=5) == b""
    assert calls.collect(iter([b"a", b"b", b"c" * 100_000]), timeout=10) == b"ab" + b"c" * 100_000
    assert list(calls.repeat(b"500", timeout=10)) == [b"%d" % n for n in range(500)]
    assert list(calls.repeat(b"0", timeout=10)) == []


def check_talk(calls, _):
    """Each answer comes before the next question is asked."""
    answered = threading.Semaphore(1)

    def questions():
        for number in range(50):
            assert answered.acquire(timeout=5)
            yield b"%d" % number
    for number, answer in enumerate(calls.talk(questions(), timeout=20)):
        assert answer == b"you said %d" % number
        answered.release()
    assert number == 49


def check_large(calls, _):
    message = os.urandom(3_000_000)
    assert calls.unary(message, timeout=20) == message


def check_errors(calls, _):
    error = refused(lambda: calls.fail(b"", timeout=5), grpc.StatusCode.FAILED_PRECONDITION)
    assert error.details() == "no: 100 % ü" and dict(error.trailing_metadata())["x-why"] == "asked for", error
    parts = calls.late(b"", timeout=5)
    assert next(parts) == b"one"
    assert refused(lambda: parts, grpc.StatusCode.DATA_LOSS).details() == "half way"


def check_deadline(calls, echo):
    echo.cancelled.clear()
    began = time.monotonic()
    refused(lambda: calls.slow(b"", timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert time.monotonic() - began < 2
    assert echo.cancelled.wait(5), "the server does not hear of it"


def check_cancel(calls, echo):
    echo.cancelled.clear()
    parts = calls.hold(b"", timeout=20)
    assert next(parts) == b"first"
    parts.cancel()
    refused(lambda: parts, grpc.StatusCode.CANCELLED)
    assert echo.cancelled.wait(5), "the server does not hear of it"


def check_many(calls, _):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: calls.unary(b"%d" % n * 100, timeout=20) == b"%d" % n * 100, range(1000)))
    assert all(answers)


def check_proxy_errors(path, dead):
    proxy = Fairway(path, f'a: PathSubtree("/{SERVICE}") -> "h2c://127.0.0.1:{dead}"; b: Path("/x.Y/Forbidden") -> status(403) -> <shunt>')
    try:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
            refused(lambda: Calls(channel).unary(b"x", timeout=5), grpc.StatusCode.UNAVAILABLE)
            unknown = channel.unary_unary("/no.Such/Method", request_serializer=None, response_deserializer=None)
            refused(lambda: unknown(b"x", timeout=5), grpc.StatusCode.UNIMPLEMENTED)
            forbidden = channel.unary_unary("/x.Y/Forbidden", request_serializer=None, response_deserializer=None)
            refused(lambda: forbidden(b"x", timeout=5), grpc.StatusCode.PERMISSION_DENIED)
    finally:
        proxy.stop()


def check_restart(path):
    """A server that leaves says GOAWAY: calls of one after the other must all come through, on the next one if need be."""
    echo, server, port = start_server()
    proxy = Fairway(path, f'a: * -> "h2c://127.0.0.1:{port}"')
    failures, done = [], threading.Event()

    def ask(calls):
        while not done.is_set():
            try:
                calls.unary(b"x", timeout=5)
            except grpc.RpcError as error:
                # What a server that is stopping says itself; its clients without a proxy hear it too.
                if error.details() != "CANCELLED":
                    failures.append(f"{error.code()} {error.details()}")
    try:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
            threads = [threading.Thread(target=ask, args=(Calls(channel),)) for _ in range(4)]
            [thread.start() for thread in threads]
            time.sleep(0.5)
            other = start_server(port)          # both listen on the port for a while
            server.stop(2).wait()
            time.sleep(0.5)
            done.set()
            [thread.join() for thread in threads]
            other[1].stop(None)
        assert not failures, failures[:3]
    finally:
        done.set()
        proxy.stop()


def checks(path, report):
    echo, server, port = start_server()
    proxy = Fairway(path, f'a: * -> "h2c://127.0.0.1:{port}"')
    try:
        with grpc.insecure_channel(f"127.0.0.1:{proxy.port}", options=[("grpc.max_receive_message_length", -1)]) as channel:
            calls = Calls(channel)
            for check in (check_kinds, check_talk, check_large, check_errors, check_deadline, check_cancel, check_many, check_kinds):
                report(f"gRPC, {check.__name__}", lambda: check(calls, echo))
        report("gRPC, check_proxy_errors", lambda: check_proxy_errors(path, free_port()))
        report("gRPC, check_restart", lambda: check_restart(path))
    finally:
        proxy.stop()
        server.stop(None)
