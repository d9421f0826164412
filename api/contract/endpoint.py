"""Endpoints of the contract, their sections and the registry. An endpoint is one typed function with a decorator.

    section = Section("wallet")

    @section.endpoint("showCoinWorth", access=Access.OPEN)
    async def show_coin_worth(call: Call, body: Nothing) -> CoinWorthAnswer: ...

The annotations name the request model and the type of `msg`. Path rules, lenient parsing, sessions, limits, the
envelope, error codes and metrics are handled for all endpoints in `dispatch.py`; OpenAPI is generated from the
registry.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, Union, get_args, get_type_hints

from api.contract import facts
from api.contract.call import Call
from api.contract.platform import Platform
from api.contract.request import Request, caller_fields
from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId

LARGEST_BODY = 8 << 20
"""Bytes of the largest JSON body of any endpoint, held in memory two or three times. Larger: `LARGE` calls need more
memory; smaller: phones' pictures in base64 do not fit."""


class Access(StrEnum):
    OPEN = "open"
    """No session is needed, and a session token is ignored."""
    GUEST = "guest"
    """A session is optional: it identifies the caller, and guests are served too."""
    USER = "user"
    """A session is required. A server that supports old app builds accepts a caller named in the body instead."""
    PROVEN = "proven"
    """A session is always required, because the call moves coins."""


class Nothing(Request, frozen=True):
    """The request of an endpoint without fields."""


@dataclass(frozen=True, slots=True)
class Beside:
    """An answer with its own keys beside `code` and `msg`."""

    msg: Any
    top_level: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IosRefusal:
    """What iOS gets where it cannot read a refusal's text: no `msg` at all, or `answers` with code 200."""

    answers: Any = None


class BeforeUpload(Protocol):
    """Called before the files of a form are read, where the session in the headers says who calls. `size`: of the body, as
    far as it is known. Raises what refuses the upload."""

    async def __call__(self, platform: Platform, user_id: UserId, size: int) -> None: ...


Handler = Callable[[Call, Any], Awaitable[Any]]
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    name: str
    aliases: tuple[str, ...]
    """Other names that app builds send. Differences in case, slashes and blanks need no alias."""
    section: str
    access: Access
    handler: Handler
    request: type[Request]
    answer: Any
    """Type of `msg`."""
    caller_fields: tuple[str, ...]
    top_level: Mapping[str, Any]
    """Keys beside `code` and `msg` that clients need in every answer, refusals included, with their default values."""
    summary: str
    refusals: tuple[type[ControlPlaneError], ...]
    """Errors that this endpoint raises, without those that every call may raise."""
    uploads: Mapping[str, int]
    """Fields of files, with the largest size of each in bytes."""
    takes_form: bool
    """The endpoint takes a multipart form as well as JSON."""
    before_upload: BeforeUpload | None
    ios_refusal: IosRefusal | None
    body_limit: int
    """Largest JSON body in bytes where it may be larger than LIVE_BODY_LIMIT; 0: that limit."""
    waits_s: float
    """How long the endpoint itself may wait for a job. It does not count towards the deadline of the call."""
    ends_session: bool
    """The caller's session is not valid after the call."""
    swapped_ids: bool
    """The field of the caller may name another user: the endpoint finds out which of its fields names the caller."""


class Section:
    """One section of the contract: its endpoints in the order of their definition."""

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
        takes_form: bool = False,
        before_upload: BeforeUpload | None = None,
        ios_refusal: IosRefusal | None = None,
        body_limit: int = 0,
        waits_s: float = 0.0,
        ends_session: bool = False,
        swapped_ids: bool = False,
    ) -> Callable[[F], F]:
        assert body_limit <= LARGEST_BODY, f"{name}: a larger body needs a form, whose files are on disk"

        def register(handler: F) -> F:
            hints = get_type_hints(handler)
            request = hints["body"]
            self.endpoints.append(
                Endpoint(
                    name=name,
                    aliases=aliases,
                    section=self.name,
                    access=access,
                    handler=handler,
                    request=request,
                    answer=_msg_type(hints["return"]),
                    caller_fields=caller_fields(request),
                    top_level=top_level,
                    summary=inspect.getdoc(handler) or "",
                    refusals=refusals,
                    uploads=uploads,
                    takes_form=takes_form or bool(uploads),
                    before_upload=before_upload,
                    ios_refusal=ios_refusal,
                    body_limit=body_limit,
                    waits_s=waits_s,
                    ends_session=ends_session,
                    swapped_ids=swapped_ids,
                )
            )
            return handler

        return register


def _msg_type(answer: Any) -> Any:
    """The type of `msg`: Receipt for the annotations `Receipt` and `Receipt | Beside`."""
    options = tuple(option for option in get_args(answer) if option is not Beside)
    return Union[options] if len(options) < len(get_args(answer)) else answer  # noqa: UP007


class Registry:
    """All endpoints, found by name or alias in any case."""

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
    """The normalized name in a path: `shownearbyvideos` for `/api//showNearbyVideos` and for `/SHOWNEARBYVIDEOS/`."""
    parts = [part for part in path.strip().lower().split("/") if part.strip()]
    if parts and parts[0] == "api":
        parts = parts[1:]
    return "/".join(parts).strip()


@functools.cache
def _contract_names() -> Mapping[str, str]:
    """Normalized names and aliases of all endpoints of the contract → the endpoint's name."""
    return {
        endpoint_name(path): endpoint.name
        for endpoint in facts.load().endpoints.values()
        for path in (*endpoint.aliases, endpoint.name)
    }


def unserved(path: str) -> str:
    """The name of a contract endpoint that this server does not serve, by path; "" for paths outside the contract."""
    return _contract_names().get(endpoint_name(path), "")
