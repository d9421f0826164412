"""What the demo users write to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    username: str
    hours: float
    """How many hours before the first start."""
    text: str
    post: int | None = None
    """The place in `POSTS` of a video that is shared."""
    portrait: str = ""
    """The user whose portrait is sent."""


class Conversation(NamedTuple):
    """A request if the second user does not follow the first, and does not answer."""

    first: str
    """Writes the first line."""
    second: str
    lines: Sequence[Line]
    """From the oldest to the newest."""
    unread: int = 0
    """The last lines, which their receiver has not read."""

    def receiver(self, line: Line) -> str:
        return self.first if line.username == self.second else self.second


CONVERSATIONS: Sequence[Conversation] = (
    Conversation(
        "carla",
        "ada",
        (
            Line("carla", 76, "Your fire makes me want to paint instead of teaching. Can you teach me instead?"),
            Line("ada", 75.5, "Sunday at ten. Bring paper that can take a beating."),
            Line("carla", 75.4, "I have printer paper."),
            Line("ada", 75.3, "Carla. No."),
            Line("carla", 5.2, "Fine. Which one do I buy?"),
            Line("ada", 4.8, "300 grams, cold pressed. Anything lighter gets waves like your hair."),
            Line("carla", 0.7, "I feel seen."),
            Line("carla", 0.6, "See you on Sunday!"),
        ),
        unread=2,
    ),
    Conversation(
        "yuki.tanabe",
        "ada",
        (
            Line("yuki.tanabe", 53, "I drew you while you were live. Hope you like it", portrait="ada"),
            Line("ada", 52.6, "That is my hair exactly. I am keeping it for ever."),
            Line("ada", 27, "Is this place on your map?", post=13),
            Line("yuki.tanabe", 26.5, "Number 31. Bring cash and patience."),
        ),
    ),
    Conversation(
        "aisha.k",
        "ada",
        (
            Line("aisha.k", 30, "How do you keep this from running?", post=28),
            Line("ada", 29, "I do not. I let it run and call it style."),
            Line("aisha.k", 9.5, "I will write that down. In gold."),
        ),
        unread=1,
    ),
    Conversation(
        "ravi.menon",
        "ada",
        (
            Line("ravi.menon", 18, "Hello Ada, we have not met. I play Carnatic violin."),
            Line("ravi.menon", 17.9, "Would you paint a raga while I play it? Both of us live, on one evening."),
        ),
        unread=2,
    ),
    Conversation(
        "kwame.b",
        "ben",
        (
            Line("kwame.b", 49, "I need a drummer on the roof on Saturday. You come with the neighbour's blessing?"),
            Line("ben", 48.7, "The neighbour asks whether he may come too."),
            Line("kwame.b", 11, "He may. Doors at nine, this is the mood.", post=6),
        ),
        unread=1,
    ),
    Conversation(
        "sam.lee",
        "ben",
        (Line("sam.lee", 22, "Your last set woke up my ferns. Do you teach? I can pay in cuttings."),),
        unread=1,
    ),
    Conversation(
        "carla",
        "minjun.seo",
        (
            Line("carla", 80, "My whole class dances your chorus now. I blame you.", post=17),
            Line("minjun.seo", 79, "Send a video! The second turn is on the left foot, tell them."),
            Line("carla", 78.8, "I told them. They have opinions."),
            Line("minjun.seo", 13, "Then let us do it live, you and me."),
        ),
        unread=1,
    ),
    Conversation(
        "zane.mc",
        "carla",
        (Line("zane.mc", 6, "Think of a dance. I say it is salsa. May I show my next trick in your stream?"),),
        unread=1,
    ),
    Conversation(
        "dev",
        "lars.vdb",
        (
            Line("dev", 100, "The filter of your synth whistles at 3 kHz. I could hear it in the video.", post=21),
            Line("lars.vdb", 99, "That is the part I am proud of."),
            Line("dev", 98.5, "Swap C4 for 10 nF and be proud without the dogs."),
            Line("lars.vdb", 8, "It is quiet now. The dogs send their thanks."),
        ),
        unread=1,
    ),
    Conversation(
        "oskar.n",
        "dev",
        (Line("oskar.n", 40, "Can a radio survive 90 degrees? I am asking for a sauna."),),
        unread=1,
    ),
    Conversation(
        "emil",
        "ingridh",
        (
            Line("emil", 70, "The train over the fjord is 40 minutes late. How far is the sleeve?"),
            Line("ingridh", 69.8, "Finished. I have begun another one."),
            Line("ingridh", 3, "Still on the same train. It is a cardigan now."),
        ),
        unread=1,
    ),
    Conversation(
        "oskar.n",
        "emil",
        (Line("oskar.n", 15, "Your coast looks like steam on a window. Come and see the real thing in Turku."),),
        unread=1,
    ),
    Conversation(
        "mei.lin",
        "farid.n",
        (
            Line("mei.lin", 60, "How do you get up at four?"),
            Line("farid.n", 59, "I do not. I simply never go to bed before the bread does."),
        ),
    ),
)
