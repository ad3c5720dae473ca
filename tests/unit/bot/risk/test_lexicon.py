"""Expressions are read with what stands around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.risk.lexicon import Lexicon, read_lexicon
from knowledge.language import load_normalizer

CONTENT = r"""
version: 1
patterns:
  - {id: suicide.intent, pattern: '\b(mau|ingin) bunuh diri\b', level: 3, category: suicide, rung: intent, sure: true}
  - {id: suicide.wish, pattern: '\bmati\b', level: 2, category: suicide, rung: wish, sure: false}
scope:
  negation: [tidak, bukan, not]
  past: [dulu]
  resolved: [sekarang sudah baik]
  information: [apa itu, apa tanda]
  quote: [lirik, lagu]
harmless:
  - '\bmati lampu\b'
"""


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    path = tmp_path / "words.yaml"
    path.write_text(CONTENT, encoding="utf-8")
    return read_lexicon(path)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("aku mau bunuh diri", None),
        ("aku tidak mau bunuh diri", "negation"),
        ("apa tanda orang mau bunuh diri", "information"),
        ("lirik lagu itu bilang mau bunuh diri", "quote"),
        ("aku mau bunuh diri kata lagu itu", "quote"),
        ("dulu aku mau bunuh diri", "past"),
        ("pernah mau bunuh diri, sekarang sudah baik", "past"),
        ("tidak apa-apa. aku mau bunuh diri", None),
    ],
)
def test_scope_word_in_the_same_clause_weakens_a_match(lexicon: Lexicon, text: str, scope: str | None) -> None:
    assert lexicon.find(text)[0].scope == scope


def test_idiom_cancels_the_match_it_covers(lexicon: Lexicon) -> None:
    assert lexicon.find("di sini mati lampu") == []
    assert [m.pattern.id for m in lexicon.find("mati lampu dan aku ingin mati")] == ["suicide.wish"]


def test_plain_and_sure_matches_come_first(lexicon: Lexicon) -> None:
    found = lexicon.find("aku ingin mati, aku mau bunuh diri")
    assert [match.pattern.id for match in found] == ["suicide.intent", "suicide.wish"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((r"'\bmati\b'", "'mati('"), "no valid expression"),
        (("level: 2, ", ""), "has no field 'level'"),
    ],
)
def test_broken_entry_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "words.yaml"
    path.write_text(CONTENT.replace(*change), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        read_lexicon(path)
    assert "suicide.wish" in str(caught.value)


PLAIN_DANGER = ["aku mau bunuh diri", "pengen bundir", "b u n u h   d i r i aja aku mau", "i want to kill myself"]
HARMLESS = ["mati lampu dari tadi", "ngakak sampai mati", "capek setengah mati", "how much does rehab cost"]


@pytest.mark.parametrize("text", PLAIN_DANGER)
def test_shipped_lexicon_finds_plain_danger(text: str) -> None:
    found = SHIPPED.find(NORMALIZER.normalize(text).text)
    assert any(match.scope is None and match.pattern.level >= 2 for match in found)


@pytest.mark.parametrize("text", HARMLESS)
def test_shipped_lexicon_leaves_idioms_alone(text: str) -> None:
    found = SHIPPED.find(NORMALIZER.normalize(text).text)
    assert not [match for match in found if match.scope is None and match.pattern.level >= 2]


SHIPPED = read_lexicon()
NORMALIZER = load_normalizer()
