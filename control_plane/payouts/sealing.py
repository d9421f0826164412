"""Encrypts payout addresses, with AES-256-GCM. The user and the method are authenticated with the address, so what is
copied into another user's row cannot be decrypted there."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.payouts.addresses import shown
from control_plane.payouts.model import Address, Method, Sealed

_NONCE = 12


class Unreadable(ControlPlaneError):
    """The secret is not in the secrets file, or the bytes are not what was stored for this user. For operators: users are
    told `SavedAddressUnreadable`."""

    code = "payout_address_unreadable"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__("A payout address cannot be decrypted with this server's secrets.")


@dataclass(frozen=True, slots=True)
class Sealer:
    keyring: Keyring

    @property
    def key_id(self) -> str:
        """Of the secret that encrypts."""
        return self.keyring.signing.key_id

    def seal(self, user_id: UserId, address: Address) -> Sealed:
        nonce = secrets.token_bytes(_NONCE)
        secret = self.keyring.signing
        sealed = nonce + _cipher(secret).encrypt(nonce, address.value.encode(), _bound(user_id, address.method))
        return Sealed(address.method, sealed, secret.key_id, shown(address))

    def open(self, user_id: UserId, sealed: Sealed) -> Address:
        """Raises Unreadable."""
        secret = self.keyring.get(sealed.key_id)
        if secret is None:
            raise Unreadable
        nonce, content = sealed.sealed[:_NONCE], sealed.sealed[_NONCE:]
        try:
            value = _cipher(secret).decrypt(nonce, content, _bound(user_id, sealed.method))
        except (InvalidTag, ValueError):
            raise Unreadable from None
        return Address(sealed.method, value.decode())


def _cipher(secret: Secret) -> AESGCM:
    return AESGCM(hmac.digest(secret.value, b"stagedoor payout address/v1", "sha256"))


def _bound(user_id: UserId, method: Method) -> bytes:
    return f"payout of user {user_id} by {method.value}".encode()
