"""Declaration of endpoints, and the paths that route to them."""

from __future__ import annotations

import pytest

from api.contract.call import Call
from api.contract.endpoint import Access, Beside, Nothing, Registry, Section, endpoint_name
from api.contract.request import CallerId, Request, Text

section = Section("cloakroom")


class LeaveCoat(Request, frozen=True, kw_only=True):
    owner_id: CallerId | None = None
    colour: Text = ""


@section.endpoint("leaveCoat", aliases=("hangUpCoat",), top_level={"coats": 0})
async def leave_coat(call: Call, body: LeaveCoat) -> str:
    """Hand a coat in.

    It is given back after the show.
    """
    return body.colour


@section.endpoint("showCoats", access=Access.OPEN)
async def show_coats(call: Call, body: Nothing) -> list[str] | Beside:
    return Beside(["grey"], {"coats": 1})


@section.endpoint("cloakroom/receipts", access=Access.PROVEN)
async def receipts(call: Call, body: Nothing) -> list[str]:
    return []


REGISTRY = Registry([section])


@pytest.mark.parametrize(
    "path",
    [
        "/api/leaveCoat",
        "/leaveCoat",
        "/api//leaveCoat",
        "//api/leaveCoat",
        "/api/leaveCoat/",
        "/API/LEAVECOAT",
        "/api/leavecoat ",
        "/api/ leaveCoat /",
        " /api/leaveCoat",
        "/api/ /leaveCoat",
        "leaveCoat",
        "/api/HANGUPCOAT/",
    ],
)
def test_an_endpoint_is_found_by_every_path_that_apps_send(path: str) -> None:
    found = REGISTRY.find(path)
    assert found is not None
    assert found.name == "leaveCoat"


@pytest.mark.parametrize("path", ["/cloakroom/receipts", "/api/cloakroom//Receipts/"])
def test_a_name_may_be_a_path(path: str) -> None:
    found = REGISTRY.find(path)
    assert found is not None
    assert found.name == "cloakroom/receipts"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/api",
        "/api/",
        "/api/api/leaveCoat",
        "/leaveCoat/api",
        "/api/leaveCoat/1",
        "/v1/api/leaveCoat",
        "/api/leave Coat",
        "/api/leaveCoats",
        "/receipts",
        "/api/../leaveCoat",
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert REGISTRY.find(path) is None


def test_a_name_keeps_nothing_of_the_way_it_was_asked_for() -> None:
    assert endpoint_name("//API/ showNearbyVideos//") == "shownearbyvideos"
    assert endpoint_name("/sandbox/Purchases/") == "sandbox/purchases"


def test_an_endpoint_is_all_that_its_function_says() -> None:
    leave, show, _ = REGISTRY.endpoints
    assert (leave.section, leave.access, leave.request, leave.answer) == ("cloakroom", Access.USER, LeaveCoat, str)
    assert leave.caller_fields == ("owner_id",)
    assert leave.top_level == {"coats": 0}
    assert leave.summary == "Hand a coat in.\n\nIt is given back after the show."
    assert (show.access, show.request, show.caller_fields, dict(show.top_level)) == (Access.OPEN, Nothing, (), {})
    assert show.summary == ""


def test_keys_beside_the_answer_are_no_part_of_it() -> None:
    assert REGISTRY.endpoints[1].answer == list[str]


async def test_a_decorated_function_is_still_itself() -> None:
    assert leave_coat is REGISTRY.endpoints[0].handler


def test_the_order_is_that_of_writing() -> None:
    assert [endpoint.name for endpoint in REGISTRY.endpoints] == ["leaveCoat", "showCoats", "cloakroom/receipts"]


@pytest.mark.parametrize(
    ("name", "aliases"),
    [("leaveCoat", ()), ("LEAVECOAT", ()), ("hangupcoat", ()), ("new", ("showCoats",)), ("x", ("X",))],
)
def test_two_endpoints_cannot_share_a_name(name: str, aliases: tuple[str, ...]) -> None:
    other = Section("other")
    other.endpoint(name, aliases=aliases)(show_coats)
    with pytest.raises(AssertionError, match="is registered twice"):
        Registry([section, other])
