"""Why a purchase is not credited, or not yet."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind


class StoreNotConnected(ControlPlaneError):
    """No connected store recognises the claim."""

    code = "store_not_connected"
    kind = ErrorKind.REFUSED


class PurchaseWaits(ControlPlaneError):
    """The store is down or slow. The claim is kept, and the job asks the store again."""

    code = "purchase_waits"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(
            "The store does not answer at the moment. Your purchase is noted: the coins come as soon as the store confirms it."
        )


class PurchasePending(ControlPlaneError):
    """Not paid yet. The claim is kept, and the job asks the store again."""

    code = "purchase_pending"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This purchase is not paid yet. The coins come as soon as the store confirms the payment.")


class PurchaseCancelled(ControlPlaneError):
    code = "purchase_cancelled"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This purchase was cancelled and never paid.")


class PurchaseRefunded(ControlPlaneError):
    code = "purchase_refunded"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This purchase was refunded.")


class PurchaseOfAnother(ControlPlaneError):
    code = "purchase_of_another"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This purchase belongs to another account.")


class BuyerUnknown(ControlPlaneError):
    """A store told of a purchase before its buyer did."""

    code = "buyer_unknown"
    kind = ErrorKind.REFUSED


class UnknownProduct(ControlPlaneError):
    code = "unknown_product"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such coin package.")


class ProductNotOffered(ControlPlaneError):
    """Paid, but none of our packages has this product. An operator adds it, and retries the claim."""

    code = "product_not_offered"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(
            "This server does not know the product of this purchase. Your purchase is noted: please contact support to get your coins."
        )


class ClaimTooLong(ControlPlaneError):
    code = "claim_too_long"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This is too long for a receipt.")


class TooManyClaims(ControlPlaneError):
    code = "too_many_claims"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many of your purchases wait for a store. Please try again later.")


class PurchasesTooOften(ControlPlaneError):
    code = "purchases_too_often"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many purchases in a short time. Please wait a minute.")
