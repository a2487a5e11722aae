from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.blocklist import Blocklist
from safety.detectors.canary import Canary
from safety.detectors.hidden_text import HiddenText
from safety.detectors.normalise import Reader, read
from safety.detectors.prompt_shield import PromptShield


@given(st.lists(st.text("aé% 41", max_size=8), max_size=30), st.integers(0, 40))
def test_a_reading_is_the_same_remembered_or_not(texts, room):
    reader = Reader(room)
    for text in texts:
        assert reader.read(text) == read(text)


def test_a_text_is_read_once():
    reader = Reader()
    assert reader.read("some text") is reader.read("some " + "text")


def test_the_oldest_goes_when_there_is_no_room():
    reader = Reader(room=40)  # two texts of ten and their views
    first, second = reader.read("x" * 10), reader.read("y" * 10)
    assert reader.read("x" * 10) is first
    reader.read("z" * 10)
    assert reader.read("x" * 10) is first
    assert reader.read("y" * 10) is not second


def test_a_text_larger_than_the_room_takes_no_others_place():
    reader = Reader(room=40)
    small = reader.read("x")
    large = reader.read("y" * 21)
    assert reader.read("y" * 21) is not large
    assert reader.read("x") is small


def test_threads_may_share_one():
    reader = Reader(room=200)
    texts = [f"text {n % 17}" for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        readings = list(pool.map(reader.read, texts))
    assert readings == [read(text) for text in texts]


def test_detectors_share_a_reader_or_make_their_own():
    reader = Reader()
    for detector in (HiddenText, PromptShield, Blocklist, Canary):
        assert detector(reader=reader).reader is reader
        assert detector().reader is not reader
