"""The demo users' videos: the clips of `ffmpeg_fixtures`, each shown by several users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Post(NamedTuple):
    """`clip` is its slug. The first post of a clip owns its sound, which the others use."""

    username: str
    clip: str
    days: int
    """How many days before the first start it was posted."""
    views: int
    description: str


POSTS: Sequence[Post] = (
    Post("ada", "ember", 180, 48_211, "Slow fire, nowhere to be #calm #abstract"),
    Post("ben", "loom", 176, 9_304, "A loom that weaves triangles: rule 18 #pattern #generative"),
    Post("carla", "ripples", 171, 15_870, "Two stones in a pond #blue #physics"),
    Post("dev", "bloom", 165, 2_996, "Small lives, big plans: Conway's game #pixel #retro"),
    Post("emil", "coast", 160, 88_102, "The longer you look, the longer it gets #fractal #zoom"),
    Post("yuki.tanabe", "bloom", 152, 31_550, "Made this on the train, one stop per colour #pixelart"),
    Post("kwame.b", "loom", 149, 12_020, "Visuals for Saturday. Doors at nine #dj #visuals"),
    Post("aisha.k", "ember", 141, 6_431, "Ink drying, ten times as fast #calligraphy #calm"),
    Post("mateo_v", "ripples", 137, 1_208, "Free kick, seen from the puddle #football"),
    Post("leilani.m", "ripples", 130, 22_645, "High tide at six. Bring a towel #ocean #morning"),
    Post("noor_eldin", "coast", 124, 4_077, "Opening shot of my short film #film #student"),
    Post("chloe.d", "loom", 119, 7_912, "This fabric is from 1962 #vintage #fashion"),
    Post("tomasz.w", "bloom", 113, 874, "The cat walked over the keyboard. Keeping it #cats"),
    Post("mei.lin", "ember", 105, 17_336, "Wok at full heat, volume up #streetfood #nightmarket"),
    Post("amara.o", "loom", 97, 53_489, "New nails, who dis #nails #beauty"),
    Post("oluwaseun", "coast", 94, 3_310, "Me looking for a way out of this endgame #chess #comedy"),
    Post("farid.n", "ember", 90, 10_058, "4:07 in the morning: the oven is ready #bread #bakery"),
    Post("minjun.seo", "bloom", 83, 120_774, "Chorus, mirrored. Learn it by Friday #dancecover"),
    Post("soraya.f", "ripples", 77, 2_145, "Rain on the tram window, a poem without words #poetry"),
    Post("bea.rossi", "ember", 71, 19_640, "The broth needs three hours. Do not touch it #nonna #cooking"),
    Post("thabo.m", "ripples", 64, 8_823, "Flat today. Beautiful, but flat #surf #durban"),
    Post("lars.vdb", "loom", 60, 1_530, "Patch of the day: eight notes, one cable #synth #diy"),
    Post("elif.y", "coast", 52, 5_266, "I zoomed in until the street became a sea #photography"),
    Post("joao_lima", "ember", 45, 9_909, "Roda at sunset, see you on Sunday #capoeira"),
    Post("katya.orl", "coast", 39, 14_402, "Edges, edges, edges #figureskating"),
    Post("sam.lee", "bloom", 31, 640, "Time lapse of my windowsill. Sort of #plants #punk"),
    Post("linh.t", "loom", 24, 3_781, "A hundred lanterns before the festival #handmade"),
    Post("zane.mc", "bloom", 16, 27_015, "Think of a card. Watch until the end #magic #cardtrick"),
    Post("ada", "coast", 9, 2_467, "Wet on wet, very wet #watercolour #sunday"),
    Post("tala.h", "ripples", 2, 38, "First post. Hello, everybody #new"),
)
"""From the oldest to the newest, as the feed needs the order of their ids."""
