"""Sign-in and sign-up: which account a set of claims leads to."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from control_plane.accounts import bans_store, store
from control_plane.accounts.claims import Claims, Proof, Prover
from control_plane.accounts.sessions import AccountBlocked, Sessions
from control_plane.accounts.sign_in import (
    LARGEST_INDEXED,
    ClaimTooLong,
    NotRegistered,
    SignIn,
    SignInNotProven,
    UnprovenClaims,
)
from control_plane.accounts.user import AlreadyTaken, Identity, NewUser, OwnUser, PrivacySettings, PushSettings, User
from control_plane.accounts.usernames import InvalidUsername
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from tests.control_plane.watched_database import WatchedDatabase

ANN = NewUser(username="Ann", email="ann@example.com", phone="+4912345", first_name="Ann")
ANNS_WAYS = [Identity("uid", "uid-of-ann"), Identity("google", "g-ann")]
GENERATED = re.compile(r"user\d{9}")
DOB = dt.date(1999, 12, 31)


@dataclass
class Door:
    """Sign-in of development mode and of production, on one database in which Ann has an account."""

    database: WatchedDatabase
    sessions: Sessions
    ann: UserId

    def sign_in(self, *provers: Prover, believes_claims: bool = False) -> SignIn:
        return SignIn(self.database, self.sessions, provers, believes_claims=believes_claims)

    async def enter(self, claims: Claims) -> User:
        """Sign in, in development mode."""
        return (await self.sign_in(UnprovenClaims(), believes_claims=True).sign_in(claims)).user

    async def people(self) -> int:
        number: int = await self.database.fetchval("select count(*) from app_user")
        return number

    async def ways_of(self, user: User) -> set[tuple[str, str]]:
        rows = await self.database.fetch("select provider, subject from user_identity where user_id = $1", user.id)
        return {(row["provider"], row["subject"]) for row in rows}


@pytest.fixture
async def door(database: WatchedDatabase, dsn: str) -> Door:
    async with database.transaction() as connection:
        ann = await store.create(connection, ANN, ANNS_WAYS)
    sessions = Sessions(Keyring((Secret("s", b"s" * 32),)), database, 3600, state_s=0)
    return Door(database, sessions, ann)


# ── somebody who is known ──


@pytest.mark.parametrize(
    "claims",
    [
        Claims(auth_token="dev:ann"),
        Claims(auth_token="dev: ANN "),
        Claims(auth_token="uid-of-ann"),
        Claims(social="google", social_id="g-ann"),
        Claims(social="Google", social_id="g-ann"),
        Claims(auth_token="unknown uid", social="google", social_id="g-ann"),
        Claims(auth_token="uid-of-ann", social="google", social_id="unknown"),
        Claims(auth_token="uid-of-ann", username="other", email="other@example.com", dob=DOB),
        Claims(social="google", social_id="g-ann", username="ann", email="ann@example.com", phone="+4912345"),
    ],
)
async def test_who_is_known_is_answered_and_left_as_they_are(door: Door, claims: Claims) -> None:
    before = (await store.by_ids(door.database, [door.ann]))[door.ann]
    assert await door.enter(claims) == before
    assert await door.people() == 1


async def test_a_session_of_ours_is_a_way_in_everywhere(door: Door) -> None:
    token = await door.sessions.issue(door.ann)
    assert (await door.enter(Claims(auth_token=token, username="other"))).id == door.ann
    assert (await door.sign_in().sign_in(Claims(auth_token=token))).user.id == door.ann
    assert await door.people() == 1


# ── somebody new ──


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        (Claims(auth_token="dev:bob"), "bob"),
        (Claims(auth_token="dev: Bob "), "bob"),
        (Claims(username="bob"), "bob"),
        (Claims(username="@Bob"), "Bob"),
        (Claims(username="боб_1.2-3"), "боб_1.2-3"),
        (Claims(username="b" * 40), "b" * 40),
        (Claims(dob=DOB), None),
        (Claims(auth_token="new uid"), None),
        (Claims(auth_token="new uid", social="email", email="bob@example.com"), None),
        (Claims(auth_token="new uid", username="bob"), "bob"),
        (Claims(social="google", social_id="g-bob", username="bob"), "bob"),
        (Claims(social="google", social_id="g-bob", dob=DOB), None),
        (Claims(auth_token="new uid", social="google", social_id="g-bob", username="bob"), "bob"),
    ],
)
async def test_who_brings_enough_is_registered(door: Door, claims: Claims, username: str | None) -> None:
    user = await door.enter(claims)
    assert user.id != door.ann
    assert user.username == username or (username is None and GENERATED.fullmatch(user.username))
    assert await door.people() == 2


SIGN_UPS = [
    Claims(auth_token="dev:bob"),
    Claims(auth_token="new uid"),
    Claims(auth_token="new uid", username="bob", email="bob@example.com", phone="+49777"),
    Claims(social="google", social_id="g-bob", username="bob", email="bob@example.com"),
    Claims(auth_token="new uid", social="google", social_id="g-bob", dob=DOB),
]


@pytest.mark.parametrize("claims", SIGN_UPS)
async def test_the_same_sign_up_again_answers_the_same_account(door: Door, claims: Claims) -> None:
    first = await door.enter(claims)
    assert await door.enter(claims) == first
    assert await door.people() == 2


@pytest.mark.parametrize("claims", SIGN_UPS)
async def test_the_same_sign_up_several_times_at_once_is_one_account(door: Door, claims: Claims) -> None:
    users = await asyncio.gather(*(door.enter(claims) for _ in range(8)))
    assert {user.id for user in users} == {users[0].id}
    assert await door.people() == 2


async def test_all_that_a_new_account_brings_is_kept(door: Door) -> None:
    claims = Claims(
        auth_token="new uid",
        social="Google",
        social_id="g-bob",
        username="bob",
        first_name="Bob",
        last_name="Smith",
        gender="male",
        dob=DOB,
        email="bob@example.com",
        phone="+49777",
        password="open sesame",
        profile_pic="https://example.com/bob.png",
        referral_code="ann",
        device_token="device",
    )
    user = await door.enter(claims)
    kept = set(Claims.__dataclass_fields__) - {"auth_token", "nonce", "password", "code", "requester", "makes_account"}
    assert {name: getattr(user, name) for name in kept} == {name: getattr(claims, name) for name in kept}
    assert (user.push, user.privacy) == (PushSettings(), PrivacySettings())
    assert (user.banned_at, user.role, user.verified, user.video_count) == (None, "user", False, 0)
    assert await door.ways_of(user) == {("uid", "new uid"), ("google", "g-bob")}
    stored = await door.database.fetchval("select password_hash from app_user where id = $1", user.id)
    assert stored.startswith("$argon2id$")
    assert "open sesame" not in stored


async def test_people_without_address_and_number_do_not_collide(door: Door) -> None:
    await door.enter(Claims(username="bob"))
    await door.enter(Claims(username="cid"))
    assert await door.people() == 3


# ── nobody ──


@pytest.mark.parametrize(
    "claims",
    [
        Claims(),
        Claims(social="google"),
        Claims(social_id="g-ann"),
        Claims(social="google", social_id="g-bob"),
        Claims(social="facebook", social_id="g-ann"),
        Claims(social="google", social_id="G-ANN"),
        Claims(auth_token="new uid", social="google", social_id="g-bob"),
        Claims(social="phone", phone="+4912345"),
        Claims(phone="+4912345"),
        Claims(email="ann@example.com"),
        Claims(email="ann@example.com", password="guess"),
        Claims(first_name="Ann", last_name="Other", gender="f", profile_pic="p", referral_code="r", device_token="d"),
    ],
)
async def test_who_is_unknown_and_brings_too_little_is_sent_to_the_registration(door: Door, claims: Claims) -> None:
    with pytest.raises(NotRegistered, match="Open registration screen"):
        await door.enter(claims)
    assert await door.people() == 1


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        (Claims(username="Ann"), "This username is already taken."),
        (Claims(username="@aNN"), "This username is already taken."),
        (Claims(auth_token="new uid", username="ann"), "This username is already taken."),
        (Claims(username="bob", email="ann@example.com"), "This email address is already registered."),
        (Claims(username="bob", email="ANN@Example.com"), "This email address is already registered."),
        (Claims(auth_token="new uid", email="ann@example.com"), "This email address is already registered."),
        (Claims(username="bob", phone="+4912345"), "This phone number is already registered."),
    ],
)
async def test_a_name_or_an_address_in_use_cannot_be_registered(door: Door, claims: Claims, sentence: str) -> None:
    with pytest.raises(AlreadyTaken) as taken:
        await door.enter(claims)
    assert str(taken.value) == sentence
    assert await door.people() == 1
    assert await door.database.fetchval("select count(*) from user_identity") == len(ANNS_WAYS)


async def test_of_two_concurrent_registrations_of_one_name_one_succeeds(door: Door) -> None:
    outcomes = await asyncio.gather(
        *(door.enter(Claims(auth_token=f"uid {number}", username="bob")) for number in range(6)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyTaken"] * 5 + ["User"]


BAD_NAMES = ["b" * 41, "b b", "b/b", "<b>", "b@b", "b'b", "b\nb", "b\tb", "b\u200bb", "🎤"]


@pytest.mark.parametrize(
    "claims",
    [
        *(Claims(username=name) for name in (*BAD_NAMES, "b\n", " b", " ", "b\0")),
        *(Claims(auth_token=f"dev:{name}") for name in BAD_NAMES),
        Claims(auth_token="new uid", username="b b", email="bob@example.com"),
    ],
)
async def test_a_name_that_cannot_be_one_is_refused(door: Door, claims: Claims) -> None:
    with pytest.raises(InvalidUsername, match="1 to 40 letters"):
        await door.enter(claims)
    assert await door.people() == 1


@pytest.mark.parametrize("number", ["7", "007", "٧", "７", "²"])
async def test_a_name_that_reads_as_an_id_is_refused_to_new_people(door: Door, number: str) -> None:
    for claims in (Claims(auth_token=f"dev:{number}"), Claims(username=number, dob=DOB)):
        with pytest.raises(InvalidUsername, match="must not be a number"):
            await door.enter(claims)
    assert await door.people() == 1


@pytest.mark.parametrize(
    "claims",
    [
        Claims(auth_token="漢" * 2000),
        Claims(auth_token="🌹" * 2000),
        Claims(social="google", social_id="漢" * 500, username="bob"),
        Claims(social="漢" * 500, social_id="g-bob", username="bob"),
        Claims(username="bob", email="漢" * 1000),
        Claims(username="bob", phone="漢" * 1000),
    ],
)
async def test_a_text_that_no_index_takes_is_refused(door: Door, claims: Claims) -> None:
    with pytest.raises(ClaimTooLong, match="is too long"):
        await door.enter(claims)
    assert await door.people() == 1


async def test_the_longest_texts_that_are_let_through_fit_into_the_index(door: Door) -> None:
    def incompressible(seed: int) -> str:
        draw = random.Random(seed)
        return "".join(chr(draw.randrange(0x1F300, 0x1F5FF)) for _ in range(LARGEST_INDEXED // 4))

    claims = Claims(
        auth_token=incompressible(1),
        social=incompressible(2),
        social_id=incompressible(3),
        username="bob",
        email=incompressible(4),
        phone=incompressible(5),
    )
    assert await door.ways_of(await door.enter(claims)) == {
        ("uid", claims.auth_token),
        (claims.social, claims.social_id),
    }


# ── statements ──


async def test_a_sign_in_reads_account_and_wallet_in_one_statement(door: Door) -> None:
    claims = Claims(auth_token="uid bob", username="bob")
    for uses in (3, 1):  # not found, created, read; then found
        before = door.database.uses
        await door.enter(claims)
        assert door.database.uses - before == uses


# ── banned ──


@pytest.mark.parametrize(
    "claims",
    [
        Claims(auth_token="dev:ann"),
        Claims(auth_token="uid-of-ann"),
        Claims(social="google", social_id="g-ann", username="ann2"),
    ],
)
async def test_who_is_banned_does_not_come_in_by_any_way(door: Door, claims: Claims) -> None:
    token = await door.sessions.issue(door.ann)
    await door.database.execute("update app_user set banned_at = now() where id = $1", door.ann)
    for offered in (claims, dataclasses.replace(claims, auth_token=token)):
        with pytest.raises(AccountBlocked, match="have been blocked"):
            await door.enter(offered)
    assert await door.people() == 1


# ── outside of development mode ──


@pytest.mark.parametrize(
    "claims",
    [
        Claims(),
        Claims(auth_token="dev:ann"),
        Claims(auth_token="dev:bob"),
        Claims(auth_token="uid-of-ann"),
        Claims(auth_token="new uid"),
        Claims(social="google", social_id="g-ann"),
        Claims(auth_token="uid-of-ann", social="google", social_id="g-ann", username="ann", email="ann@example.com"),
        Claims(username="bob"),
        Claims(dob=DOB),
        Claims(username="bob", email="bob@example.com", password="open sesame", dob=DOB),
        Claims(phone="+4912345"),
        Claims(email="ann@example.com", password="guess"),
    ],
)
async def test_elsewhere_a_claim_alone_proves_nothing(door: Door, claims: Claims) -> None:
    with pytest.raises(SignInNotProven):
        await door.sign_in().sign_in(claims)
    assert await door.people() == 1


@dataclass
class Provider:
    """A sign-in provider that verifies the tokens that it issued."""

    tokens: dict[str, Proof] = field(default_factory=dict)

    async def prove(self, claims: Claims) -> Sequence[Proof]:
        proof = self.tokens.get(claims.auth_token)
        return [proof] if proof else []


def proof_of(provider: str, subject: str, email: str = "", phone: str = "") -> Proof:
    return Proof(identity=Identity(provider, subject), email=email, phone=phone)


GOOGLE = Provider({"token of ann": proof_of("google", "g-ann"), "token of bob": proof_of("google", "g-bob")})
APPLE = Provider({"apple token": proof_of("apple", "a-cid")})


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        (Claims(auth_token="token of ann"), "Ann"),
        (Claims(auth_token="token of ann", username="other", social="google", social_id="g-bob"), "Ann"),
        (Claims(auth_token="token of bob", username="bob"), "bob"),
        (Claims(auth_token="token of bob", username="bob", social="google", social_id="g-ann"), "bob"),
        (Claims(auth_token="token of bob"), None),
        (Claims(auth_token="apple token", dob=DOB), None),
    ],
)
async def test_elsewhere_a_provider_has_to_prove_it(door: Door, claims: Claims, username: str | None) -> None:
    sign_in = door.sign_in(GOOGLE, APPLE)
    user = (await sign_in.sign_in(claims)).user
    assert user.username == username or (username is None and GENERATED.fullmatch(user.username))
    assert (await sign_in.sign_in(dataclasses.replace(claims, username="", dob=None))).user.id == user.id


async def test_elsewhere_only_what_was_proven_becomes_a_way_in(door: Door) -> None:
    claims = Claims(auth_token="token of bob", social="facebook", social_id="somebody else", username="bob")
    user = (await door.sign_in(GOOGLE, APPLE).sign_in(claims)).user
    assert await door.ways_of(user) == {("google", "g-bob")}


async def test_elsewhere_a_proven_new_user_with_too_little_is_sent_to_registration(door: Door) -> None:
    """The app's sign-in button, before its registration screen."""
    with pytest.raises(NotRegistered):
        await door.sign_in(GOOGLE).sign_in(Claims(auth_token="token of bob", social="google", social_id="g-bob"))
    assert await door.people() == 1


@pytest.mark.parametrize("token", ["token of cid", "", "dev:ann", "uid-of-ann"])
async def test_elsewhere_a_token_that_no_provider_gave_out_proves_nothing(door: Door, token: str) -> None:
    with pytest.raises(SignInNotProven):
        await door.sign_in(GOOGLE, APPLE).sign_in(Claims(auth_token=token, social="google", social_id="g-ann"))
    assert await door.people() == 1


# ── addresses that a provider has verified ──


@pytest.mark.parametrize(
    "proof",
    [
        proof_of("apple", "a-ann", email="ann@example.com"),
        proof_of("firebase", "f-ann", phone="+4912345"),
        proof_of("firebase", "f-ann", email="unknown@example.com", phone="+4912345"),
    ],
)
async def test_a_verified_address_joins_the_account_that_has_it(door: Door, proof: Proof) -> None:
    sign_in = door.sign_in(Provider({"token": proof}))
    ann = (await sign_in.sign_in(Claims(auth_token="token", username="other"))).user
    assert ann.id == door.ann
    assert proof.identity is not None
    assert await door.ways_of(ann) == {(way.provider, way.subject) for way in [*ANNS_WAYS, proof.identity]}
    assert (await sign_in.sign_in(Claims(auth_token="token"))).user.id == door.ann


async def test_a_code_sent_to_the_address_opens_the_account_that_has_it(door: Door) -> None:
    sign_in = door.sign_in(Provider({"code": Proof(email="ann@example.com")}))
    assert (ann := (await sign_in.sign_in(Claims(auth_token="code"))).user).id == door.ann
    assert len(await door.ways_of(ann)) == len(ANNS_WAYS)


async def test_an_address_that_is_only_claimed_joins_nothing(door: Door) -> None:
    claims = Claims(auth_token="apple token", username="cid", email="ann@example.com", phone="+4912345")
    cid = (await door.sign_in(APPLE).sign_in(claims)).user
    assert cid.id != door.ann
    assert (cid.email, cid.phone) == ("", "")


async def test_an_address_that_is_only_claimed_is_not_kept_from_its_owner(door: Door) -> None:
    early = Claims(auth_token="apple token", username="early", email="bob@example.com", password="known to early")
    early_user = (await door.sign_in(APPLE).sign_in(early)).user
    bobs = Provider({"token": proof_of("google", "g-bob", email="bob@example.com")})
    bob = (await door.sign_in(bobs).sign_in(Claims(auth_token="token", username="bob"))).user
    assert bob.id != early_user.id
    assert bob.email == "bob@example.com"


async def test_another_user_of_the_same_provider_does_not_join_by_the_address(door: Door) -> None:
    """A company gives an address of a former employee to the next one."""
    successor = Provider({"token": proof_of("google", "g-successor", email="ann@example.com")})
    with pytest.raises(AlreadyTaken):
        await door.sign_in(successor).sign_in(Claims(auth_token="token", username="successor"))
    with pytest.raises(NotRegistered):
        await door.sign_in(successor).sign_in(Claims(auth_token="token", social="google", social_id="g-successor"))
    assert await door.people() == 1


async def test_an_address_that_the_account_gave_up_meanwhile_joins_nothing(door: Door) -> None:
    """The owner changes the address because its mailbox was broken into."""
    identity = Identity("apple", "a-thief")
    thief = Proof(identity=identity, email="ann@example.com")

    class Late(SignIn):
        async def _allowed(self, user_id: UserId) -> OwnUser:
            user = await super()._allowed(user_id)
            await door.database.execute("update app_user set email = 'new@example.com' where id = $1", user_id)
            return user

    sign_in = Late(door.database, door.sessions, [Provider({"token": thief})], believes_claims=False)
    with pytest.raises(NotRegistered):
        await sign_in.sign_in(Claims(auth_token="token", social="apple", social_id="a-thief"))
    assert await store.id_by_identity(door.database, identity) is None


async def test_a_proven_address_is_kept_in_development_too(door: Door) -> None:
    proofs = {"token": proof_of("apple", "a-bob", email="bob@example.com")}
    sign_in = door.sign_in(Provider(proofs), UnprovenClaims(), believes_claims=True)
    claims = Claims(auth_token="token", username="bob", email="other@example.com", phone="+4977")
    bob = await sign_in.sign_in(claims)
    assert (bob.user.email, bob.user.phone) == ("bob@example.com", "+4977")


async def test_identities_that_join_at_the_same_time_are_one_of_each_provider(door: Door) -> None:
    tokens = {f"token {number}": proof_of("apple", f"a-{number}", email="ann@example.com") for number in range(8)}
    sign_in = door.sign_in(Provider(tokens))
    results = await asyncio.gather(
        *(sign_in.sign_in(Claims(auth_token=token)) for token in tokens), return_exceptions=True
    )
    joined = [result.user for result in results if isinstance(result, OwnUser)]
    assert [user.id for user in joined] == [door.ann]
    assert all(isinstance(result, AlreadyTaken) for result in results if not isinstance(result, OwnUser))
    assert len(await door.ways_of(joined[0])) == len(ANNS_WAYS) + 1


async def test_a_banned_account_is_not_joined(door: Door) -> None:
    async with door.database.transaction() as connection:
        await bans_store.ban(connection, door.ann)
    with pytest.raises(AccountBlocked):
        await door.sign_in(Provider({"token": proof_of("apple", "a-ann", email="ann@example.com")})).sign_in(
            Claims(auth_token="token")
        )
    assert await store.id_by_identity(door.database, Identity("apple", "a-ann")) is None


async def test_the_provider_is_named_as_it_was_proven(door: Door) -> None:
    claims = Claims(
        auth_token="apple token", username="cid", social="facebook", social_id="f-1", profile_pic="https://x.example/1"
    )
    cid = (await door.sign_in(APPLE).sign_in(claims)).user
    assert (cid.social, cid.social_id, cid.profile_pic) == ("apple", "a-cid", "")
