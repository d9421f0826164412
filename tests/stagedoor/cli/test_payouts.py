"""`stagedoor payouts`, and the rotation of the secret that encrypts addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control_plane.config.secrets import KEPT, Purpose, load_or_create
from control_plane.db.pool import Database
from control_plane.operations import audit
from control_plane.operations.payouts import NoSuchPayout, WrongState
from control_plane.payouts.sealing import Sealer
from tests.control_plane.payouts.till import MAIL, Till
from tests.stagedoor.cli.operator import Operator


@pytest.fixture
def till(database: Database, tmp_path: Path) -> Till:
    till = Till(database)
    till.sealer = Sealer(load_or_create(tmp_path / "secrets.json")[Purpose.PAYOUT])
    return till


async def test_a_payout_goes_through_the_commands(till: Till, operator: Operator, tmp_path: Path) -> None:
    assert await operator.types("payouts", "list") == "There are no payouts.\n"
    assert json.loads(await operator.types("payouts", "list", "--json")) == []
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    number = str(payout.id)

    listed = await operator.types("payouts", "list")
    assert "a•••@example.com" in listed
    assert MAIL not in listed
    [found] = json.loads(await operator.types("payouts", "list", "--json"))
    assert (found["id"], found["coins"], found["amount"], found["state"]) == (payout.id, 200, "1.00", "requested")
    assert MAIL not in await operator.types("payouts", "show", number)
    assert MAIL in await operator.types("payouts", "show", number, "--address")
    assert json.loads(await operator.types("payouts", "show", number, "--address", "--json"))["address"] == MAIL

    assert await operator.types("payouts", "approve", number) == f"Payout {number} is approved.\n"
    assert await operator.types("payouts", "approve", number) == f"Payout {number} is approved already.\n"
    file = tmp_path / "bank.csv"
    assert "1 payout is in" in await operator.types("payouts", "csv", str(file))
    assert MAIL in file.read_text()
    assert "exists" in await operator.types("payouts", "csv", str(file))
    assert "0 payouts are in" in await operator.types("payouts", "csv", str(tmp_path / "next.csv"))
    assert "approved, in a file" in await operator.types("payouts", "list")
    assert await operator.types("payouts", "pay", number, "--reference", "TX 1") == f"Payout {number} is paid.\n"
    assert await operator.types("payouts", "list") == "There are no payouts.\n"
    assert "paid" in await operator.types("payouts", "list", "--all")
    assert "There are no payouts" in await operator.types("payouts", "list", "--state", "rejected")
    assert "TX 1" in await operator.types("payouts", "show", number)
    entries = await audit.latest(till.database, 10, audit.user(ann))
    assert [entry.act for entry in reversed(entries)] == [
        *("user.payout_address_read", "user.payout_address_read", "user.payout_approved"),
        *("user.payout_exported", "user.payout_paid"),
    ]
    assert not any(MAIL in str(entry.detail) for entry in entries)


async def test_a_payout_is_rejected_with_a_reason(till: Till, operator: Operator) -> None:
    payout = await till.withdrawing.request(await till.host(500), 200)
    number = str(payout.id)
    assert "1 to 400 characters" in await operator.types("payouts", "reject", number, "--reason", " ")
    await operator.types("payouts", "approve", number)
    with pytest.raises(WrongState):
        await operator.types("payouts", "reject", number, "--reason", "No.")
    rejected = await operator.types("payouts", "reject", number, "--reason", "No.", "--even-approved")
    assert rejected == f"Payout {number} is rejected.\n"
    with pytest.raises(NoSuchPayout):
        await operator.types("payouts", "show", "99")


async def test_rotations_keep_the_secret_that_addresses_need(till: Till, operator: Operator, tmp_path: Path) -> None:
    payout = await till.withdrawing.request(await till.host(500), 200)
    for _ in range(KEPT + 1):
        await operator.types("secrets", "rotate", "payout")
    assert MAIL in await operator.types("payouts", "show", str(payout.id), "--address")
    assert load_or_create(tmp_path / "secrets.json")[Purpose.PAYOUT].signing.key_id != till.sealer.key_id
