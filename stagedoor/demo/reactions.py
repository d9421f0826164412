"""What the demo users think of each other's videos: comments and replies, and who likes, saves and reposts what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stagedoor.demo.people import PEOPLE
from stagedoor.demo.relations import BLOCKS, FOLLOWS
from stagedoor.demo.videos import POSTS


class Comment(NamedTuple):
    username: str
    days: float
    """How many days before the first start."""
    text: str
    replies: Sequence[Comment] = ()
    """Which have none themselves."""
    pinned: bool = False


COMMENTS: Mapping[int, Sequence[Comment]] = {
    0: (
        Comment("carla", 179, "I have watched this instead of correcting homework. For an hour."),
        Comment(
            "aisha.k", 160, "The slow one is the difficult one. Lovely.", (Comment("ada", 159.8, "You would know!"),)
        ),
        Comment("lars.vdb", 30, "What do you play to this? I hear a bass line."),
    ),
    1: (
        Comment("kwame.b", 158, "Can I use it on Saturday? You get a drink.", (Comment("ben", 157.9, "Two drinks."),)),
    ),
    2: (
        Comment(
            "minjun.seo", 80, "Which one did you throw first?", (Comment("carla", 79.8, "The left. Or it threw me."),)
        ),
        Comment("joao_lima", 51, "Physics class was never like this."),
    ),
    3: (
        Comment(
            "nia.w", 60, "Glider at the bottom left! Did you plant it?", (Comment("dev", 59.5, "It moved in alone."),)
        ),
    ),
    4: (
        Comment("dev", 159, "Stopped after ten minutes. It did not."),
        Comment("tomasz.w", 150, "My laptop fan says hello."),
        Comment("hana.p", 90, "How deep does it go?", (Comment("emil", 89.9, "Until the numbers end. Then I end."),)),
        Comment("katya.orl", 55, "I tried to skate this. Please do not try to skate this.", pinned=True),
    ),
    5: (
        Comment("zane.mc", 19, "Stop 14 is my favourite colour."),
        Comment("ollie.p", 2.4, "Which line?", (Comment("yuki.tanabe", 2.2, "Yamanote, all the way round."),)),
    ),
    6: (Comment("amara.o", 100, "I was there. My ears still are."),),
    7: (Comment("soraya.f", 92, "Ten times as fast and still calm. How?"),),
    8: (Comment("diego.s", 106, "Goal. I do not care what the puddle says."),),
    9: (
        Comment("sione.t", 129, "Bringing two towels."),
        Comment("thabo.m", 78, "Six is late. I am in at five.", (Comment("leilani.m", 77.9, "Show-off."),)),
    ),
    10: (
        Comment(
            "elif.y",
            74,
            "What comes after it?",
            (Comment("noor_eldin", 73.6, "Forty minutes of a man looking for his keys."),),
        ),
        Comment("paulo.k", 69, "I would watch that."),
    ),
    11: (Comment("fatou.d", 40, "My grandmother had curtains of it. Now I want them back."),),
    12: (
        Comment("oluwaseun", 112, "Give the cat a contract."),
        Comment(
            "gurpreet",
            111.5,
            "The cat has better taste than you, Tomasz.",
            (Comment("tomasz.w", 111, "She says thank you."),),
        ),
    ),
    13: (
        Comment("yuki.tanabe", 104, "Number 31. I can smell it from here.", pinned=True),
        Comment("farid.n", 103.8, "Who is washing that wok?"),
        Comment("bea.rossi", 83, "Too hot for the garlic. But I would eat it."),
    ),
    14: (
        Comment(
            "chloe.d",
            96.8,
            "They match my 1962 fabric. We should talk.",
            (Comment("amara.o", 96.5, "We should. Tonight?"),),
        ),
        Comment(
            "minjun.seo",
            87,
            "How do you open a can with these?",
            (Comment("amara.o", 86.9, "I have people for that."),),
        ),
    ),
    15: (Comment("zane.mc", 20, "I can make the rook disappear."),),
    16: (
        Comment("soraya.f", 89, "And I was still awake to see it."),
        Comment(
            "ingridh", 88.9, "Two rye for Saturday, please.", (Comment("farid.n", 88.5, "With your name on them."),)
        ),
    ),
    17: (
        Comment(
            "carla",
            82.5,
            "Learned it. By Sunday. Close enough?",
            (Comment("minjun.seo", 82, "Friday means Friday, teacher."),),
        ),
        Comment("katya.orl", 56, "On ice this would take three of me."),
        Comment("ben", 40, "That snare lands exactly where you do."),
        Comment("tala.h", 11, "My sister and I have fought over who is on the left."),
    ),
    18: (Comment("aisha.k", 76, "I wrote it down before it was gone."),),
    19: (
        Comment("farid.n", 70.5, "I touched it. Sorry.", (Comment("bea.rossi", 70.4, "I knew it was you."),)),
        Comment("mei.lin", 70, "Three hours is when I start to look into the pot."),
    ),
    20: (Comment("leilani.m", 63, "Send some of that flat here, it is blowing."),),
    21: (Comment("dev", 59, "Which cable?", (Comment("lars.vdb", 58.9, "The one I cannot find now."),)),),
    22: (Comment("noor_eldin", 51, "I know that street. I did not know that sea."),),
    23: (Comment("carla", 44, "I will be there. In the second row, hidden."),),
    24: (Comment("hana.p", 38, "The last one! Again, please."),),
    25: (Comment("ingridh", 30.5, "The basil looks angry.", (Comment("sam.lee", 30, "It is a punk basil."),)),),
    26: (
        Comment(
            "ada",
            23,
            "Did you paint all of them by hand?",
            (Comment("linh.t", 22.8, "Ninety-nine. One is my nephew's."),),
        ),
    ),
    27: (
        Comment("oluwaseun", 15.8, "Seven of hearts. HOW."),
        Comment("minjun.seo", 15, "I thought of the joker and it laughed at me."),
        Comment(
            "yuki.tanabe",
            14.6,
            "Slowed it down. Still nothing.",
            (Comment("zane.mc", 14.5, "Look at the other hand."),),
        ),
    ),
    28: (
        Comment("aisha.k", 8.8, "How is the paper still flat?"),
        Comment(
            "carla", 8.1, "This is what I wanted mine to look like.", (Comment("ada", 8, "Next Sunday, less water."),)
        ),
        Comment("linh.t", 1.2, "I want to hang this next to the lanterns."),
    ),
    29: (Comment("farid.n", 1.5, "Welcome! Bread is at four.", (Comment("tala.h", 1.4, "In the morning?!"),)),),
}
"""By the place of the video in `POSTS`, from the oldest to the newest."""

_FEWEST, _MOST = 3, 30
"""Users who like a video besides the followers of its owner: the least watched and the most watched one."""
_APART = {frozenset({"ada", "ben"})}
"""They do not know each other, so that testers can try everything with these two."""


def _likes() -> Iterator[tuple[str, int]]:
    most_watched = max(post.views for post in POSTS)
    for place, post in enumerate(POSTS):
        fans = _FEWEST + (_MOST - _FEWEST) * post.views // most_watched
        for number, person in enumerate(PEOPLE):
            likes = post.username in FOLLOWS[person.username].split() or (17 * number + 29 * place) % len(PEOPLE) < fans
            if likes and person.username != post.username and not _are_apart(person.username, post.username):
                yield person.username, place


def _are_apart(one: str, other: str) -> bool:
    blocks = other in BLOCKS.get(one, "").split() or one in BLOCKS.get(other, "").split()
    return blocks or {one, other} in _APART


LIKES = tuple(_likes())
"""Usernames, and places in `POSTS`."""
SAVES, REPOSTS = LIKES[1::4], LIKES[4::9]


def likes_of_comment(place: int, number: int) -> Sequence[str]:
    """Who likes a comment on a video: its owner, and some of those who like the video. `number`: its place among the comments."""
    author = COMMENTS[place][number].username
    fans = [username for username, liked in LIKES if liked == place]
    likers = dict.fromkeys((POSTS[place].username, *fans[number :: len(COMMENTS[place]) + 2]))
    return [username for username in likers if username != author and not _are_apart(username, author)]
