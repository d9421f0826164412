"""Texts of the API documentation: the introduction, example requests, and the meanings of the codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.contract.errors import DONE, FAILED, LOG_OUT, MALFORMED, NO_SESSION, NOT_FOUND, REFUSED, WRONG_KEY

INTRODUCTION = """\
Every call is a `POST` with a JSON object as its body. The answer is a JSON object too: `{"code": 200, "msg": …}`. The \
HTTP status is always 200 and `code` is the outcome. With every code other than 200, `msg` is a sentence to show to \
the user. Only `/live` and the addresses for operators are `GET` requests with HTTP status codes. The live socket is \
described in `/asyncapi.json`.

Requests are parsed leniently: numbers may be sent as text, an empty body means `{}`, `null` and unknown keys are \
ignored, and an id of `0` or `""` means none. Names of endpoints ignore case and doubled slashes, and work without \
`/api` too. Answers are strict: every key is always present and never `null`, flags are 0 or 1, and an object that \
does not exist is left out.

`registerUser` returns a session token in `msg.User.auth_token`. Send it in `Authorization: Bearer …` or `Auth-Token: \
…`. `Api-Key` names the app that calls. It is optional."""

DEVELOPMENT = """\
This server runs in development mode: `registerUser` with `{"auth_token": "dev:ada"}` signs in as `ada` without a \
password, calls that move no coins may name their caller in the body instead of a session, and coins of the sandbox \
store are free of charge."""

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "registerUser": {"auth_token": "…"},
    "checkEmail": {"email": "new@example.com"},
    "checkPhoneNo": {"phone": "+4915123456789"},
    "checkUsername": {"username": "ada.marlow"},
    "verifyAccountDetails": {"type": "email", "social_id": "ada@example.com"},
    "verifyPhoneNo": {"phone": "+4915123456789", "verify": 0},
    "changePhoneNo": {"phone": "+4915123456788"},
    "verifyRegisterEmailCode": {"email": "ada@example.com"},
    "changeEmailAddress": {"email": "ada.marlow@example.com"},
    "verifyChangeEmailCode": {"new_email": "ada.marlow@example.com", "code": "123456"},
    "login": {"email": "ada@example.com", "password": "correct horse battery"},
    "changePassword": {"old_password": "correct horse battery", "new_password": "staple correct horse"},
    "forgotPassword": {"email": "ada.marlow@example.com"},
    "verifyforgotPasswordCode": {"email": "ada.marlow@example.com", "code": "123456"},
    "changePasswordForgot": {"email": "ada.marlow@example.com", "password": "staple correct horse", "code": "123456"},
    "endSession": {"session_id": "0123456789abcdef01234567"},
    "showUserDetail": {"username": "ben"},
    "editProfile": {"first_name": "Ada", "bio": "Live every Friday", "website": "https://example.com"},
    "followUser": {"receiver_id": 2, "follow": 1},
    "showFollowers": {"other_user_id": 2, "starting_point": 0},
    "showFollowing": {"other_user_id": 2, "starting_point": 0},
    "showFriends": {"starting_point": 0},
    "searchFollowingOrFollowUsers": {"keyword": "ben", "starting_point": 0},
    "deleteFollower": {"follower_id": 2},
    "followerNotification": {"receiver_id": 2, "notification": 0},
    "answerFollowRequest": {"requester_id": 2, "accept": 1},
    "blockUser": {"block_user_id": 5, "block": 1},
    "showSuggestedUsers": {"starting_point": 0},
    "sendNotification": {"receiver_id": 2, "title": "Ada", "message": "See you on Friday!"},
    "sendMessageNotification": {"receiver_id": 2, "title": "Ada", "message": "See you on Friday!"},
    "reportUser": {
        "report_user_id": 2,
        "report_reason_id": 1,
        "description": "Sends the same advertisement again and again",
    },
    "reportStream": {"live_streaming_id": 1, "report_reason_id": 1},
    "appealReport": {"decision_id": 1, "text": "The picture shows my own dog."},
    "sendMessage": {"receiver_id": 2, "message": "See you on Friday!"},
    "showConversations": {"starting_point": 0},
    "showMessageRequests": {"starting_point": 0},
    "showMessages": {"other_user_id": 2},
    "showMessageChanges": {"after": 0},
    "readConversation": {"other_user_id": 2},
    "acceptMessageRequest": {"other_user_id": 2},
    "declineMessageRequest": {"other_user_id": 2},
    "deleteMessage": {"other_user_id": 2, "number": 1},
    "deleteConversation": {"other_user_id": 2},
    "reportMessage": {"other_user_id": 2, "number": 1, "report_reason_id": 1},
    "showUsers": {"users": [{"user_id": 1}, {"user_id": 2}]},
    "userVerificationRequest": {"name": "Ada Marlow", "attachment": {"file_data": "/9j/4A=="}},
    "showRelatedVideos": {"starting_point": 0},
    "showFollowingVideos": {"starting_point": 0},
    "showNearbyVideos": {"lat": 48.137, "long": 11.575, "starting_point": 0},
    "showVideosAgainstUserID": {"other_user_id": 2, "starting_point": 0},
    "showUserLikedVideos": {"other_user_id": 2, "starting_point": 0},
    "showUserRepostedVideos": {"other_user_id": 2, "starting_point": 0},
    "showFavouriteVideos": {"starting_point": 0},
    "showVideosAgainstLocation": {"location_string": "Main Street 1", "starting_point": 0},
    "showFriendsStories": {"starting_point": 0},
    "showVideoDetail": {"video_id": 1},
    "likeVideo": {"video_id": 1, "like": 1},
    "addVideoFavourite": {"video_id": 1, "favourite": 1},
    "repostVideo": {"video_id": 1, "repost": 1},
    "shareVideo": {"video_id": 1},
    "NotInterestedVideo": {"video_id": 9},
    "watchVideo": {"watch_videos": [{"video_id": 1, "duration": 12.5}]},
    "updateVideoDetail": {"video_id": 1, "allow_comments": 1, "allow_duet": 1, "privacy_type": "public"},
    "pinVideo": {"video_id": 1, "pin": 1},
    "editVideo": {"video_id": 2, "description": "Two stones in a pond #blue", "privacy_type": "public"},
    "deleteVideo": {"video_id": 2},
    "reportVideo": {"video_id": 1, "report_reason_id": 1, "description": "Shows my house"},
    "showVideoComments": {"video_id": 1, "starting_point": 0},
    "postCommentOnVideo": {"video_id": 1, "comment": "Great!"},
    "postCommentReply": {"video_id": 1, "comment_id": 1, "comment": "Thank you"},
    "likeComment": {"comment_id": 1, "like": 1},
    "likeCommentReply": {"comment_reply_id": 2, "like": 1},
    "pinComment": {"video_id": 1, "pin_comment_id": 1},
    "deleteVideoComment": {"id": 1},
    "deleteVideoCommentReply": {"id": 2},
    "reportComment": {"comment_id": 1, "report_reason_id": 1},
    "liveStream": {"started_at": "2026-01-31 12:00:00", "title": "Hello"},
    "watchLiveStream": {"live_streaming_id": 1},
    "showGifts": {"type": "normal"},
    "sendGift": {"receiver_id": 2, "gift_id": 1, "gift_count": 3, "client_ref": "three-roses"},
    "showTopGifters": {"live_streaming_id": 1, "period": "stream"},
    "purchaseCoin": {
        "transaction_id": "sandbox.…",
        "coin": "100",
        "title": "100 coins",
        "price": "$0.99",
        "device": "ios",
    },
    "startCheckout": {"product_id": "coins_500", "return_path": "/coins"},
    "purchaseCoinsFromStripe": {"stripe_token": "tok_visa", "coin": 500, "title": "500 coins", "price": "$4.99"},
    "addPayout": {"value": "ada@example.com", "type": "paypal"},
    "withdrawRequest": {"coin": "1500.0", "amount": "7.5", "client_ref": "payout-1"},
    "addPrivacySetting": {"duet": "friends", "videos_download": 0},
    "addDeviceData": {"device_token": "…", "version": "1.0", "device": "android"},
    "registerDevice": {"key": "9774d56d682e549c"},
    "addUserInterest": {"interests": [1, 3]},
    "showRegisteredContacts": {"phone_numbers": ["+49 151 23456789", "0151 23456780"]},
    "sandbox/purchases": {"coin": 100},
    "addUserImageNew": {
        "profile_pic": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mM4AQAAygDJNEIn8wAAAABJRU5ErkJggg=="
    },
}
"""Example requests. An endpoint without one shows its required fields."""

FILES: Mapping[str, str] = {"video": "clip.mp4"}
"""Example names of files that a call needs."""

EXAMPLES_IN_DEVELOPMENT: Mapping[str, Mapping[str, Any]] = {"registerUser": {"auth_token": "dev:ada"}}

VARIABLES = {"receiver_id": "RECEIVER", "live_streaming_id": "STREAM", "transaction_id": "RECEIPT"}
"""Fields whose values come from other calls. In the shell examples they are variables, which `BEFORE` sets."""

BEFORE = """\
value() { python3 -c "import json, sys; print(json.load(sys.stdin)['msg']$1)"; }

token() { curl -s SERVER/api/registerUser -d "{\\"auth_token\\": \\"dev:$1\\"}" | value "['User']['auth_token']"; }

# ada, who calls, and a receipt of the sandbox store
TOKEN=$(token ada)
RECEIPT=$(curl -s SERVER/sandbox/purchases -H "Authorization: Bearer $TOKEN" -d '{"coin": 100}' | value "['transaction_id']")

# ben, who is live
BEN=$(token ben)
STREAM=$(curl -s SERVER/api/liveStream -H "Authorization: Bearer $BEN" -d '{}' | value "['LiveStreaming']['id']")
RECEIVER=$(curl -s SERVER/api/showUserDetail -d '{"username": "ben"}' | value "['User']['id']")"""
"""The set-up for the shell examples, in development mode."""

CODES = {
    DONE: "Done. `msg` is the answer that the endpoint describes.",
    REFUSED: "Refused. `msg` is the reason to show: not enough coins, no such user, too many requests …",
    WRONG_KEY: "The API key is unknown.",
    MALFORMED: "The request is malformed. `msg` names the field.",
    NO_SESSION: "There is no session, or it is no longer valid.",
    NOT_FOUND: "The endpoint does not exist or is not served yet, or the stream does not exist.",
    FAILED: "An error of the server. Try the same call again in a moment.",
    LOG_OUT: "The same as 401, for the Android apps, which sign out on this code only.",
}

SHORTLY = {
    DONE: "done",
    WRONG_KEY: "unknown API key",
    MALFORMED: "malformed request",
    NO_SESSION: "no valid session",
    FAILED: "an error of the server",
    LOG_OUT: "no valid session, for the Android apps",
}

IN_DEVELOPMENT = {
    "403": "Development mode only: another site's page sent this request.",
    "421": "Development mode only: `Host` is not a name of this machine.",
}
TOO_OFTEN = "Too many requests from this address. Wait `Retry-After` seconds."
