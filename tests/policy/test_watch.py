import threading

import pytest
from toy_detectors import TOYS

from safety.errors import PolicyError
from safety.policy.cases import Case, CaseResult, Ended, require
from safety.policy.file import load_policy
from safety.policy.watch import PolicyWatch

GOOD = "version: 1\nname: {name}\nrules: [{{id: a, when: {{category: toy}}, action: block}}]\n"


class Made(str):
    """What a server would make of a policy: here its name."""


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class World:
    def __init__(self, folder):
        self.folder, self.path = folder, folder / "p.yaml"
        self.swaps, self.made, self.time = [], [], 100.0
        self.write(GOOD.format(name="one"))

    def write(self, text, name="p.yaml"):
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / name)  # another inode: seen whatever the clock's grain

    def watch(self):
        return PolicyWatch(
            self.path,
            self.make,
            load=lambda path: load_policy(path, TOYS),
            swapped=lambda old, new: self.swaps.append((old, new)),
            now=lambda: self.time,
        )

    def make(self, loaded):
        self.made.append(loaded.policy.name)
        if loaded.policy.name == "failing":
            require([CaseResult(Case("t", "p:1", "input", (), 0), Ended.FAILED, ("why",))])
        return Made(loaded.policy.name)


def settled(watch):
    """Polls until the files have stood still; whether any of them swapped."""
    return sum(watch.poll() for _ in range(4)) > 0


def test_the_first_policy_must_be_good(world):
    world.write("version: 2\n")
    with pytest.raises(PolicyError):
        world.watch()


def test_a_change_is_taken_over_once_it_stands_still(world):
    watch = world.watch()
    assert not settled(watch)
    world.write(GOOD.format(name="two"))
    world.time = 200.0
    assert not watch.poll()  # seen, but perhaps still being written
    assert watch.current.made == "one"
    assert watch.poll()
    assert (watch.current.made, watch.current.since, watch.problem) == ("two", 200.0, None)
    assert world.swaps == [("one", "two")]
    assert not settled(watch)
    assert world.made == ["one", "two"]


@pytest.mark.parametrize("bad", ["version: 1\nrules: 5\n", GOOD.format(name="failing"), "version: [", ""])
def test_a_bad_change_leaves_the_last_good_one_and_is_shown(world, bad):
    watch = world.watch()
    world.write(bad)
    world.time = 200.0
    assert not settled(watch)
    assert watch.current.made == "one"
    assert watch.problem is not None
    assert watch.problem.since == 200.0
    assert "p" in watch.problem.message
    world.write(GOOD.format(name="three"))
    assert settled(watch)
    assert (watch.current.made, watch.problem) == ("three", None)


def test_going_back_to_what_is_in_use_ends_the_problem(world):
    watch = world.watch()
    world.write("version: 3\n")
    settled(watch)
    assert watch.problem is not None
    world.write(GOOD.format(name="one"))
    assert not settled(watch)
    assert (watch.problem, world.made) == (None, ["one"])


def test_a_deleted_file_is_a_problem_and_not_the_end(world):
    watch = world.watch()
    world.path.unlink()
    assert not settled(watch)
    assert "cannot be read" in watch.problem.message
    world.write(GOOD.format(name="back"))
    assert settled(watch)


def test_a_base_that_was_missing_is_watched_for(world):
    watch = world.watch()
    world.write("version: 1\nextends: base.yaml\n")
    assert not settled(watch)
    assert "no policy" in watch.problem.message
    world.write("version: 1\nrules: [broken\n", "base.yaml")
    assert not settled(watch)
    assert "base.yaml" in watch.problem.message
    world.write(GOOD.format(name="base"), "base.yaml")
    assert settled(watch)
    assert (watch.current.made, watch.problem) == ("p", None)


def test_files_that_options_name_are_watched(world):
    world.write("zebra", "words.txt")
    rule = "{id: a, when: {category: prompt_attack}, action: block}"
    world.write(f"version: 1\nrules: [{rule}]\ndetectors: {{words: {{files: [words.txt]}}}}\n")
    watch = world.watch()
    assert not settled(watch)
    before = watch.current.loaded.policy.digest
    world.write("lion", "words.txt")
    assert settled(watch)
    assert watch.current.loaded.policy.digest != before


def test_touching_a_file_changes_nothing(world):
    watch = world.watch()
    world.write("# a comment\n" + GOOD.format(name="one"))
    assert not settled(watch)
    assert world.made == ["one"]


def test_the_thread_follows_and_stops(world):
    watch = world.watch()
    swapped = threading.Event()
    watch._swapped = lambda old, new: swapped.set()
    watch.start(0.01)
    watch.start(0.01)
    world.write(GOOD.format(name="two"))
    assert swapped.wait(30)
    watch.stop()
    watch.stop()
    assert watch.current.made == "two"
    assert not [t for t in threading.enumerate() if t.name == "policy-watch"]
