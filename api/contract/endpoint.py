"""An endpoint of the contract: one typed function and a decorator.

    section = Section("wallet")

    @section.endpoint("showCoinWorth", access=Access.OPEN)
    async def show_coin_worth(call: Call, body: Nothing) -> CoinWorthAnswer: ...

The annotations name the models that go in and out. Everything else (path rules, leniency, session, limits, envelope, error codes, metrics,
OpenAPI) is done once, in `dispatch.py`, for every endpoint alike.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType, UnionType
from typing import Any, TypeVar, Union, get_args, get_type_hints

from api.contract import facts
from api.contract.call import Call
from api.contract.request import Request, caller_fields
from control_plane.base.errors import ControlPlaneError


class Access(StrEnum):
    OPEN = "open"
    """Works without a session, and does not look for one."""
    GUEST = "guest"
    """A session is used when there is one; guests are answered too."""
    USER = "user"
    """A session is needed; where old app builds are served, the body may name the caller instead."""
    PROVEN = "proven"
    """A session is needed, always: money moves."""


class Nothing(Request, frozen=True):
    """The request of an endpoint that takes none."""


@dataclass(frozen=True, slots=True)
class Beside:
    """An answer with keys beside `code` and `msg`; the endpoint's decorator declares them as `top_level`."""

    msg: Any
    top_level: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IosRefusal:
    """What iOS gets where it cannot read a refusal's text: no `msg` at all, or `answers` with code 200."""

    answers: Any = None


Handler = Callable[[Call, Any], Awaitable[Any]]
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str
    aliases: tuple[str, ...]
    """Other names that builds really send; case, slashes and blanks need none."""
    section: str
    access: Access
    handler: Handler
    request: type[Request]
    answer: Any
    """Type of `msg`."""
    caller_fields: tuple[str, ...]
    top_level: Mapping[str, Any]
    """Keys beside `code` and `msg` that clients need in every answer, with their neutral values."""
    summary: str
    refusals: tuple[type[ControlPlaneError], ...]
    """What this endpoint refuses, beyond what every call may be refused for."""
    uploads: Mapping[str, int]
    """Fields of files, with the largest size of each in bytes: the endpoint takes a multipart form as well as JSON."""
    ios_refusal: IosRefusal | None


class Section:
    """Endpoints of one part of the contract, in the order in which they are written down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.endpoints: list[Endpoint] = []

    def endpoint(
        self,
        name: str,
        *,
        access: Access = Access.USER,
        aliases: tuple[str, ...] = (),
        top_level: Mapping[str, Any] = MappingProxyType({}),
        refusals: tuple[type[ControlPlaneError], ...] = (),
        uploads: Mapping[str, int] = MappingProxyType({}),
        ios_refusal: IosRefusal | None = None,
    ) -> Callable[[F], F]:
        def register(handler: F) -> F:
            hints = get_type_hints(handler)
            request = hints["body"]
            self.endpoints.append(
                Endpoint(
                    name,
                    aliases,
                    self.name,
                    access,
                    handler,
                    request,
                    _msg_type(hints["return"]),
                    caller_fields(request),
                    top_level,
                    inspect.getdoc(handler) or "",
                    refusals,
                    uploads,
                    ios_refusal,
                )
            )
            return handler

        return register


def _msg_type(answer: Any) -> Any:
    """`Receipt | Beside` answers a Receipt as its `msg`, and keys beside it."""
    options = tuple(option for option in get_args(answer) if option is not Beside)
    return Union[options] if isinstance(answer, UnionType) else answer  # noqa: UP007


class Registry:
    """All endpoints by the names that clients may use, in any case."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self.endpoints = [endpoint for section in sections for endpoint in section.endpoints]
        self._by_name: dict[str, Endpoint] = {}
        for endpoint in self.endpoints:
            for name in (endpoint.name, *endpoint.aliases):
                assert name.lower() not in self._by_name, f"{name} is registered twice"
                self._by_name[name.lower()] = endpoint

    def find(self, path: str) -> Endpoint | None:
        return self._by_name.get(endpoint_name(path))


def endpoint_name(path: str) -> str:
    """`/api//showNearbyVideos`, `/SHOWNEARBYVIDEOS/` and `/api/shownearbyvideos%20` (decoded) are one endpoint."""
    parts = [part for part in path.strip().lower().split("/") if part.strip()]
    if parts and parts[0] == "api":
        parts = parts[1:]
    return "/".join(parts).strip()


@functools.cache
def _contract_names() -> Mapping[str, str]:
    """Every name and path of the contract, as `endpoint_name` writes it, with the endpoint's name."""
    return {
        endpoint_name(path): endpoint.name
        for endpoint in facts.load().endpoints.values()
        for path in (*endpoint.aliases, endpoint.name)
    }


def unserved(path: str) -> str:
    """For a path that leads to no endpoint of ours: the contract's name for it, or "" when the contract has none either."""
    return _contract_names().get(endpoint_name(path), "")
