"""The recorder passes on what it is asked, and keeps it; curl then asks the same."""

from tests.benchmarks.stores import _config
from tests.openbao import Bao
from tests.recorder import Asked, recorder


def test_what_is_asked_is_passed_on_and_kept(bao: Bao) -> None:
    mount = bao.new_mount()
    with recorder(bao.address) as (address, asked):
        through = bao._replace(address=address)
        written = through.ask("POST", f"{mount}/data/a/b", {"data": {"value": "v"}})
        read = through.ask("GET", f"{mount}/data/a/b?version=1")
        listed = through.ask("LIST", f"{mount}/metadata/a")
        missing = through.ask("GET", f"{mount}/data/none")
        looked = through.ask("GET", "auth/token/lookup-self")

    assert read[1]["data"]["data"] == {"value": "v"}
    assert looked[0] == 200  # as a run asks that takes long
    assert (written[0], listed[1]["data"]["keys"], missing[1]["errors"]) == (200, ["b"], [])
    assert asked == [
        Asked("POST", f"/v1/{mount}/data/a/b", 200),
        Asked("GET", f"/v1/{mount}/data/a/b?version=1", 200),
        Asked("LIST", f"/v1/{mount}/metadata/a", 200),
        Asked("GET", f"/v1/{mount}/data/none", 404),
    ]


def test_each_request_has_its_own_settings() -> None:
    text = _config([Asked("LIST", "/v1/a", 200), Asked("GET", "/v1/a/b", 404)], "https://here", ["silent", "x = y"])

    first, second = text.split("\nnext\n")
    assert first.splitlines() == ['url = "https://here/v1/a"', 'request = "LIST"', "silent", "x = y"]
    assert second.splitlines() == ['url = "https://here/v1/a/b"', 'request = "GET"', "silent", "x = y"]
