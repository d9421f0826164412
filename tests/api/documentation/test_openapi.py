"""`/openapi.json` and `/docs`."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Annotated, Any, Literal

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from msgspec import UNSET, UnsetType, field
from pytest_aiohttp.plugin import AiohttpClient

from api.contract.call import Call
from api.contract.endpoint import Access, Beside, Endpoint, Nothing, Registry, Section
from api.contract.errors import CODES, DONE, LOG_OUT
from api.contract.request import CallerId, Id, Page, Request, Text, parse
from api.documentation import ASSETS, Documentation
from api.documentation.asyncapi import asyncapi
from api.documentation.document import document
from api.documentation.notes import field_notes
from api.documentation.page import render
from api.documentation.texts import CODES as EXPLAINED
from api.http.urls import Urls
from api.sections import registry
from api.wire.feed import FeedItem
from api.wire.gift import GiftSend
from api.wire.live import LiveStreaming
from api.wire.person import Duet as VideoDuet
from api.wire.person import Story, User, Video
from api.wire.sound import Sound
from api.wire.values import Id as WireId
from api.wire.wallet import CoinWorth, PurchaseCoin
from tests.api.documentation.openapi_rules import faults, mismatches

URLS = Urls("stage.localhost", 8080, 1935, 8888, 8889, 8890)
REAL = document(registry(dev=True), URLS, dev=True)
PRODUCTION = document(registry(dev=False), URLS, dev=False)

Document = dict[str, Any]
Client = TestClient[web.Request, web.Application]


# ── a small contract of our own ───────────────────────────────────────────────────────────────────────────────────


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Lets one in, <once>."""

    id: WireId = 0
    seat: str = ""
    """Such as `F12` & no other."""
    holder: User = field(default=User(), name="User")
    refund: str | UnsetType = UNSET


class Duet(msgspec.Struct, frozen=True):
    """Not the one of the apps' videos."""

    singers: int = 2


class TakeTicket(Request, frozen=True, kw_only=True):
    show_id: Id
    user_id: CallerId | None = None
    name: Annotated[Text, msgspec.Meta(examples=["Ada"])] = ""
    price: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    kind: Literal["stalls", "circle"] = "stalls"
    """Where to sit."""
    starting_point: Page = Page(0)


box_office = Section("box office")


@box_office.endpoint("takeTicket", access=Access.PROVEN, aliases=("buyTicket",), top_level={"left": 0, "note": ""})
async def take_ticket(call: Call, body: TakeTicket) -> Ticket | Beside:
    """Take a ticket. It is <yours> & nobody else's.

    Until the curtain falls.
    """
    return Ticket()


@box_office.endpoint("showTickets", access=Access.GUEST)
async def show_tickets(call: Call, body: Nothing) -> list[Ticket]:
    """All tickets."""
    return []


SMALL = document(Registry([box_office]), URLS, dev=False)
TAKE = SMALL["paths"]["/api/takeTicket"]["post"]
TAKEN = SMALL["components"]["schemas"]


def answer_schema(operation: Document) -> Document:
    schema: Document = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("described", [REAL, PRODUCTION, SMALL], ids=["development", "production", "small"])
def test_it_is_a_valid_openapi_document(described: Document) -> None:
    assert faults(json.loads(msgspec.json.encode(described))) == []


def without(path: str) -> Callable[[Document], None]:
    def damage(described: Document) -> None:
        *way, last = path.split("|")
        target = described
        for part in way:
            target = target[part]
        del target[last]

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        without("info|title"),
        without("components|schemas|User"),
        without("components|securitySchemes|bearer"),
        without("components|headers|Retry-After"),
        without("tags"),
        without("paths|/api/sendGift|post|responses|200|description"),
        without("components|schemas|User|properties|username"),
        lambda described: described.update(openapi="3.0.3"),
        lambda described: described["components"]["schemas"]["User"].update(type="struct"),
        lambda described: described["paths"]["/healthz"]["get"].update(operationId="readyz"),
        lambda described: described["paths"]["/healthz"]["get"].update(sumary="a typing error"),
        lambda described: described["paths"]["/live"]["get"]["parameters"][0].update({"in": "body"}),
        without("components|headers|ETag"),
    ],
)
def test_a_damaged_document_would_be_noticed(damage: Callable[[Document], None]) -> None:
    damaged = copy.deepcopy(REAL)
    damage(damaged)
    assert faults(damaged) != []


@pytest.mark.parametrize("endpoint", registry(dev=True).endpoints, ids=lambda endpoint: endpoint.name)
class TestEveryEndpoint:
    def test_it_is_described_in_its_section(self, endpoint: Endpoint) -> None:
        operation = operation_of(endpoint)
        assert operation["tags"] == [endpoint.section]
        assert operation["summary"]
        assert operation["description"].startswith(operation["summary"])
        assert operation["x-access"] == endpoint.access

    def test_its_example_is_taken(self, endpoint: Endpoint) -> None:
        content = operation_of(endpoint)["requestBody"]["content"]["application/json"]
        assert mismatches(REAL, content["schema"], content["example"]) == []
        parse(endpoint.request, content["example"])

    def test_every_field_of_its_request_is_described(self, endpoint: Endpoint) -> None:
        schema = operation_of(endpoint)["requestBody"]["content"]["application/json"]["schema"]
        fields = component(schema)["properties"]
        assert [name for name, field in fields.items() if not field.get("description")] == []

    def test_its_answers_are_named_for_generators(self, endpoint: Endpoint) -> None:
        assert all("$ref" in option for option in answer_schema(operation_of(endpoint))["oneOf"])

    def test_it_says_which_codes_it_answers(self, endpoint: Endpoint) -> None:
        response = operation_of(endpoint)["responses"]["200"]
        assert {200, 201, 202, 400, 500} <= set(response["x-codes"]) <= EXPLAINED.keys()
        assert {401, 501} <= set(response["x-codes"]) or endpoint.access in (Access.OPEN, Access.GUEST)
        assert all(f"\n- {code}: " in response["description"] for code in response["x-codes"])


def component(schema: Document) -> Document:
    found: Document = REAL["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def test_limits_and_formats_are_those_that_hold() -> None:
    gift = REAL["components"]["schemas"]["SendGift"]["properties"]
    assert (gift["gift_count"]["minimum"], gift["gift_count"]["maximum"]) == (1, 9999)
    assert gift["client_ref"]["maxLength"] == 64
    assert "YYYY-MM-DD" in REAL["components"]["schemas"]["RegisterUser"]["properties"]["dob"]["description"]
    assert 404 in REAL["paths"]["/api/watchLiveStream"]["post"]["responses"]["200"]["x-codes"]
    assert 404 not in REAL["paths"]["/api/sendGift"]["post"]["responses"]["200"]["x-codes"]


def parts(value: Any) -> Iterator[Document]:
    if isinstance(value, Mapping):
        yield dict(value)
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from parts(part)


@pytest.mark.parametrize("described", [REAL, asyncapi(URLS)], ids=["openapi", "asyncapi"])
def test_every_enum_and_constant_has_a_type(described: Document) -> None:
    described = json.loads(msgspec.json.encode(described))
    words = [part for part in parts(described) if isinstance(part.get("enum"), list) or "const" in part]
    assert len(words) > 10
    assert [part for part in words if "type" not in part] == []


@pytest.mark.parametrize("name", REAL["components"]["schemas"])
def test_schemas_are_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(msgspec.json.encode(REAL["components"]["schemas"][name])))


def operation_of(endpoint: Endpoint) -> Document:
    operation: Document
    [operation] = [
        methods["post"]
        for methods in REAL["paths"].values()
        if methods.get("post", {}).get("operationId") == endpoint.name.replace("/", "_")
    ]
    return operation


def test_what_exists_in_development_only_is_described_there_only() -> None:
    assert REAL["paths"].keys() - PRODUCTION["paths"].keys() == {
        "/sandbox/purchases",
        "/sandbox/payments",
        "/sandbox/refunds",
    }
    assert "development mode" in REAL["info"]["description"]
    assert "dev:" not in json.dumps(PRODUCTION)


def test_addresses_outside_the_contract_are_described_too() -> None:
    assert REAL["paths"]["/healthz"].keys() == {"get"}
    assert PRODUCTION["paths"]["/healthz"]["get"]["responses"].keys() == {"200"}
    assert PRODUCTION["paths"]["/readyz"]["get"]["responses"].keys() == {"200", "429", "503"}
    assert PRODUCTION["paths"]["/metrics"]["get"]["responses"].keys() == {"200", "403", "429"}
    live = PRODUCTION["paths"]["/live"]["get"]
    assert live["responses"].keys() == {"200", "304", "400", "429", "503"}
    assert [parameter["name"] for parameter in live["parameters"]] == ["page", "If-None-Match"]
    assert live["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/LiveList"
    }
    assert REAL["components"]["schemas"]["LiveList"]["properties"]["streams"]["items"] == {
        "$ref": "#/components/schemas/LiveItem"
    }


def test_the_server_is_where_clients_reach_it() -> None:
    assert REAL["servers"] == [{"url": "http://stage.localhost:8080"}]


def test_sections_are_in_order_and_described() -> None:
    names = list(dict.fromkeys(endpoint.section for endpoint in registry(dev=True).endpoints))
    assert [tag["name"] for tag in REAL["tags"]] == [*names, "listing", "operation"]
    assert all(tag["description"] for tag in REAL["tags"])


def test_every_code_is_explained_and_no_other() -> None:
    assert EXPLAINED.keys() == {DONE, LOG_OUT, *CODES.values()}
    assert {DONE, *REAL["components"]["schemas"]["Refusal"]["properties"]["code"]["enum"]} == EXPLAINED.keys()


@pytest.mark.parametrize(
    ("path", "alternatives"),
    [
        ("/api/showGifts", [{}]),
        ("/api/showUserDetail", [{}, {"bearer": []}, {"authToken": []}]),
        ("/api/liveStream", [{"bearer": []}, {"authToken": []}]),
        ("/api/sendGift", [{"bearer": []}, {"authToken": []}]),
    ],
)
def test_who_may_call_is_told_and_an_api_key_may_come_with_it(path: str, alternatives: list[Document]) -> None:
    security = REAL["paths"][path]["post"]["security"]
    assert [need for need in security if "apiKey" not in need] == alternatives
    assert [need for need in security if "apiKey" in need] == [{**need, "apiKey": []} for need in alternatives]


# ── models ────────────────────────────────────────────────────────────────────────────────────────────────────────

ANSWERS = [
    User(),
    User(story=[Story(video=Video(duet=VideoDuet(user=User())))]),
    FeedItem(video=Video(), user=User(), sound=Sound()),
    LiveStreaming(whep_url="http://localhost/whep"),
    GiftSend(),
    PurchaseCoin(price_decimal="4.99"),
    CoinWorth(price=0.005),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_what_is_sent_is_what_is_described(answer: msgspec.Struct) -> None:
    sent = json.loads(msgspec.json.encode(answer))
    schema = {"$ref": f"#/components/schemas/{type(answer).__name__}"}
    assert mismatches(REAL, schema, sent) == []
    for key in msgspec.json.decode(msgspec.json.encode(type(answer)(**minimal(answer)))):
        assert mismatches(REAL, schema, {name: sent[name] for name in sent if name != key}) != [], key
        assert mismatches(REAL, schema, {**sent, key: None}) != [], key


def minimal(answer: msgspec.Struct) -> dict[str, Any]:
    return {f.name: getattr(answer, f.name) for f in msgspec.structs.fields(answer) if f.required}


def test_every_key_is_always_answered_but_those_left_out_on_purpose() -> None:
    assert TAKEN["Ticket"]["required"] == ["id", "seat", "User"]
    assert "default" not in json.dumps(TAKEN["Ticket"])


def test_in_a_request_only_what_has_no_default_is_required() -> None:
    assert TAKEN["TakeTicket"]["required"] == ["show_id"]
    assert TAKEN["TakeTicket"]["properties"]["price"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 1000,
        "default": 20,
    }
    assert TAKEN["TakeTicket"]["properties"]["user_id"]["type"] == "integer", "null means absent, and is not offered"


def test_a_body_is_required_where_a_field_is() -> None:
    assert TAKE["requestBody"]["required"] is True
    assert SMALL["paths"]["/api/showTickets"]["post"]["requestBody"]["required"] is False


def test_the_example_has_what_is_required_and_what_the_model_gives_examples_of() -> None:
    assert TAKE["requestBody"]["content"]["application/json"]["example"] == {"show_id": 1, "name": "Ada"}


def test_the_texts_of_the_source_are_the_descriptions() -> None:
    assert TAKEN["Ticket"]["description"] == "Lets one in, <once>."
    assert TAKEN["Ticket"]["properties"]["seat"]["description"] == "Such as `F12` & no other."
    assert TAKEN["TakeTicket"]["properties"]["kind"]["description"] == "Where to sit."
    assert TAKE["summary"] == "Take a ticket."
    assert TAKE["description"].startswith(
        "Take a ticket. It is <yours> & nobody else's.\n\nUntil the curtain falls.\n\n"
    )
    assert TAKE["x-aliases"] == ["buyTicket"]


def test_a_field_is_noted_by_the_text_below_it() -> None:
    assert field_notes(Ticket) == {"seat": "Such as `F12` & no other."}
    assert field_notes(Access).keys() == set(Access.__members__)


GOOD = {"id": 1, "seat": "F12", "User": json.loads(msgspec.json.encode(User()))}


@pytest.mark.parametrize(
    ("envelope", "valid"),
    [
        ({"code": 200, "msg": GOOD, "left": 3, "note": ""}, True),
        ({"code": 201, "msg": "Sold out.", "left": 0, "note": ""}, True),
        ({"code": 200, "msg": "Sold out.", "left": 0, "note": ""}, False),
        ({"code": 201, "msg": GOOD, "left": 0, "note": ""}, False),
        ({"code": 201, "msg": "Sold out."}, False),
        ({"code": 200, "msg": GOOD, "left": "3", "note": ""}, False),
        ({"code": 299, "msg": "Sold out.", "left": 0, "note": ""}, False),
    ],
)
def test_an_envelope_is_an_answer_or_a_refusal_with_the_same_keys_beside(envelope: Document, valid: bool) -> None:
    assert (mismatches(SMALL, answer_schema(TAKE), envelope) == []) is valid


def test_a_list_is_described_as_such() -> None:
    schema = answer_schema(SMALL["paths"]["/api/showTickets"]["post"])
    assert mismatches(SMALL, schema, {"code": 200, "msg": [GOOD, GOOD]}) == []
    assert mismatches(SMALL, schema, {"code": 200, "msg": GOOD}) != []


def test_two_models_cannot_share_a_public_name() -> None:
    orchestra = Section("orchestra")

    @orchestra.endpoint("showDuet")
    async def show_duet(call: Call, body: Nothing) -> Duet:
        return Duet()

    with pytest.raises(AssertionError, match="two models are called Duet"):
        document(Registry([box_office, orchestra]), URLS, dev=False)


# ── over HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    documentation = Documentation(registry(dev=True), URLS, dev=True)
    app = web.Application()
    app.router.add_get("/openapi.json", documentation.openapi)
    app.router.add_get("/docs", documentation.page)
    app.router.add_static("/static/docs", ASSETS)
    return await aiohttp_client(app)


async def test_the_document_is_served_as_json(client: Client) -> None:
    async with client.get("/openapi.json") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert await response.json() == json.loads(msgspec.json.encode(REAL))


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_who_has_it_already_is_not_sent_it_again(client: Client, path: str) -> None:
    async with client.get(path) as first:
        etag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "no-cache"
    async with client.get(path, headers={"If-None-Match": etag}) as again:
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", etag)
    async with client.get(path, headers={"If-None-Match": '"of another release"'}) as other:
        assert other.status == 200


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Reader(HTMLParser):
    """Parses a page as a browser would, as far as the tests need it."""

    VOID = frozenset({"meta", "link", "img", "input", "wbr", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == [], "an element that is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "closed in another order than opened"

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for within, text in self.texts if tag in within]


@pytest.fixture
async def page(client: Client) -> Reader:
    async with client.get("/docs") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        return Reader(await response.text())


async def test_the_page_allows_itself_nothing_from_elsewhere(client: Client) -> None:
    async with client.get("/docs") as response:
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}


async def test_the_page_loads_only_from_here_and_has_no_inline_code(page: Reader) -> None:
    loaded = [
        attributes[name] or "" for tag, attributes in page.elements for name in ("src", "href") if name in attributes
    ]
    assert all(re.match(r"[/#][^/]", address) for address in loaded)
    assert [attributes for attributes in page.all("script") if "src" not in attributes] == []
    assert page.all("style") == []
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


async def test_what_the_page_loads_is_there(client: Client, page: Reader) -> None:
    files = {attributes["href"]: "css" for attributes in page.all("link") if attributes["rel"] == "stylesheet"}
    files |= {attributes["src"]: "javascript" for attributes in page.all("script")}
    files |= {attributes["src"]: "svg" for attributes in page.all("img")}
    assert len(files) == 3
    for path, kind in files.items():
        async with client.get(path or "") as response:
            assert response.status == 200
            assert kind in response.content_type


@pytest.mark.parametrize("name", ["docs.css", "docs.js", "icon.svg"])
def test_the_files_of_the_page_name_no_other_host(name: str) -> None:
    text = (ASSETS / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|@import|url\(", text)


async def test_links_lead_somewhere_and_ids_are_unique(page: Reader) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {href[1:] for attributes in page.all("a") if (href := attributes["href"] or "").startswith("#")}
    assert anchors <= set(ids)
    labels = {value for _, attributes in page.elements if (value := attributes.get("aria-labelledby"))}
    assert labels <= set(ids)


async def test_parameters_are_drawn(page: Reader) -> None:
    assert "Parameters" in page.inside("h4")
    assert {"page", "If-None-Match"} <= set(page.inside("dt"))


async def test_every_endpoint_can_be_tried(page: Reader) -> None:
    tried = {(form["data-method"], form["data-path"]) for form in page.all("form")}
    assert tried == {(method.upper(), path) for path, methods in REAL["paths"].items() for method in methods}
    bodies = [json.loads(text) for text in page.inside("textarea")]
    assert len(bodies) == len(registry(dev=True).endpoints)
    assert {"receiver_id": 2, "gift_id": 1, "gift_count": 3, "client_ref": "three-roses"} in bodies
    assert all({"label"} <= set(within) for within, _ in page.texts if "textarea" in within)


async def test_an_example_can_be_pasted(page: Reader) -> None:
    examples = [text for text in page.inside("pre") if text.startswith("curl ")]
    assert len(examples) == len(page.all("form"))
    assert (
        "curl http://stage.localhost:8080/api/sendGift \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        """  -d '{"receiver_id": '$RECEIVER', "gift_id": 1, "gift_count": 3, "client_ref": "three-roses"}'"""
    ) in examples
    assert any(
        text.startswith("curl ") and "addUserProfileVideo" in text and "-F video=@clip.mp4" in text for text in examples
    )


async def test_codes_and_objects_are_explained(page: Reader) -> None:
    assert {str(code) for code in EXPLAINED} <= set(page.inside("th"))
    explained = {(attributes.get("id") or "").removeprefix("object-") for attributes in page.all("details")}
    assert {"User", "Video", "LiveStreaming", "Gift", "PrivacySetting", "BlockUser"} <= explained
    assert not {"TakeTicket", "SendGift", "Visibility"} & explained, "requests stand with their endpoints"


SHOWN = "".join(text for _, text in Reader(render(SMALL)).texts)


def test_texts_are_shown_as_they_are() -> None:
    assert "Take a ticket. It is <yours> & nobody else's." in SHOWN


@pytest.mark.parametrize(
    "words",
    [
        "show_id required integer, 1 to 2³¹ − 1",
        'kind one of "circle", "stalls", else "stalls"Where to sit.',
        "price integer, 0 to 1000, else 20",
        "Also called as buyTicket",
        '{\n  "code": 200,\n  "msg": {\n    "id": integer, 0 to 2³¹ − 1,\n    "seat": text,',
        '    "User": User,\n    "refund"?: text\n  },\n  "left": integer,\n  "note": text\n}',
        '"msg": [{\n',
        "No fields. Send an empty body.",
    ],
)
def test_what_the_page_says_about_an_endpoint(words: str) -> None:
    assert words.replace(" ", "") in SHOWN.replace(" ", "")
