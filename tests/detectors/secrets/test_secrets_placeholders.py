"""What stands in for a secret, and what does not."""

from __future__ import annotations

import pytest

from safety.detectors.secrets.placeholders import is_placeholder, is_reference


@pytest.mark.parametrize(
    "value",
    [
        *(
            "xxxxxxxxxxxx",
            "<token>",
            "${TOKEN}",
            "{{ token }}",
            "your-api-key-here",
            "YOUR_TOKEN",
            "changeme",
        ),
        *(
            "changeme",
            "change-me",
            "password",
            "null",
            "1234567890abc",
            "sk-abcdefghijklm",
            "****",
            "abc...xyz",
            "aaab",
        ),
    ],
)
def test_placeholders(value):
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["Tr0ub4dor&3", "hunter22", "q8Zt3LmW0rKx", "yourself7", "8f7a9c3e2b"])
def test_not_placeholders(value):
    assert not is_placeholder(value)


def test_a_long_value_may_hold_anything_by_chance():
    assert is_placeholder("q8Zt3LmW0rKx5VbN7yHc-example")
    assert not is_placeholder("q8Zt3LmW0rKx5VbN7yHc" * 12 + "example")


@pytest.mark.parametrize(
    "value",
    [
        "config.password",
        "os.environ['X']",
        "get_token(user1)",
        "$PASSWORD",
        "%PW%",
        "{pw}",
        "@pw",
        "&out1",
        "$_POST[",
    ],
)
def test_references(value):
    assert is_reference(value)


@pytest.mark.parametrize("value", ["Tr0ub4dor&3", "pa$$word1", "a.b-c", "x9!k(LmPq"])
def test_not_references(value):
    assert not is_reference(value)
