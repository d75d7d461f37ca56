"""A server whose answers are ready-made bytes, so that what a client executes for a request depends on the client alone."""

import contextlib
import re
import selectors
import socket
import threading

BODY = b"0123456789" * 6 + b"0123"
# What nginx says of a page that is in its configuration, and nghttpd of a file.
FIELDS = [(b"Server", b"nginx/1.22.1"), (b"Date", b"Mon, 30 Nov 2026 08:00:00 GMT"), (b"Content-Type", b"text/plain"),
          (b"Content-Length", str(len(BODY)).encode()), (b"Connection", b"keep-alive")]
FIELDS_2 = [(b"server", b"nghttpd nghttp2/1.52.0"), (b"cache-control", b"max-age=3600"),
            (b"date", b"Mon, 30 Nov 2026 08:00:00 GMT"), (b"content-length", str(len(BODY)).encode()),
            (b"last-modified", b"Sun, 29 Nov 2026 08:00:00 GMT")]
ANSWER = (b"HTTP/1.1 200 OK\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in FIELDS) + b"\r\n" +
          BODY)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, PING = 1, 4, 6


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


class Http1:
    """Answers each request that has no body."""

    def __init__(self):
        self.came = b""

    def answers(self, data):
        *whole, self.came = (self.came + data).split(b"\r\n\r\n")
        return ANSWER * len(whole)


class Http2:
    """Answers each request that has no body: the first one's fields go into the client's table (RFC 7541 section 6.2.1),
    and those of the others are their places there, as a server that says the same again does it."""

    def __init__(self):
        self.came = b""
        self.greeted = False
        self.block = b"\x88" + b"".join(b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value
                                        for name, value in FIELDS_2)

    def answers(self, data):
        self.came += data
        out = b""
        if not self.greeted:
            if len(self.came) < len(PREFACE):
                return out
            self.greeted, self.came = True, self.came[len(PREFACE):]
            out += frame(SETTINGS, 0, 0, b"\x00\x03\x00\x00\x03\xe8")  # 1,000 streams at a time
        at = 0
        while len(self.came) - at >= 9:
            size, kind, flags = int.from_bytes(self.came[at:at + 3], "big"), self.came[at + 3], self.came[at + 4]
            stream = int.from_bytes(self.came[at + 5:at + 9], "big")
            if len(self.came) - at < 9 + size:
                break
            if kind == HEADERS:
                out += frame(HEADERS, 4, stream, self.block) + frame(0, 1, stream, BODY)
                self.block = b"\x88" + bytes(0x80 + 61 + len(FIELDS_2) - i for i in range(len(FIELDS_2)))
            elif kind in (SETTINGS, PING) and not flags & 1:
                out += frame(kind, 1, 0, self.came[at + 9:at + 9 + size] if kind == PING else b"")
            at += 9 + size
        self.came = self.came[at:]
        return out


def serve(listening, protocol, stop):
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as sockets:
        ready.register(listening, selectors.EVENT_READ)
        ready.register(stop, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is stop:
                    return
                if key.fileobj is listening:
                    peer = sockets.enter_context(listening.accept()[0])
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    ready.register(peer, selectors.EVENT_READ, protocol())
                    continue
                try:
                    data = key.fileobj.recv(1 << 20)
                    if data:
                        key.fileobj.sendall(key.data.answers(data))
                except ConnectionError:
                    data = b""
                if not data:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()


@contextlib.contextmanager
def canned_server(protocol):
    """On loopback, in a thread; yields its port. `protocol` is Http1 or Http2."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=serve, args=(listening, protocol, theirs))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ours.close()
            thread.join()
            theirs.close()
