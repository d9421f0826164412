"""The contract's codes for each kind of error, and the errors that the dispatcher itself raises."""

from __future__ import annotations

from api.contract.client import Client
from control_plane.base.errors import ControlPlaneError, ErrorKind

DONE, REFUSED, WRONG_KEY, MALFORMED, NO_SESSION, NOT_FOUND, FAILED, LOG_OUT = 200, 201, 202, 400, 401, 404, 500, 501


class SessionMissing(ControlPlaneError):
    """The call has no session, or its session is no longer valid."""

    code = "session_missing"
    kind = ErrorKind.NOT_SIGNED_IN

    def __init__(self) -> None:
        super().__init__("Please sign in.")


class CallerDiffers(ControlPlaneError):
    """The body names another user than the session does."""

    code = "caller_differs"
    kind = ErrorKind.FORBIDDEN


class EndpointUnknown(ControlPlaneError):
    code = "endpoint_unknown"
    kind = ErrorKind.NOT_FOUND


class TooManyRequests(ControlPlaneError):
    code = "too_many_requests"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("Too many requests. Please wait a moment.")
        self.retry_after_s = retry_after_s


CODES: dict[ErrorKind, int] = {
    ErrorKind.REFUSED: REFUSED,
    ErrorKind.FORBIDDEN: REFUSED,
    ErrorKind.CONFLICT: REFUSED,
    ErrorKind.TOO_OFTEN: REFUSED,
    ErrorKind.MALFORMED: MALFORMED,
    ErrorKind.NOT_SIGNED_IN: NO_SESSION,
    ErrorKind.WRONG_API_KEY: WRONG_KEY,
    ErrorKind.NOT_FOUND: NOT_FOUND,
    ErrorKind.UNAVAILABLE: FAILED,
    ErrorKind.STOPS: FAILED,
}


def contract_code(error: ControlPlaneError | type[ControlPlaneError], client: Client) -> int:
    if error.kind is ErrorKind.NOT_SIGNED_IN and client.logs_out_on_501:
        return LOG_OUT
    return CODES[error.kind]
