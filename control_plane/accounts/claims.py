"""What a client claims about its user at sign-in, and what proves it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from control_plane.accounts.user import Identity


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for a code or enters one: a confirmed code is used by the same client only."""

    origin: str
    """The network address, as limits count it."""
    app: str
    """The app, told by its API key."""

    @property
    def name(self) -> str:
        return f"{self.origin} {self.app}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a client claims about its user. Empty text: not given."""

    auth_token: str = ""
    nonce: str = ""
    """What the app gave the provider's library, which the provider signs. Empty: none."""
    social: str = ""
    social_id: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    dob: dt.date | None = None
    email: str = ""
    phone: str = ""
    password: str = ""
    profile_pic: str = ""
    referral_code: str = ""
    device_token: str = ""
    code: str = ""
    """The code that was sent to `phone`, else to `email`. Empty: it was entered before."""
    requester: Requester | None = None
    """Who signs in. None: no code counts."""
    makes_account: bool = False
    """Whether a proven user without an account signs up, although neither a username nor a date of birth is claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    identity: Identity | None = None
    email: str = ""
    """An email address that the prover has verified, in lower case."""
    phone: str = ""
    """A phone number that the prover has verified, in E.164."""
    code_id: int | None = None
    """The confirmed code that this proof uses up."""


class Prover(Protocol):
    """Verifies one kind of claim, such as a provider's token with that provider's published keys."""

    async def prove(self, claims: Claims) -> Sequence[Proof]:
        """What the claims prove. Empty: they hold nothing for this prover. Raises a ControlPlaneError for a claim that
        is meant for this prover and is false."""
        ...
