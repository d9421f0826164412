"""The objects in the answers of the contract. Every key is always present and has the type that the strictest app
needs; the defaults are empty values."""

from api.wire.feed import (
    BlockUser,
    Duet,
    FeedHashtag,
    FeedItem,
    Location,
    Playlist,
    PlaylistVideo,
    Relation,
    Sound,
    Story,
    User,
    Video,
)
from api.wire.gift import Gift, GiftSend
from api.wire.live import LiveStreaming
from api.wire.preferences import Audience, PrivacySetting, PushNotification
from api.wire.values import NO_TIME, UNKNOWN_DEGREES, DecimalText, Flag, Id, Money, Url, WireDate, WireTime, wire_time
from api.wire.wallet import CoinPackage, CoinWorth, PurchaseCoin, Transaction

__all__ = [
    "NO_TIME",
    "UNKNOWN_DEGREES",
    "Audience",
    "BlockUser",
    "CoinPackage",
    "CoinWorth",
    "DecimalText",
    "Duet",
    "FeedHashtag",
    "FeedItem",
    "Flag",
    "Gift",
    "GiftSend",
    "Id",
    "LiveStreaming",
    "Location",
    "Money",
    "Playlist",
    "PlaylistVideo",
    "PrivacySetting",
    "PurchaseCoin",
    "PushNotification",
    "Relation",
    "Sound",
    "Story",
    "Transaction",
    "Url",
    "User",
    "Video",
    "WireDate",
    "WireTime",
    "wire_time",
]
