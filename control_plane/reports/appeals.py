"""Appeals: the user on whom a decision acts asks once for another look.

A user who is banned or suspended cannot sign in, and proves who it is by the code of the letter that told the decision.
"""

from __future__ import annotations

import datetime as dt

from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring
from control_plane.db.pool import Database
from control_plane.reports import store
from control_plane.reports.model import Action, AppealNotPossible, NoSuchDecision


class Appeals:
    """`days`: after the decision, in which it can be appealed; its evidence is kept as long."""

    def __init__(self, database: Database, keyring: Keyring, days: int) -> None:
        self._database = database
        self._keyring = keyring
        self.days = days

    def code(self, decision_id: int) -> str:
        return self._keyring.signing.sign(_message(decision_id))

    async def appeal(self, decision_id: int, text: str, user_id: UserId | None, code: str = "") -> None:
        """`user_id`: the signed-in user. Raises NoSuchDecision and AppealNotPossible."""
        decision = await store.decision(self._database, decision_id)
        if (
            decision is None
            or decision.action is Action.NONE
            or (decision.user_id != user_id and not self._keyring.verify(code, _message(decision_id)))
        ):
            raise NoSuchDecision
        if not await store.appeal(self._database, decision_id, text, dt.timedelta(days=self.days)):
            now = await store.decision(self._database, decision_id)  # a second click may have been faster
            is_appealed = now is not None and now.appealed_at is not None
            why = "You have appealed it already." if is_appealed else f"It is older than {self.days} days."
            raise AppealNotPossible(f"This decision cannot be appealed. {why}")


def _message(decision_id: int) -> bytes:
    return f"appeal {decision_id}".encode()
