"""The real stores that the backends are tested with are what the tests take them for."""

import os
import subprocess
import sys
from pathlib import Path

from tests.openbao import Bao, development_server
from tests.secretservice import SecretService


def test_openbao_gives_back_by_its_own_client_what_is_put(bao: Bao) -> None:
    mount = bao.new_mount()

    bao.must("POST", f"{mount}/data/x/y", {"data": {"value": "v"}})

    assert bao.cli("kv", "get", "-field=value", f"{mount}/x/y") == "v"


def test_openbao_speaks_tls_by_a_ca_of_its_own(tmp_path: Path) -> None:
    with development_server(tmp_path, tls=True) as server:
        assert server.address.startswith("https://")
        assert server.ask("GET", "secret/config")[0] == 200


def test_the_secret_service_is_the_one_that_keyring_finds(keyring_service: SecretService) -> None:
    code = "import keyring as k; k.set_password('peer', 'a', 'c'); print(k.get_password('peer', 'a'), k.get_keyring())"

    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **keyring_service.environ}, capture_output=True, check=True
    )

    assert done.stdout.startswith(b"c keyring.backends.SecretService")
