"""`docker`, as the real client reads it: a hand-made engine takes the place of Docker's, and keeps what it is told."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread

import pytest

from credvault.delivery.formats import render
from credvault.model.errors import InvalidValue
from tests.delivery.formats.proof import injection, is_carried, is_text, need, refused_after_proof

LINE_BYTES = 65_536  # with variable, '=' and the end


class Engine(ThreadingMixIn, UnixStreamServer):
    """What a client asks for when it makes a container: `environments` has one list for each."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, Desk)
        self.environments: list[list[str]] = []


class Desk(BaseHTTPRequestHandler):
    """Answers a client so far that it says what is to be run, and no further."""

    server: Engine

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._answer(200, b"OK")

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "/containers/create" in self.path:
            self.server.environments.append(wanted["Env"])
        self._answer(409, b'{"message": "no container is made here"}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"API-Version": "1.41", "OSType": "linux", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def engine() -> Iterator[Engine]:
    need("docker")
    with tempfile.TemporaryDirectory(prefix="cv-", dir="/tmp") as folder, Engine(f"{folder}/engine.sock") as engine:
        server = Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.05})
        server.start()
        try:
            yield engine
        finally:
            engine.shutdown()
            server.join()


def client(engine: Engine, folder: Path) -> dict[str, str]:
    """Return the environment of the client: whom it asks, and no settings of anybody's."""
    path = "/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(folder), "DOCKER_HOST": f"unix://{engine.server_address!s}"}


def run_docker(engine: Engine, text: bytes, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run the client with a file of variables."""
    file = folder / "exported"
    file.write_bytes(text)
    return subprocess.run(
        ["docker", "run", "--pull", "never", "--env-file", str(file), "image"],
        env=client(engine, folder),
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )


def environment_of(engine: Engine, text: bytes, folder: Path) -> Mapping[str, bytes]:
    """Return what a container would have as its environment."""
    engine.environments.clear()
    done = run_docker(engine, text, folder)
    assert b"no container is made here" in done.stderr, done
    (environment,) = engine.environments
    pairs = [entry.partition("=") for entry in environment]
    return {name: value.encode() for name, _, value in pairs}


def test_every_value_arrives_in_a_container(engine: Engine, tmp_path: Path) -> None:
    refused = refused_after_proof("docker", lambda text: environment_of(engine, text, tmp_path), tmp_path, count=20_000)

    assert refused
    assert all(
        not is_text(value) or b"\n" in value or value.endswith(b"\r") or len(value) > LINE_BYTES - 5
        for value in refused
    )


def test_line_is_as_long_as_docker_takes_and_no_longer(engine: Engine, tmp_path: Path) -> None:
    longest = b"x" * (LINE_BYTES - len("A=\n"))

    read = environment_of(engine, render("docker", [injection(longest)]), tmp_path)
    longer = run_docker(engine, b"A=" + longest + b"x\n", tmp_path)

    assert read == {"A": longest}
    assert not is_carried("docker", longest + b"x")
    assert b"too long" in longer.stderr


@pytest.mark.parametrize("value", [b"\xff", b"a\nB=b", b"a\r"], ids=["not UTF-8", "a newline", "a carriage return"])
def test_what_docker_would_alter_is_refused(value: bytes, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue) as refused:
        render("docker", [injection(value)])

    assert refused.value.message.startswith("A (the test) cannot be exported as docker: ")
    engine.environments.clear()
    run_docker(engine, b"A=" + value + b"\n", tmp_path)
    assert engine.environments != [["A=" + value.decode("utf-8", "replace")]]  # that is why


def test_quotes_are_the_value_s_own(engine: Engine, tmp_path: Path) -> None:
    text = render("docker", [injection(b"'quoted' \"twice\" # no comment ")])

    assert text == b"A='quoted' \"twice\" # no comment \n"
    assert environment_of(engine, text, tmp_path) == {"A": b"'quoted' \"twice\" # no comment "}


def test_client_reads_the_output_of_a_command(engine: Engine, tmp_path: Path) -> None:
    """As the README shows it, without a file."""
    need("bash")
    (tmp_path / "exported").write_bytes(render("docker", [injection(b"it's $HOME")]))
    script = "docker run --pull never --env-file <(cat exported) image"

    subprocess.run(["bash", "-c", script], env=client(engine, tmp_path), cwd=tmp_path, capture_output=True, check=False)

    assert engine.environments == [["A=it's $HOME"]]
