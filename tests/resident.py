"""The backend `memory` for programs that come and go: one store in a process of its own, asked over a Unix socket.

The command line refuses `memory`, which would forget at once. Here it is somebody's entry point, for transcripts.
"""

import io
import pickle
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from credvault.backends.base import Backend
from credvault.backends.memory import MemoryBackend
from credvault.config import Settings
from credvault.model.value import SecretValue
from tests.patience import SECONDS

SOCKET = "RESIDENT_SOCKET"


class ResidentBackend(Backend):
    """A MemoryBackend elsewhere: every method is a question to it."""

    name = MemoryBackend.name
    capabilities = MemoryBackend.capabilities

    def __init__(self, path: str) -> None:
        self._path = path

    def get(self, *args: Any) -> Any:
        return self._ask("get", *args)

    def check(self) -> Any:
        return self._ask("check")

    def put(self, *args: Any) -> Any:
        return self._ask("put", *args)

    def put_many(self, *args: Any) -> Any:
        return self._ask("put_many", *args)

    def delete(self, *args: Any) -> Any:
        return self._ask("delete", *args)

    def list(self) -> Any:
        return self._ask("list")

    def history(self, *args: Any) -> Any:
        return self._ask("history", *args)

    def _ask(self, method: str, *args: Any) -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(self._path)
            _send(connection, (method, args))
            answer = _receive(connection)
        if isinstance(answer, Exception):
            raise answer
        return answer


def open_resident(settings: Settings) -> Backend:
    """Return the store that the environment names."""
    return ResidentBackend(settings.environ[SOCKET])


@contextmanager
def resident_memory(folder: Path) -> Iterator[Mapping[str, str]]:
    """Hold a store in this process; give the variables by which a program finds it."""
    info = folder / "resident-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: resident\nVersion: 1\n", encoding="utf-8")
    point = "[credvault.backends]\nmemory = tests.resident:open_resident\n"
    (info / "entry_points.txt").write_text(point, encoding="utf-8")
    store, path = MemoryBackend(), str(folder / "memory.sock")
    with socket.create_server(path, family=socket.AF_UNIX) as server:
        thread = threading.Thread(target=_serve, args=(server, store), daemon=True)
        thread.start()
        try:
            root = Path(__file__).parent.parent
            yield {"PYTHONPATH": f"{folder}:{root}", "CREDVAULT_BACKEND": MemoryBackend.name, SOCKET: path}
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS)


def _serve(server: socket.socket, store: MemoryBackend) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            method, args = _receive(connection)
            try:
                act: Callable[..., object] = getattr(store, method)
                answer = act(*args)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever asked
                answer = error
            _send(connection, answer)


class _Pickler(pickle.Pickler):
    """Packs secret values, which refuse it elsewhere: they go no further than to a process of the test."""

    def reducer_override(self, obj: object) -> Any:
        return (SecretValue, (obj.reveal(),)) if isinstance(obj, SecretValue) else NotImplemented


def _send(connection: socket.socket, message: object) -> None:
    packed = io.BytesIO()
    _Pickler(packed).dump(message)
    connection.sendall(struct.pack("!I", len(packed.getvalue())) + packed.getvalue())


def _receive(connection: socket.socket) -> Any:
    with connection.makefile("rb") as stream:
        (size,) = struct.unpack("!I", stream.read(4))
        return pickle.loads(stream.read(size))  # noqa: S301 - from the test itself
