"""What the trail calls a secret of a store that has no id for it."""

import json
from pathlib import Path

from credvault.backends.references import LocalReferences
from credvault.config import Flags, load_settings
from credvault.model.names import parse_name
from tests.conftest import Cli
from tests.openbao import Bao

NAME = parse_name("openai/api_key")


def references(home: Path, address: str) -> LocalReferences:
    environ = {"HOME": str(home), "VAULT_ADDR": address}
    return LocalReferences(load_settings(Flags(backend="hashicorp"), environ, str(home)))


def test_name_has_one_id_from_run_to_run_and_another_in_another_store_and_on_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()

    first = references(here, "https://vault.example.org")(NAME)

    assert len(first) == 16
    assert references(here, "https://vault.example.org")(NAME) == first
    assert references(here, "https://vault.example.org")(parse_name("openai/other")) != first
    assert references(here, "https://vault.example.com")(NAME) != first
    assert references(there, "https://vault.example.org")(NAME) != first


def test_secret_of_a_server_is_known_to_the_trail_which_does_not_tell_its_name(cli: Cli, bao: Bao) -> None:
    env = {**bao.environ, "VAULT_KV_MOUNT": bao.new_mount()}
    cli("--backend", "hashicorp", "add", "openai/api_key", "--stdin", stdin=b"sk-1", env=env, check=True)

    cli("--backend", "hashicorp", "get", "openai/api_key", env=env, check=True)

    trail = (cli.home / ".local/state/credvault/trail.jsonl").read_text()
    added, read = (json.loads(line) for line in trail.splitlines()[-2:])
    assert (added["command"], read["command"]) == ("add", "get")
    assert added["entry"] == read["entry"] != "-"
    assert "openai" not in trail
    listed = json.loads(cli("--backend", "hashicorp", "list", "--json", env=env, check=True).stdout)
    assert listed[0]["last_used_at"] == read["time"]


def test_a_salt_that_somebody_edited_is_no_reason_for_a_read_to_fail(cli: Cli, bao: Bao) -> None:
    env = {**bao.environ, "VAULT_KV_MOUNT": bao.new_mount()}
    cli("--backend", "hashicorp", "add", "openai/api_key", "--stdin", stdin=b"sk-1", env=env, check=True)
    salt = cli.home / ".local/state/credvault/salt.json"
    salt.write_text(json.dumps({"salt": "no hexadecimal number, \ud800, and far longer than a key may be" * 9}))

    done = cli("--backend", "hashicorp", "get", "openai/api_key", env=env)

    assert (done.returncode, done.stdout) == (0, b"sk-1")
