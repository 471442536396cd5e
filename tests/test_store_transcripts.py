"""One command line on every store: a transcript that names none is played, unchanged, against each of them.

CREDVAULT_RECORD=1 pytest tests/test_store_transcripts.py -k file rewrites what it expects.
"""

import os
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from credvault.testing import CHEAP_KDF  # noqa: F401
from tests.home import Home
from tests.openbao import Bao
from tests.resident import resident_memory
from tests.secretservice import SecretService
from tests.stage import Stage, play
from tests.transcript import ABILITIES

TRANSCRIPTS = sorted(Path(__file__).parent.joinpath("transcripts/stores").glob("*.txt"))
OF_HASHICORP = sorted(Path(__file__).parent.joinpath("transcripts/hashicorp").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
class TestEveryStore:
    def test_file(self, path: Path) -> None:
        def furnish(stage: Stage) -> None:
            home = Home(stage.root / "home").furnish()
            stage.env["CREDVAULT_KEY_FILE"] = str(home.key_file)

        check(path, furnish, ABILITIES)

    def test_memory(self, path: Path, tmp_path: Path) -> None:
        with resident_memory(tmp_path) as variables:
            check(path, lambda stage: stage.env.update(variables), ABILITIES)

    def test_keyring(self, path: Path, keyring_service: SecretService) -> None:
        variables = {**keyring_service.environ, "CREDVAULT_BACKEND": "keyring"}
        try:
            check(path, lambda stage: stage.env.update(variables), ABILITIES)
        finally:
            keyring_service.empty()

    def test_hashicorp(self, path: Path, bao: Bao) -> None:
        check(path, lambda stage: use_openbao(stage, bao, "secret"), ABILITIES)

    def test_hashicorp_with_the_layout_field(self, path: Path, bao: Bao) -> None:
        check(path, lambda stage: use_openbao(stage, bao, "field"), ())


@pytest.mark.parametrize("path", OF_HASHICORP, ids=lambda path: path.stem)
def test_hashicorp_does_what_only_it_can(path: Path, bao: Bao) -> None:
    check(path, lambda stage: use_openbao(stage, bao, "secret"), ABILITIES)


def use_openbao(stage: Stage, bao: Bao, layout: str) -> None:
    """Let the program find a new mount of a server, by a profile and by the server's variables."""
    config = stage.root / "home/.config/credvault/config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    lines = ['default_profile = "prod"', "[profiles.prod]", 'backend = "hashicorp"', f'layout = "{layout}"']
    config.write_text("\n".join([*lines, f'mount = "{bao.new_mount()}"\n']), encoding="utf-8")
    stage.env.update(bao.environ)


def check(path: Path, prepare: Callable[[Stage], None], abilities: Collection[str]) -> None:
    """Play a transcript on a stage that is prepared for one store."""
    failures = play(path, record=bool(os.environ.get("CREDVAULT_RECORD")), prepare=prepare, abilities=abilities)

    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)
