"""Sets and tables of characters: what cannot be seen, and what looks like something else.

Sources: Unicode UTS #39 (confusables), UTS #51 (emoji tag sequences), UAX #14 and the Default_Ignorable
property; chosen by hand for the letters that stand for ASCII ones. Not complete: rare scripts are missing.
"""

from __future__ import annotations

import re
from itertools import chain

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
ZERO_WIDTH = "\u200b-\u200d\u2060-\u2064\ufeff"
TAGS = "\U000e0000-\U000e007f"
VARIATION = "\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180d\u180f"
# Soft hyphen, combining grapheme joiner, Hangul and Khmer fillers, Mongolian vowel separator, deprecated
# format characters, interlinear annotation, musical format characters.
OTHER_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u206a-\u206f\u3164\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a"
)
CONTROLS = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"

INVISIBLE_CLASS = BIDI + ZERO_WIDTH + TAGS + VARIATION + OTHER_INVISIBLE + CONTROLS
INVISIBLE = re.compile(f"[{INVISIBLE_CLASS}]+")
# What NFKC leaves uncomposed of diacritics: no language of the signatures needs it, "zalgo" text does.
MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")

LINE_ENDS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # besides \n: what str.splitlines splits at
ODD_SPACE = re.compile(r"[^\S \n]")

# Flags of England, Scotland and Wales: a black flag, tag letters, and the cancel tag (UTS #51, ED-14a).
FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")

ASCII_FOLD: dict[int, str | None] = {
    **dict.fromkeys(chain(range(0x09), range(0x0E, 0x1C), (0x7F,))),
    **{ord(c): "\n" for c in LINE_ENDS if c < "\x7f"},
    **{ord(c): " " for c in "\t\x1f"},
    **{code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)},
}


def _pairs(look_alikes: str, letters: str) -> dict[str, str]:
    return dict(zip(look_alikes, letters, strict=True))


def _alphabet(first: int) -> dict[str, str]:
    return {chr(first + i): chr(ord("A") + i) for i in range(26)}


TYPOGRAPHY = {
    **dict.fromkeys("‘’‚‛ʼʹ′", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
"""Quotes and dashes: written by every word processor, and harmless."""

DISGUISES = {
    **_pairs("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
    **_pairs("ɑɡɩıȷƅꞌ", "agiijb'"),
    **_alphabet(0x1F150),  # negative circled
    **_alphabet(0x1F170),  # negative squared
}
"""Latin letters in another coat, folded wherever they stand. NFKC folds the rest: fullwidth, mathematical."""

LOOK_ALIKES = {
    **_pairs("авсеѕіјкмнорԛтуԝхһԁӏьгпѵ", "abcesijkmhopqtywxhdlbrnv"),
    **_pairs("АВСЕЅІЈКМНОРԚТУԜХҺӀЬЯИѴ", "ABCESIJKMHOPQTYWXHIBRNV"),
    **_pairs("αβγεηικνορςτυχωϳάέήίόύώ", "abyenikvopctuxwjaeniouw"),
    **_pairs("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    **_pairs("օոսհցզյՕՏԼՍ", "onuhgqjOSLU"),
    **_pairs("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᏔᎽᏃ", "ABCDEGHiJKLMPRSTVWYZ"),
    **_pairs("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),
}
"""Letters of other scripts that read as Latin: folded only in words that otherwise read as Latin."""
