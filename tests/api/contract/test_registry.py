"""Our endpoints compared with the facts of the contract."""

from __future__ import annotations

import msgspec
import pytest

from api.contract.endpoint import Access, Endpoint
from api.contract.facts import EndpointFacts, load
from api.sections import registry

BUILT = {endpoint.name: endpoint for endpoint in registry(dev=False).endpoints}

NOT_BUILT_YET = """
    inviteUserToStreaming acceptStreamingInvite sendLiveStreamPushNotfication showSentGiftsAgainstVideo purchaseCoinsFromStripe withdrawRequest
    showWithdrawalHistory addPayout showPayout showSettings checkEmail verifyPhoneNo checkUsername editProfile deleteUserAccount
    userVerificationRequest addDeviceData registerDevice reportUser showFollowingVideos showNearbyVideos showDiscoverySections search
    showVideosAgainstUserID showUserLikedVideos showUserRepostedVideos showFavouriteVideos showVideosAgainstLocation showVideosAgainstSound
    showVideosAgainstHashtag showVideoDetail watchVideo likeVideo addVideoFavourite repostVideo shareVideo deleteVideo reportVideo showReportReasons
    postVideo editVideo showVideoComments postCommentOnVideo likeComment likeCommentReply deleteVideoComment deleteVideoCommentReply pinComment
    followUser showFollowers showFollowing showSuggestedUsers showProfileVisitors blockUser showBlockedUsers sendNotification showAllNotifications
    showUnReadNotifications readNotification showSounds showFavouriteSounds addSoundFavourite addHashtagFavourite showFavouriteHashtags
    showStickers showAppSlider showInterestSection addUserInterest addPrivacySetting updatePushNotificationSettings verifyAccountDetails
    checkPhoneNo login logout verifyRegisterEmailCode forgotPassword verifyforgotPasswordCode changePasswordForgot changePassword
    changeEmailAddress verifyChangeEmailCode changePhoneNo addUserImageNew addUserProfileVideo showUsers showRegisteredContacts showVideoDetailAd
    NotInterestedVideo downloadVideo deleteWaterMarkVideo updateVideoDetail pinVideo postCommentReply followerNotification deleteFollower
    searchFollowingOrFollowUsers showFriends sendMessageNotification showAddSettings addPromotion showPromotions addAudience showAudiences
    destinationTap addDailyCheckin showDailyCheckins showSoundsAgainstSection searchSoundsAgainstSection addPlaylist showPlaylists deletePlaylist
    deletePlaylistVideo showFriendsStories showLicense showVideoAnalytics showAnalytics showUserVideosTrendingAndRecent addRoom showRooms
    showRoomDetail joinRoom leaveRoom deleteRoom assignModerator inviteUserToRoom showUserJoinedRooms showClubMembers showTopics reportRoom
""".split()


def test_every_endpoint_of_the_contract_is_built_or_known_to_be_missing() -> None:
    assert sorted([*BUILT, *NOT_BUILT_YET]) == sorted(load().endpoints)


@pytest.mark.parametrize("endpoint", BUILT.values(), ids=lambda endpoint: endpoint.name)
class TestAgainstTheFacts:
    def test_it_stands_in_its_section(self, endpoint: Endpoint) -> None:
        assert endpoint.section == facts(endpoint).section

    def test_it_takes_what_the_apps_send(self, endpoint: Endpoint) -> None:
        taken = {field.encode_name for field in msgspec.structs.fields(endpoint.request)}
        assert set(facts(endpoint).request) - taken <= IGNORED.get(endpoint.name, set())

    def test_it_needs_nothing_that_the_apps_may_leave_out(self, endpoint: Endpoint) -> None:
        needed = {field.encode_name for field in msgspec.structs.fields(endpoint.request) if field.required}
        assert needed <= {name for name, field in facts(endpoint).request.items() if field.required}

    def test_guests_are_answered_where_the_contract_says_so(self, endpoint: Endpoint) -> None:
        answered = endpoint.access in {Access.OPEN, Access.GUEST}
        assert answered == facts(endpoint).guest_allowed

    def test_it_declares_the_keys_beside_the_message(self, endpoint: Endpoint) -> None:
        assert set(endpoint.top_level) == set(facts(endpoint).top_level)


IGNORED = {
    "showRelatedVideos": {"lat", "long", "tag_product", "delivery_address_id"},  # the feed does not depend on them
    "sendGift": {"video_id"},  # gifts go to live streams so far
    "liveStream": {"duration"},  # ours is measured
}


def facts(endpoint: Endpoint) -> EndpointFacts:
    return load().endpoints[endpoint.name]
