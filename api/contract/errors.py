"""The one table from what went wrong to the contract's code. A test fails when an error of ours is missing here."""

from __future__ import annotations

from api.contract.client import Client, WrongApiKey
from api.contract.request import BodyTooLarge, MalformedRequest
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import AlreadyTaken, ClaimTooLong, InvalidUsername, NotRegistered, SignInNotProven
from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import DatabaseUnavailable
from control_plane.eventlog.log import StreamUnknown
from control_plane.gifts.sending import GiftToOneself, InvalidGiftCount, ReceiverNotLive, UnknownGift
from control_plane.ledger.transfers import IdempotencyConflict, InvalidClientRef, NotEnoughCoins, TooManyCoins
from control_plane.payments.purchases import PurchaseOfAnother, StoreNotConnected, UnknownProduct
from control_plane.payments.shops import PurchasePending, PurchaseRefunded, ReceiptRefused
from control_plane.streams.media.model import MediaServerUnavailable
from control_plane.streams.model import NotYourStream, StreamNotFound, StreamNotOpen, StreamOver, VisibilityNotAvailable

DONE, REFUSED, WRONG_KEY, MALFORMED, NO_SESSION, NOT_FOUND, FAILED, LOG_OUT = 200, 201, 202, 400, 401, 404, 500, 501


class SessionMissing(ControlPlaneError):
    """No session, or one that is not valid any more."""

    code = "session_missing"

    def __init__(self) -> None:
        super().__init__("Please sign in.")


class CallerDiffers(ControlPlaneError):
    """The body names another user than the session does."""

    code = "caller_differs"


class EndpointUnknown(ControlPlaneError):
    code = "endpoint_unknown"


class TooManyRequests(ControlPlaneError):
    code = "too_many_requests"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("That was too often. Please wait a moment.")
        self.retry_after_s = retry_after_s


CODES: dict[type[ControlPlaneError], int] = {
    AccountBlocked: REFUSED,
    AlreadyTaken: REFUSED,
    BodyTooLarge: MALFORMED,
    CallerDiffers: REFUSED,
    ClaimTooLong: REFUSED,
    DatabaseUnavailable: FAILED,
    EndpointUnknown: NOT_FOUND,
    GiftToOneself: REFUSED,
    IdempotencyConflict: REFUSED,
    InvalidClientRef: REFUSED,
    InvalidGiftCount: REFUSED,
    InvalidUsername: REFUSED,
    MalformedRequest: MALFORMED,
    MediaServerUnavailable: FAILED,
    NotEnoughCoins: REFUSED,
    NotRegistered: REFUSED,
    NotYourStream: REFUSED,
    PurchaseOfAnother: REFUSED,
    PurchasePending: REFUSED,
    PurchaseRefunded: REFUSED,
    ReceiptRefused: REFUSED,
    ReceiverNotLive: REFUSED,
    SessionMissing: NO_SESSION,
    SignInNotProven: REFUSED,
    StoreNotConnected: REFUSED,
    StreamNotFound: NOT_FOUND,
    StreamNotOpen: REFUSED,
    StreamOver: REFUSED,
    StreamUnknown: NOT_FOUND,
    TooManyCoins: REFUSED,
    TooManyRequests: REFUSED,
    UnknownGift: REFUSED,
    UnknownProduct: REFUSED,
    UserNotFound: REFUSED,
    VisibilityNotAvailable: REFUSED,
    WrongApiKey: WRONG_KEY,
}


def contract_code(error: ControlPlaneError, client: Client) -> int:
    if isinstance(error, SessionMissing) and client.logs_out_on_501:
        return LOG_OUT
    return CODES[type(error)]
