"""Our endpoints compared with the facts of the contract."""

from __future__ import annotations

import msgspec
import pytest

from api.contract.endpoint import Access, Endpoint
from api.contract.facts import EndpointFacts, load
from api.sections import messages, registry

OURS = {
    *("showSessions", "endSession", "exportUserData", "showFollowRequests", "answerFollowRequest"),
    *("showCoinHistory", "showTopGifters"),
    *("reportStream", "reportMessage", "reportComment", "showReportDecisions", "appealReport"),
    "showStoreAccount",
    "startCheckout",
    *(endpoint.name for endpoint in messages.section.endpoints),
}
"""Endpoints beside the contract."""
BUILT = {endpoint.name: endpoint for endpoint in registry(dev=False).endpoints if endpoint.name not in OURS}


def test_every_endpoint_is_one_of_the_contract() -> None:
    assert BUILT.keys() <= load().endpoints.keys()


@pytest.mark.parametrize("endpoint", BUILT.values(), ids=lambda endpoint: endpoint.name)
class TestAgainstTheFacts:
    def test_it_stands_in_its_section(self, endpoint: Endpoint) -> None:
        assert endpoint.section == facts(endpoint).section

    def test_it_takes_what_the_apps_send(self, endpoint: Endpoint) -> None:
        taken = {field.encode_name for field in msgspec.structs.fields(endpoint.request)}
        assert set(facts(endpoint).request) - taken - set(endpoint.uploads) <= IGNORED.get(endpoint.name, set())

    def test_it_needs_nothing_that_the_apps_may_leave_out(self, endpoint: Endpoint) -> None:
        needed = {field.encode_name for field in msgspec.structs.fields(endpoint.request) if field.required}
        assert needed <= {name for name, field in facts(endpoint).request.items() if field.required}

    def test_guests_are_answered_where_the_contract_says_so(self, endpoint: Endpoint) -> None:
        answered = endpoint.access in {Access.OPEN, Access.GUEST}
        assert answered == facts(endpoint).guest_allowed

    def test_it_declares_the_keys_beside_the_message(self, endpoint: Endpoint) -> None:
        assert set(endpoint.top_level) == set(facts(endpoint).top_level)

    def test_it_takes_a_form_where_the_apps_send_one(self, endpoint: Endpoint) -> None:
        files = {name for name, field in facts(endpoint).request.items() if field.type == "file"}
        assert files <= set(endpoint.uploads)

    def test_ios_gets_a_refusal_that_it_can_read(self, endpoint: Endpoint) -> None:
        declared = endpoint.ios_refusal
        word = None if declared is None else "leave_msg_out" if declared.answers is None else "answer_200"
        assert word == {"throws": None}.get(facts(endpoint).ios_refusal or "", facts(endpoint).ios_refusal)


NOT_OF_UPLOADS = {  # sizes and pictures are taken from the file, and there is no shop
    *(
        "width",
        "height",
        "user_thumbnail",
        "default_thumbnail",
        "user_selected_thum",
        "firebase_video_url",
        "videoType",
    ),
    *("products", "products_json", "tag_store_id"),
}
IGNORED = {
    "showRelatedVideos": {"lat", "long", "tag_product", "delivery_address_id"},  # the feed does not depend on them
    "sendGift": {"video_id"},  # gifts go to live streams so far
    "liveStream": {"duration"},  # ours is measured
    "postVideo": NOT_OF_UPLOADS,
    "editVideo": NOT_OF_UPLOADS,
}


def facts(endpoint: Endpoint) -> EndpointFacts:
    return load().endpoints[endpoint.name]
