"""Where the agent's socket is, by the environment alone."""

from collections.abc import Mapping

import pytest

from credvault.model.folders import agent_socket, xdg_folder, xdg_state_folder

SOCKETS: dict[str, tuple[Mapping[str, str], str | None]] = {
    "the variable": ({"CREDVAULT_AGENT_SOCKET": "/s", "XDG_RUNTIME_DIR": "/run/user/1"}, "/s"),
    "a relative variable": ({"CREDVAULT_AGENT_SOCKET": "s", "XDG_RUNTIME_DIR": "/run/user/1"}, None),
    "an empty variable": (
        {"CREDVAULT_AGENT_SOCKET": "", "XDG_RUNTIME_DIR": "/run/user/1"},
        "/run/user/1/credvault/agent.sock",
    ),
    "the runtime folder": ({"XDG_RUNTIME_DIR": "/run/user/1/"}, "/run/user/1/credvault/agent.sock"),
    "a relative runtime folder": ({"XDG_RUNTIME_DIR": "run"}, "/state/agent.sock"),
    "nothing": ({}, "/state/agent.sock"),
}


@pytest.mark.parametrize(("environ", "expected"), SOCKETS.values(), ids=SOCKETS)
def test_socket_is_where_format_md_says(environ: Mapping[str, str], expected: str | None) -> None:
    assert agent_socket(environ, "/state") == expected


def test_there_is_no_socket_where_there_is_no_folder() -> None:
    assert agent_socket({}, None) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/x/"}, "/x/credvault"),
        ({"XDG_STATE_HOME": "x", "HOME": "/home/user"}, "/home/user/.local/state/credvault"),
        ({"HOME": "/home/user/"}, "/home/user/.local/state/credvault"),
        ({"HOME": "/"}, "/.local/state/credvault"),
        ({"HOME": "home"}, None),
        ({}, None),
    ],
)
def test_state_folder_is_that_of_xdg(environ: Mapping[str, str], expected: str | None) -> None:
    assert xdg_state_folder(environ) == expected


def test_any_folder_is_below_the_one_that_its_variable_names() -> None:
    assert xdg_folder({"XDG_DATA_HOME": "/d", "HOME": "/h"}, "XDG_DATA_HOME", ".local/share") == "/d/credvault"
