"""A job that encrypts addresses again which an older secret encrypted, and those in the plain column of older releases."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from control_plane.accounts import plain_payouts_store as plain
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.payouts import store
from control_plane.payouts.addresses import parse_address
from control_plane.payouts.model import InvalidPayoutDetails, Sealed
from control_plane.payouts.sealing import Sealer, Unreadable

log = logging.getLogger(__name__)

BATCH = 200
"""Addresses read at once."""


@dataclass(frozen=True, slots=True)
class Resealing:
    database: Database
    sealer: Sealer


@job(every="19 * * * *")
async def reseal_payout_addresses(resealing: Resealing) -> None:
    database, sealer = resealing.database, resealing.sealer
    while found := await plain.plain_addresses(database, BATCH):
        for user_id, text in found:
            await _seal_plain(resealing, user_id, text)
    unreadable = await _reseal_details(database, sealer) + await _reseal_requests(database, sealer)
    if unreadable:
        log.error("payout_addresses_unreadable", extra={"number": unreadable})
        raise Unreadable


async def _reseal_details(database: Database, sealer: Sealer) -> int:
    """The number of addresses that cannot be decrypted. They do not keep the others."""
    unreadable = 0
    while old := await store.old_details(database, sealer.key_id, BATCH, unreadable):
        for user_id, sealed in old:
            if (new := _resealed(sealer, user_id, sealed)) is None:
                unreadable += 1
            else:
                await store.reseal_details(database, user_id, sealed, new)
    return unreadable


async def _reseal_requests(database: Database, sealer: Sealer) -> int:
    unreadable = 0
    while old := await store.old_requests(database, sealer.key_id, BATCH, unreadable):
        for payout_id, user_id, sealed in old:
            if (new := _resealed(sealer, user_id, sealed)) is None:
                unreadable += 1
            else:
                await store.reseal_request(database, payout_id, sealed, new)
    return unreadable


def _resealed(sealer: Sealer, user_id: UserId, sealed: Sealed) -> Sealed | None:
    try:
        return sealer.seal(user_id, sealer.open(user_id, sealed))
    except Unreadable:
        return None


async def _seal_plain(resealing: Resealing, user_id: UserId, text: str) -> None:
    """Text that is no address is dropped: nothing could be paid to it."""
    async with resealing.database.transaction() as connection:
        if not await plain.empty(connection, user_id, text):
            return
        try:
            address = parse_address(text)
        except InvalidPayoutDetails:
            log.warning("plain_payout_address_dropped", extra={"user": user_id})
            return
        if await store.details(connection, user_id) is None:
            sealed = resealing.sealer.seal(user_id, address)
            await store.set_details(connection, user_id, sealed, utc_now(), first=True)
