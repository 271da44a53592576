"""Colours of keys in the pictures of a trend."""

from itertools import permutations

from bot.colours import COLOURS, colours_of

MODELS = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "o4-mini", "text-embedding-3-small"]


def test_the_same_keys_have_the_same_colours_whoever_spent_most():
    found = {tuple(sorted(colours_of(keys).items())) for keys in permutations(MODELS)}
    assert len(found) == 1
    assert sorted(colours_of(MODELS).values()) == list(range(COLOURS))


def test_a_key_keeps_its_colour_unless_another_has_it():
    assert colours_of(["gpt-4o"]) == {"gpt-4o": 2}
    assert colours_of(["gpt-4.1"]) == {"gpt-4.1": 4}
    assert colours_of(["text-embedding-3-small"]) == {"text-embedding-3-small": 4}
    assert colours_of(MODELS) == {
        "gpt-4.1": 4,
        "gpt-4o": 2,
        "gpt-4o-mini": 3,
        "o4-mini": 0,
        "text-embedding-3-small": 1,
    }
    assert colours_of(["", "陈伟", "🔥"]) == {"": 0, "陈伟": 1, "🔥": 4}
    assert colours_of([]) == {}
