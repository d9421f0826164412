"""Export of the caller's own data."""

from __future__ import annotations

from typing import cast

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Nothing, Section
from api.wire.export import ExportedData
from control_plane.personal_data.export import TooManyExports

section = Section("personal data")
"""Not in the apps' contract."""
MOST = 10_000
"""Rows of each list in an answer. More: more memory while calls are answered. Fewer: lists are cut off sooner."""


@section.endpoint("exportUserData", access=Access.PROVEN, refusals=(TooManyExports,))
async def export_user_data(call: Call, body: Nothing) -> ExportedData:
    """Everything that is stored about the caller, at most three times a day."""
    export = call.personal_data.export
    await export.count(call.user_id)
    pieces = [piece async for piece in export.encoded(call.user_id, MOST)]
    return cast("ExportedData", msgspec.Raw(b"".join(pieces)))
