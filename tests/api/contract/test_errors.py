"""Every error that a call may raise has a code of the contract."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator

import pytest

import api
import control_plane
import stagedoor
from api.contract.client import Client
from api.contract.errors import CODES, SessionMissing, TooManyRequests, contract_code
from api.sections import registry
from control_plane.accounts.sessions import AccountBlocked
from control_plane.base.errors import ControlPlaneError, ErrorKind


def every_error() -> Iterator[type[ControlPlaneError]]:
    """All error classes of the domain and of this folder."""
    for package in (control_plane, api, stagedoor):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting = [ControlPlaneError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            waiting.append(error)
            if error.__module__.partition(".")[0] in {"control_plane", "api", "stagedoor"}:
                yield error


ERRORS = {error.__name__: error for error in every_error()}


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_says_of_what_kind_it_is(name: str) -> None:
    assert ERRORS[name].kind in ErrorKind


def test_every_kind_has_a_code() -> None:
    assert CODES.keys() == set(ErrorKind)


def test_what_an_endpoint_refuses_stops_no_server() -> None:
    refusals = {refusal for endpoint in registry(dev=True).endpoints for refusal in endpoint.refusals}
    assert len(refusals) > 10
    assert not [refusal for refusal in refusals if refusal.kind in (ErrorKind.STOPS, ErrorKind.UNAVAILABLE)]


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
