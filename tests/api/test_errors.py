"""Every error that a call may meet has its code of the contract."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator

import pytest

import api
import control_plane
from api.contract.client import Client
from api.errors import CODES, SessionMissing, TooManyRequests, contract_code
from control_plane.accounts.sessions import AccountBlocked
from control_plane.errors import ControlPlaneError

NEVER_MET_BY_A_CALL = {
    "DataDirectoryInUse": "stops the start",
    "NoDataDirectory": "stops the start",
    "DatabaseIsNewer": "stops the start",
    "EmbeddedPostgresFailed": "stops the start, or the server",
    "InvalidSettings": "stops the start",
    "PortInUse": "stops the start",
    "UnusableSecrets": "stops the start",
    "AnotherServerRuns": "stops the start, or the server",
    "UnusableIncarnation": "stops the start",
    "NotWritten": "stops a command",
    "UsedInDevelopment": "stops the start",
    "DatabaseReplaced": "stops the server",
    "NoUnprivilegedUser": "stops the start",
    "NotInstalled": "raised to operators at the command line",
    "ServerRuns": "raised to operators at the command line",
    "LedgerIsWrong": "raised to operators at the command line",
    "PartFailed": "stops the server",
    "InvalidAdjustment": "raised to operators at the command line",
}


def every_error() -> Iterator[type[ControlPlaneError]]:
    """Those of the domain and of this folder, wherever they are defined."""
    for package in (control_plane, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting = [ControlPlaneError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            waiting.append(error)
            if error.__module__.partition(".")[0] in {"control_plane", "api"}:
                yield error


ERRORS = {error.__name__: error for error in every_error()}


@pytest.mark.parametrize("name", sorted(ERRORS.keys() - NEVER_MET_BY_A_CALL.keys()))
def test_an_error_has_its_code(name: str) -> None:
    assert ERRORS[name] in CODES


def test_what_no_call_meets_needs_none() -> None:
    assert NEVER_MET_BY_A_CALL.keys() <= ERRORS.keys(), "an exception for an error that is gone"
    assert not {ERRORS[name] for name in NEVER_MET_BY_A_CALL} & CODES.keys()


def test_every_error_has_a_word_of_its_own() -> None:
    words = Counter(error.code for error in ERRORS.values())
    assert [word for word, count in words.items() if count > 1] == []
    assert ControlPlaneError.code not in words


def test_codes_are_those_of_the_contract() -> None:
    assert set(CODES.values()) <= {201, 202, 400, 401, 404, 500}


@pytest.mark.parametrize(
    ("client", "code"),
    [(Client.IOS, 401), (Client.DOCUMENT, 401), (Client.ANDROID, 501), (Client.ANDROID_KT, 501)],
)
def test_a_missing_session_is_told_as_each_app_understands_it(client: Client, code: int) -> None:
    assert contract_code(SessionMissing(), client) == code


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("error", [AccountBlocked(), TooManyRequests(2.5)])
def test_all_else_is_told_to_every_app_alike(client: Client, error: ControlPlaneError) -> None:
    assert contract_code(error, client) == 201


def test_only_a_ban_says_what_the_apps_take_for_a_ban() -> None:
    assert "have been blocked" in str(AccountBlocked())
    assert "have been blocked" not in str(SessionMissing())
    assert "have been blocked" not in str(TooManyRequests(1))
