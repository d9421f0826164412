"""Sign-in by an address that a code was sent to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from control_plane.accounts.claims import Claims, Proof, Requester
from control_plane.accounts.codes.codes import Codes, Purpose
from control_plane.delivery.contacts import Contact, InvalidContact, email_contact, phone_contact


class ConfirmedContacts:
    """Proves the claimed phone number or email address if the client entered its code in the last minutes, or sends the
    code with the claims."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    async def prove(self, claims: Claims) -> Sequence[Proof]:
        """Raises WrongCode."""
        if claims.requester is None:
            return ()
        return [
            proof for contact in _claimed(claims) if (proof := await self._proof(contact, claims, claims.requester))
        ]

    async def _proof(self, contact: Contact, claims: Claims, requester: Requester) -> Proof | None:
        if claims.code:
            code_id: int | None = await self._codes.confirm(contact, Purpose.SIGN_IN, claims.code, requester)
        else:
            code_id = await self._codes.confirmed(contact, Purpose.SIGN_IN, requester)
        if code_id is None:
            return None
        return Proof(email=contact.email, phone=contact.phone, code_id=code_id)


def _claimed(claims: Claims) -> Iterator[Contact]:
    """A code that comes with the claims belongs to the phone number if there is one."""
    if claims.phone and (phone := _contact(phone_contact, claims.phone)) is not None:
        yield phone
    if (
        claims.email
        and not (claims.code and claims.phone)
        and (email := _contact(email_contact, claims.email)) is not None
    ):
        yield email


def _contact(parse: Callable[[str], Contact], text: str) -> Contact | None:
    try:
        return parse(text)
    except InvalidContact:
        return None
