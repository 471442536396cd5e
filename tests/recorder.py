"""Stands before a server, passes on what it is asked, and keeps a list of it. HTTP/1.1 on the loopback interface."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.patience import SECONDS

# Of one connection; the server's own are passed on to no other.
_OF_A_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


# What keeps a token alive asks by the clock, in a run that takes long; it is passed on, and no part of the list.
_OF_A_RENEWAL = {"/v1/auth/token/lookup-self", "/v1/auth/token/renew-self"}


class Asked(NamedTuple):
    """A request, its path below the server's address, and the status it was answered with."""

    method: str
    path: str
    status: int


@contextmanager
def recorder(address: str, ca_file: str | None = None) -> Iterator[tuple[str, list[Asked]]]:
    """Give the address that passes on to `address`, and the list of what was asked there, which grows."""
    asked: list[Asked] = []
    place = urlsplit(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_HOP}
            connection = _connection(str(place.hostname), int(place.port or 0), ca_file)
            try:
                connection.request(self.command, self.path, body or None, sent)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            if self.path not in _OF_A_RENEWAL:
                asked.append(Asked(self.command, self.path, answer.status))
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_A_HOP:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _connection(host: str, port: int, ca_file: str | None) -> http.client.HTTPConnection:
    if ca_file is None:
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context(cafile=ca_file))
