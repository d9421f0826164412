"""The licence text."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Nothing, Section

section = Section("misc")


@section.endpoint("showLicense", access=Access.OPEN)
async def show_license(call: Call, body: Nothing) -> str:
    """The licence under which content and the server are used. One app enables more features when the code is 200."""
    return await call.content.licence.get()
