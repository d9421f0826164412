"""How the demo users stand to each other.

`ada` and `ben` do not know each other, so that testers can try everything with these two. The first five visit no
profiles, because that would turn on their setting `profile_view`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

FOLLOWS: Mapping[str, str] = {
    "ada": "carla dev aisha.k noor_eldin elif.y chloe.d soraya.f yuki.tanabe linh.t minjun.seo hana.p bea.rossi",
    "ben": "kwame.b mateo_v diego.s oluwaseun amara.o ravi.menon leilani.m minjun.seo carla lars.vdb",
    "carla": "ada minjun.seo joao_lima katya.orl diego.s amara.o chloe.d ben sione.t",
    "dev": "ada lars.vdb tomasz.w emil nia.w noor_eldin farid.n ravi.menon yuki.tanabe",
    "emil": "ada dev ingridh tomasz.w thabo.m hana.p lars.vdb katya.orl yuki.tanabe",
    "yuki.tanabe": "mei.lin minjun.seo ada zane.mc oluwaseun linh.t",
    "mateo_v": "ben diego.s sione.t joao_lima carla amara.o",
    "aisha.k": "ada soraya.f elif.y noor_eldin chloe.d amara.o",
    "kwame.b": "ben lars.vdb amara.o oluwaseun fatou.d minjun.seo",
    "ingridh": "emil bea.rossi soraya.f sam.lee hana.p farid.n",
    "tomasz.w": "dev emil lars.vdb nia.w zane.mc gurpreet",
    "leilani.m": "thabo.m ben minjun.seo yuki.tanabe mateo_v",
    "farid.n": "bea.rossi mei.lin soraya.f oluwaseun dev",
    "noor_eldin": "ada aisha.k elif.y paulo.k amara.o minjun.seo",
    "sione.t": "carla mateo_v thabo.m minjun.seo farid.n",
    "chloe.d": "amara.o ada carla fatou.d elif.y minjun.seo",
    "gurpreet": "farid.n oluwaseun paulo.k zane.mc tomasz.w",
    "mei.lin": "yuki.tanabe farid.n bea.rossi linh.t minjun.seo",
    "oluwaseun": "kwame.b farid.n zane.mc amara.o yuki.tanabe ben",
    "hana.p": "emil ingridh katya.orl thabo.m ada",
    "diego.s": "ben carla mateo_v joao_lima",
    "amara.o": "minjun.seo chloe.d fatou.d kwame.b",
    "lars.vdb": "dev kwame.b emil tomasz.w ravi.menon",
    "soraya.f": "aisha.k ingridh farid.n ada",
    "minjun.seo": "yuki.tanabe katya.orl amara.o carla",
    "bea.rossi": "farid.n mei.lin ingridh",
    "thabo.m": "leilani.m emil sione.t hana.p minjun.seo",
    "elif.y": "ada noor_eldin aisha.k paulo.k",
    "paulo.k": "elif.y gurpreet joao_lima amara.o",
    "nia.w": "dev tomasz.w sam.lee yuki.tanabe",
    "ravi.menon": "ben dev lars.vdb",
    "katya.orl": "minjun.seo carla emil hana.p",
    "joao_lima": "carla mateo_v diego.s minjun.seo",
    "sam.lee": "ingridh nia.w linh.t ben",
    "fatou.d": "amara.o chloe.d kwame.b ada",
    "oskar.n": "emil tomasz.w lars.vdb",
    "linh.t": "ada mei.lin yuki.tanabe sam.lee",
    "zane.mc": "oluwaseun ada minjun.seo yuki.tanabe",
    "tala.h": "ada farid.n minjun.seo amara.o",
    "ollie.p": "yuki.tanabe minjun.seo zane.mc",
}
"""Whom each user follows. Follows of private accounts are accepted requests."""

REQUESTS: Mapping[str, str] = {
    "ada": "nia.w",
    "ben": "hana.p",
    "carla": "oskar.n",
    "dev": "oskar.n",
    "emil": "ollie.p",
    "gurpreet": "nia.w",
    "linh.t": "nia.w",
    "mei.lin": "ollie.p",
    "tala.h": "hana.p",
    "zane.mc": "hana.p",
}
"""The private accounts that each user asks to follow."""

VISITORS: Mapping[str, str] = {
    "ada": "tala.h fatou.d katya.orl elif.y ravi.menon zane.mc sione.t linh.t",
    "ben": "sam.lee kwame.b leilani.m diego.s hana.p ravi.menon",
    "carla": "minjun.seo zane.mc joao_lima tala.h katya.orl mateo_v",
    "dev": "nia.w lars.vdb oskar.n tomasz.w ingridh",
    "emil": "thabo.m oskar.n hana.p lars.vdb tala.h",
    "yuki.tanabe": "ollie.p zane.mc mei.lin leilani.m",
    "minjun.seo": "tala.h joao_lima katya.orl ollie.p",
    "amara.o": "chloe.d fatou.d oluwaseun",
    "hana.p": "zane.mc thabo.m",
}
"""The visitors of each profile, the newest first."""
BLOCKS: Mapping[str, str] = {
    "ada": "ollie.p",
    "ben": "paulo.k",
    "carla": "gurpreet",
    "dev": "sione.t",
    "emil": "fatou.d",
    "amara.o": "ollie.p",
    "sam.lee": "zane.mc",
}


class Occasion(NamedTuple):
    """Something that users were told, beside follows and messages."""

    hours: float
    """How many hours before the first start."""
    username: str
    """Who went live, or gave."""
    text: str
    receiver: str = ""
    """Empty: the followers."""


LIVE_STARTS: Sequence[Occasion] = (
    Occasion(190, "emil", "Zooming until somebody gets dizzy"),
    Occasion(98, "amara.o", "Nails and honest answers"),
    Occasion(51, "minjun.seo", "Chorus, slowly, with counting"),
    Occasion(7, "yuki.tanabe", "One bowl, one drawing, one hour"),
)
"""Streams that are over, and are not kept."""

GIFTS: Sequence[Occasion] = (
    Occasion(120, "kwame.b", "3 × Rose", "ben"),
    Occasion(75, "linh.t", "Rose", "ada"),
    Occasion(60, "joao_lima", "Rose", "carla"),
    Occasion(33, "lars.vdb", "2 × Rose", "dev"),
    Occasion(30, "thabo.m", "Rose", "emil"),
    Occasion(9, "chloe.d", "5 × Rose", "ada"),
)
"""As the inbox shows them. The coins of the demo users are as if none was sent."""
