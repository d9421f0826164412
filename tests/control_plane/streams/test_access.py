"""Access decisions: who may publish to a path and who may read it, in every case."""

from __future__ import annotations

import datetime as dt
from itertools import product

import pytest

from control_plane.base.ids import StreamId
from control_plane.streams.access import AccessRequest, Action, Verdict, decide
from control_plane.streams.model import EndReason, Status, Stream, Visibility
from tests.control_plane.streams.samples import KEYS, SALT, stream

UNFINISHED = [Status.CREATED, Status.LIVE, Status.INTERRUPTED]
NOT_PUBLIC = [visibility for visibility in Visibility if visibility is not Visibility.PUBLIC]
ENDED = stream(status=Status.ENDED, ended_at=dt.datetime.now(dt.UTC), end_reason=EndReason.OWNER)

NONE = None
RIGHT = KEYS.issue(StreamId(7), 3, SALT)
WRONG = {
    "empty": "",
    "text": "let me in",
    "of another stream": KEYS.issue(StreamId(8), 3, SALT),
    "before the rotation": KEYS.issue(StreamId(7), 2, SALT),
    "not yet issued": KEYS.issue(StreamId(7), 4, SALT),
}
ANY_KEY = [NONE, RIGHT, *WRONG.values()]
KNOWN_OR_AGED = [True, False]

Case = tuple[Action, Stream | None, str | None, bool]

CASES: dict[Verdict, list[Case]] = {
    Verdict.UNKNOWN_STREAM: list(product(Action, [None, ENDED], ANY_KEY, KNOWN_OR_AGED)),
    Verdict.NOT_PUBLIC: [
        (Action.READ, stream(status=status, visibility=visibility, key_version=3), key, current)
        for status, visibility, key, current in product(UNFINISHED, NOT_PUBLIC, ANY_KEY, KNOWN_OR_AGED)
    ],
    Verdict.KEY_MISSING: [
        (Action.PUBLISH, stream(status=status, visibility=visibility, key_version=3), NONE, current)
        for status, visibility, current in product(UNFINISHED, Visibility, KNOWN_OR_AGED)
    ],
    Verdict.KEY_WRONG: [
        (Action.PUBLISH, stream(status=status, visibility=visibility, key_version=3), key, current)
        for status, visibility, key, current in product(UNFINISHED, Visibility, WRONG.values(), KNOWN_OR_AGED)
    ],
    Verdict.DATABASE_AWAY: [
        (Action.PUBLISH, stream(status=status, visibility=visibility, key_version=3), RIGHT, False)
        for status, visibility in product(UNFINISHED, Visibility)
    ],
    Verdict.ALLOW: [
        (Action.PUBLISH, stream(status=status, visibility=visibility, key_version=3), RIGHT, True)
        for status, visibility in product(UNFINISHED, Visibility)
    ]
    + [
        (Action.READ, stream(status=status, key_version=3), key, current)
        for status, key, current in product(UNFINISHED, ANY_KEY, KNOWN_OR_AGED)
    ],
}


@pytest.mark.parametrize("verdict", CASES)
def test_the_decision(verdict: Verdict) -> None:
    cases = CASES[verdict]
    decided = [
        decide(AccessRequest(action, stream().path, () if key is None else (key,)), known, KEYS, current=current)
        for action, known, key, current in cases
    ]
    assert decided == [verdict] * len(cases)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_one_right_key_among_those_offered_is_enough(wrong: str) -> None:
    known = stream(key_version=3)
    for keys in ((wrong, RIGHT), (RIGHT, wrong), (wrong, wrong, RIGHT)):
        assert decide(AccessRequest(Action.PUBLISH, known.path, keys), known, KEYS, current=True) is Verdict.ALLOW
    request = AccessRequest(Action.PUBLISH, known.path, (wrong, wrong))
    assert decide(request, known, KEYS, current=True) is Verdict.KEY_WRONG


def test_the_table_is_whole() -> None:
    """Every combination of what the decision looks at is in one of the cases above, and in one only."""
    streams = [
        None,
        ENDED,
        *(stream(status=s, visibility=v, key_version=3) for s, v in product(UNFINISHED, Visibility)),
    ]
    every = list(product(Action, streams, ANY_KEY, KNOWN_OR_AGED))
    listed = [case for cases in CASES.values() for case in cases]
    assert len(listed) == len(every)
    assert all(case in listed for case in every)
    assert set(CASES) == set(Verdict) - {Verdict.NOT_OURS}, (
        "which the hooks listener answers: it is about no path of ours"
    )
