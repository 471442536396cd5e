"""Real servers on the loopback, for probes to talk to: they answer as told, and keep what they were sent."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What to say to a request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}


Script = Callable[[Seen], Answer]


class Service(ThreadingHTTPServer):
    """An HTTP server whose answers come from a script."""

    daemon_threads = True

    def __init__(self, script: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        super().__init__((host, 0), _Handler)
        self.script = script
        self.seen: list[Seen] = []
        self.scheme = "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"{self.server_address[0]!s}:{self.server_port}"

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"{self.scheme}://{self.address}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = Seen(self.command, self.path, dict(self.headers), body)
        self.server.seen.append(seen)
        answer = self.server.script(seen)
        self.send_response(answer.status)
        for name, text in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, text)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer.body)

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - named by http.server

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(
    script: Script = lambda seen: Answer(), host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Service]:
    """Run a service while the block runs."""
    with Service(script, host, tls) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


@contextmanager
def talking(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Run a raw TCP server while the block runs: `talk` gets each connection, and an event that ends it."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection, over)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    thread = threading.Thread(target=serve_one, args=(connection,))
                    threads.append(thread)
                    thread.start()

        threads: list[threading.Thread] = []
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


@contextmanager
def noting() -> Iterator[tuple[str, list[bytes]]]:
    """Give the URL of a server that knows nothing, and what each connection there sends first."""
    heard: list[bytes] = []

    def note(connection: socket.socket, over: threading.Event) -> None:
        del over
        heard.append(connection.recv(65_536))
        connection.sendall(b'HTTP/1.1 404 No\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{"errors":[]}')

    with talking(note) as port:
        yield f"http://127.0.0.1:{port}", heard


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens at, and that the system gives to nobody by itself.

    A connection that has ended keeps it so for a minute (TIME_WAIT); who asks for it by its number gets it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        accepted.close()  # the end that closes first keeps the port
        client.recv(1)
        return int(server.getsockname()[1])
