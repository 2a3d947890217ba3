"""The texts that users read are in plain words: short sentences, no riddles."""

from pathlib import Path

import pytest

from tests.docs.words import riddles, sentences, too_long

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *((ROOT / "docs" / f"{name}.md") for name in ("index", "concepts", "time", "secrets", "curl", "events")),
    *(
        (ROOT / "docs" / f"{name}.md")
        for name in ("errors", "cli", "client", "dashboard", "operations", "access")
    ),
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_in_plain_words(page: Path) -> None:
    """No sentence is over 30 words, and none has to be decoded: see `words.py` for the patterns."""
    read = list(sentences(page.read_text()))
    assert len(read) > 5
    assert [sentence for sentence in read if too_long(sentence)] == []
    assert [riddle for sentence in read for riddle in riddles(sentence)] == []


@pytest.mark.parametrize(
    "text",
    [
        "An object that cannot be read is 404 to who asks for it.",
        "An event fits before or after: who follows a host sees it leave.",
        "Who finds no place waits for one.",
        "It says what is to be refused.",
        "A value that is none of ours is left out.",
    ],
)
def test_a_riddle_is_found(text: str) -> None:
    assert riddles(text) != []


@pytest.mark.parametrize(
    "text", ["Who changed it at 18:04?", "Tell the operator who called.", "what is there"]
)
def test_a_plain_sentence_is_no_riddle(text: str) -> None:
    assert riddles(text) == []


def test_a_sentence_of_thirty_one_words_is_found() -> None:
    """Code counts as one word, whatever it holds; a list's items are sentences of their own."""
    assert too_long("word " * 31)
    assert not too_long("word " * 30)
    assert [too_long(each) for each in sentences(f"- {'word ' * 20}\n- {'word ' * 20}")] == [False, False]
    assert [too_long(each) for each in sentences(f"`{'code ' * 40}` is one word.")] == [False]
