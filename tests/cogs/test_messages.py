"""Long answers arrive whole, in pieces Discord takes (I28)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogs._messages import LIMIT, open_fence, split_message


def test_short_text_is_one_piece() -> None:
    assert split_message("hello") == ["hello"]


def test_cuts_between_paragraphs_where_it_can() -> None:
    """I28: a piece ends at a paragraph."""
    first, second = "a" * 1500, "b" * 900
    assert split_message(f"{first}\n\n{second}") == [first, second]


def test_cuts_between_words_where_there_are_no_lines() -> None:
    """I28: no word is torn."""
    pieces = split_message("word " * 1000)
    assert all(re.fullmatch(r"(word ?)+", piece) for piece in pieces)
    assert sum(piece.count("word") for piece in pieces) == 1000


def test_a_code_block_is_closed_and_opened_again_with_its_language() -> None:
    """I28: every piece of a cut code block is a code block."""
    lines = "\n".join(f"print({n})" for n in range(400))
    pieces = split_message(f"Here:\n```python\n{lines}\n```\nDone.")
    assert len(pieces) == 3
    assert all(open_fence(piece) is None for piece in pieces)
    assert all(piece.startswith("```python\n") for piece in pieces[1:])
    assert [line for piece in pieces for line in piece.split("\n") if line.startswith("print")] == lines.split("\n")


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("```py\nx = 1", ("```", "py")),
        ("```py\nx = 1\n```", None),
        ("inline ``` is no fence", None),
        ("", None),
    ],
)
def test_open_fence(text: str, fence: tuple[str, str] | None) -> None:
    assert open_fence(text) == fence


@given(st.text(alphabet=st.sampled_from("ab \n.`é😀```~"), max_size=9000))
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    """I28: whatever the text, every piece fits and all its visible characters are there, in order."""
    pieces = split_message(text)
    assert all(len(piece) <= LIMIT for piece in pieces)
    visible = re.sub(r"[\s`~]", "", text)
    assert re.sub(r"[\s`~]", "", "".join(pieces)) == visible
