"""Opens the App Store from the settings, with clear errors about wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.declare import variable_of
from control_plane.config.stores import Apple

if TYPE_CHECKING:
    from control_plane.payments.stores.apple.client import AppStore


class UnusableAppStore(ControlPlaneError):
    """A setting of the App Store is missing or wrong. The text never quotes the key."""

    code = "unusable_app_store"
    kind = ErrorKind.STOPS


def open_apple(settings: Apple, session: aiohttp.ClientSession) -> AppStore | None:
    """None without a bundle id. Raises UnusableAppStore."""
    if not settings.bundle_id:
        return None
    for name in ("issuer_id", "key_id", "private_key_file", "root_certificates"):
        if not getattr(settings, name):
            raise UnusableAppStore(f"{_variable(name)} is missing: purchases from the App Store need it.")
    if settings.environment == "production" and not settings.app_id:
        raise UnusableAppStore(
            f"{_variable('app_id')} is missing: the production environment needs the app's Apple ID, see App Store "
            "Connect, app information."
        )
    private_key, roots = _private_key(settings.private_key_file), _certificates(settings.root_certificates)
    try:
        # Imported here: an optional extra, slow to import, and not needed without the App Store.
        from appstoreserverlibrary.models.Environment import Environment
    except ImportError:
        raise UnusableAppStore(
            f"{_variable('bundle_id')} is set, but app-store-server-library is not installed: install Stagedoor with "
            "the extra `apple`."
        ) from None
    from control_plane.payments.stores.apple.client import AppStore
    from control_plane.payments.stores.apple.server_api import ServerApi
    from control_plane.payments.stores.apple.signed_data import SignedData

    # Exactly these two: with any other environment the library verifies no signature.
    environment = Environment.SANDBOX if settings.environment == "sandbox" else Environment.PRODUCTION
    return AppStore(
        ServerApi(
            private_key, settings.key_id, settings.issuer_id, settings.bundle_id, environment, settings.url, session
        ),
        SignedData(roots, environment, settings.bundle_id, settings.app_id or None),
        has_consent=settings.consumption_consent,
    )


def _private_key(file: str) -> bytes:
    """PEM. Raises UnusableAppStore."""
    pem = _contents("private_key_file", file)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, ArithmeticError):  # TypeError: encrypted
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UnusableAppStore(
            f"The file of {_variable('private_key_file')} must hold an In-App Purchase key (P-256, PEM), as App Store "
            "Connect gives it."
        )
    return pem


def _certificates(files: Sequence[str]) -> list[bytes]:
    """DER. Raises UnusableAppStore."""
    found = []
    for file in files:
        contents = _contents("root_certificates", file)
        try:
            is_pem = b"-----BEGIN CERTIFICATE-----" in contents
            certificates = (
                x509.load_pem_x509_certificates(contents) if is_pem else [x509.load_der_x509_certificate(contents)]
            )
            for certificate in certificates:
                certificate.verify_directly_issued_by(certificate)
        except (ValueError, TypeError, InvalidSignature):
            raise UnusableAppStore(f"{_variable('root_certificates')}: {file} is no root certificate.") from None
        found += [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    return found


def _contents(name: str, file: str) -> bytes:
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise UnusableAppStore(f"{_variable(name)}: {file} cannot be read: {error.strerror}.") from None


def _variable(name: str) -> str:
    return variable_of(f"stores.apple.{name}")
