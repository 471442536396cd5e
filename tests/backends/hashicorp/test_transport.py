"""The transport to OpenBao and Vault: a real server, and a peer made by hand for the answers that no real one gives."""

from collections.abc import Iterator

import pytest

from credvault.backends.hashicorp.address import Address
from credvault.backends.hashicorp.transport import Request, Transport
from credvault.model.value import SecretValue
from tests.openbao import Bao


def address_of(bao: Bao) -> Address:
    """Return where a real server is."""
    scheme, _, authority = bao.address.partition("://")
    host, _, port = authority.rpartition(":")
    return Address(scheme, host, int(port), "VAULT_ADDR", ca_file=bao.ca_file)


@pytest.fixture
def transport(bao: Bao) -> Iterator[Transport]:
    """A transport to the real server."""
    transport = Transport(address_of(bao))
    yield transport
    transport.close()


def test_answers_come_in_the_order_of_the_requests(bao: Bao, transport: Transport) -> None:
    mount, token = bao.new_mount(), SecretValue(bao.token.encode())
    for number in range(30):
        bao.must("POST", f"{mount}/data/n/{number}", {"data": {"value": str(number) * 1000}})

    answers = transport.ask_all([Request("GET", f"{mount}/data/n/{number}") for number in range(30)], token)

    assert [answer.body["data"]["data"]["value"] for answer in answers] == [str(n) * 1000 for n in range(30)]
