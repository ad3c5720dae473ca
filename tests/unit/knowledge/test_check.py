"""Every rule of the content check: a case that breaks it, from content that passes all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import knowledge.check as check_module
from knowledge.check import check_content, hardness
from knowledge.contact import read_contacts
from tests.unit.knowledge.content import BODY_EN, BODY_ID, FolderSettings, passage_text

TODAY = dt.date(2026, 11, 21)
TOPICS = {"family.trust": {"id": "Percaya"}, "family.boundaries": {"id": "Batasan"}}
BOUNDARIES_ID = """Batasan itu garis yang melindungi semua orang di rumah, bukan hukuman. Tulis bersama saat tenang.

Pilih dua atau tiga yang paling penting:
- Tidak ada zat di rumah.
- Uang belanja dipegang satu orang.
- Tidak bicara saat mabuk.

Katakan akibatnya dan lakukan. Konselor bisa menemani pertemuan keluarga pertama, jadi tidak perlu sendirian."""
BOUNDARIES_EN = """Boundaries protect everybody at home and are no punishment. Write them together at a calm hour.

Pick two or three that matter most:
- No substances in the house.
- One person keeps the shopping money.
- No talks while drunk.

Say what follows, and do it. A counselor can join your first family meeting, so you need not be alone in this."""
Write = Callable[[Path, list[dict[str, Any]]], Path]


@pytest.fixture
def whole(settings: FolderSettings, monkeypatch: pytest.MonkeyPatch) -> FolderSettings:
    """Content of two topics that passes every rule."""
    monkeypatch.setattr(check_module, "read_topics", lambda: TOPICS)
    put(settings)
    other = {"id": "family.boundaries.what", "topic": "family.boundaries", "related": ["family.trust"]}
    put(settings, name="boundaries", id_body=BOUNDARIES_ID, en_body=BOUNDARIES_EN, **other)
    return settings


def put(settings: FolderSettings, *, group: str = "family", name: str = "trust", **fields: Any) -> Path:
    path = settings.passages_dir / group / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(passage_text(**fields), encoding="utf-8")
    return path


def messages(settings: FolderSettings) -> list[str]:
    return [finding.message for finding in check_content(settings, today=TODAY)]


def only(settings: FolderSettings, expected: str) -> None:
    """Demand that findings all say the expected thing, and that there is one."""
    found = messages(settings)
    assert found
    assert [message for message in found if expected not in message] == []


def test_content_in_order_has_no_findings(whole: FolderSettings) -> None:
    assert messages(whole) == []


def test_a_finding_names_file_line_and_mend(whole: FolderSettings) -> None:
    path = put(whole, sources=[])
    (finding,) = check_content(whole, today=TODAY)
    assert str(finding) == (
        f"{path}:2: family.trust.again: has no source: name the institution or the law its facts come from"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"sources": []}, "has no source", id="no-source"),
        pytest.param(
            {"review_by": "2026-11-20", "reviewed": "2026-01-01"}, "was to be reviewed by 2026-11-20", id="overdue"
        ),
        pytest.param({"reviewed": "2027-11-01"}, "review_by is not after reviewed", id="dates-swapped"),
        pytest.param({"related": ["family.nothing"]}, "related topic 'family.nothing' does not exist", id="dead-link"),
        pytest.param(
            {"id_body": BODY_ID + " Telepon {contact.nobody}."}, "names the contact 'nobody'", id="unknown-contact"
        ),
        pytest.param(
            {"id_body": "Percaya lagi itu pelan."}, "(id): 4 words: keep a body between 40 and 140", id="short"
        ),
        pytest.param({"en_body": BODY_EN + " Go on, step by step." * 20}, "words: keep a body between", id="long"),
        pytest.param(
            {"en_body": BODY_EN + " " + "and then we go " * 8 + "on."},
            "(en): a sentence of 33 words ('and then we go and then ...'): split it",
            id="sentence",
        ),
        pytest.param(
            {"id_body": "Bertanggungjawablah memperbincangkan ketidakpercayaan. " * 15}, "reads too hard", id="hard"
        ),
        pytest.param(
            {"id_body": BODY_ID + " Dia mantan pecandu."}, "'mantan pecandu' may not be said (stigma", id="stigma-id"
        ),
        pytest.param({"en_body": BODY_EN + " He is an addict."}, "'addict' may not be said (stigma", id="stigma-en"),
        pytest.param(
            {"title": {"id": "Pasti sembuh", "en": "Trust"}}, "(id): 'Pasti sembuh' may not be said", id="title"
        ),
        pytest.param({"id_body": BODY_ID + " Minum 50 mg."}, "may not be said (dose)", id="dose"),
        pytest.param({"en_body": BODY_EN + " Learn how to inject."}, "may not be said (method detail)", id="method"),
        pytest.param({"en_body": BODY_EN + " The judge will agree."}, "(promise about courts", id="promise"),
        pytest.param(
            {"id_body": BODY_ID + " Telepon 119."}, "writes the number 'Telepon 119': put it in", id="short-number"
        ),
        pytest.param({"id_body": BODY_ID + " WA 0812-3456-7890."}, "writes the number", id="mobile-number"),
        pytest.param({"id_body": BODY_ID + " Lihat {link}."}, "has an unknown placeholder", id="placeholder"),
        pytest.param(
            {"title": {"id": "'Percaya: lagi'", "en": "Trust"}}, "stands in quotation marks twice", id="quotes"
        ),
        pytest.param({"en_body": BODY_ID}, "'## en' repeats '## id': write the twin in English", id="not-translated"),
    ],
)
def test_a_broken_rule_is_found(whole: FolderSettings, fields: dict[str, Any], expected: str) -> None:
    put(whole, **fields)
    only(whole, expected)


LAW_BODY = BODY_ID + " Aturannya ada di UU 35/2009"
LAW = {"law": "UU 35/2009", "article": "Pasal 54", "year": 2009}


@pytest.mark.parametrize(
    ("body", "sources", "expected"),
    [
        pytest.param(LAW_BODY + " Pasal 54.", [LAW], [], id="law-with-article-and-source"),
        pytest.param(LAW_BODY + ".", [LAW], ["names a law without its article: add the article"], id="no-article"),
        pytest.param(
            LAW_BODY + " Pasal 54.",
            [{"institution": "BNN", "title": "x", "year": 2020}],
            ["names a law that is not among its sources: add law, article and year"],
            id="not-a-source",
        ),
    ],
)
def test_a_law_is_named_with_article_and_source(
    whole: FolderSettings, body: str, sources: list[dict[str, Any]], expected: list[str]
) -> None:
    put(whole, id_body=body, sources=sources)
    assert [message.partition(": ")[2] for message in messages(whole)] == expected


def test_an_annex_counts_as_an_article(whole: FolderSettings) -> None:
    put(whole, en_body=BODY_EN + " It stands in the annex of PP 7/2018.", sources=[LAW])
    assert messages(whole) == []


def test_a_topic_without_passage_is_found(whole: FolderSettings) -> None:
    (whole.passages_dir / "family" / "boundaries.md").unlink()
    only(whole, "the topic 'family.boundaries' has no passage: write one")


def test_an_unknown_topic_is_found(whole: FolderSettings) -> None:
    put(whole, name="dog", id="family.dog.what", topic="family.dog", id_body=BOUNDARIES_EN, en_body=BOUNDARIES_ID)
    assert any("'family.dog' is no topic of topics.yaml" in message for message in messages(whole))


def test_a_passage_in_the_wrong_folder_is_found(whole: FolderSettings) -> None:
    right = whole.passages_dir / "family" / "trust.md"
    wrong = whole.passages_dir / "rehab" / "trust.md"
    wrong.parent.mkdir()
    right.rename(wrong)
    (finding,) = check_content(whole, today=TODAY)
    assert finding.path == str(wrong)
    assert finding.message == f"family.trust.again: stands in the wrong place: move it to {right}"


def test_one_id_twice_is_found(whole: FolderSettings) -> None:
    put(whole, name="boundaries", topic="family.boundaries", id_body=BOUNDARIES_ID, en_body=BOUNDARIES_EN)
    assert any("the id 'family.trust.again' already stands in" in message for message in messages(whole))


@pytest.mark.parametrize("language", ["id", "en"])
def test_near_duplicates_are_found(whole: FolderSettings, language: str) -> None:
    bodies = {"id": BOUNDARIES_ID, "en": BOUNDARIES_EN} | {language: BODY_ID if language == "id" else BODY_EN}
    put(
        whole,
        name="boundaries",
        id="family.boundaries.what",
        topic="family.boundaries",
        id_body=bodies["id"],
        en_body=bodies["en"],
    )
    only(whole, f"({language}): nearly the same as family.boundaries.what: merge them")


@pytest.mark.parametrize("content", [b"no front matter", b"---\nid: caf\xe9\n---\n", b"---\n" + b"x" * 1_000_000])
def test_an_unreadable_file_is_one_finding_and_the_others_are_still_checked(
    whole: FolderSettings, content: bytes
) -> None:
    path = whole.passages_dir / "family" / "broken.md"
    path.write_bytes(content)
    put(whole, sources=[])
    findings = check_content(whole, today=TODAY)
    assert [Path(finding.path).name for finding in findings] == ["broken.md", "trust.md"]


def test_an_overlay_passage_is_checked_by_lighter_rules(whole: FolderSettings) -> None:
    whole.overlay_dir.mkdir()
    short = "Jenguk hari Minggu jam 09.00 sampai 12.00 di ruang tamu depan, bawa KTP."
    english = "Visits are on Sunday, 9 to 12, in the front room; please bring an identity card."
    text = passage_text(id="family.trust.local", sources=[], id_body=short, en_body=english)
    (whole.overlay_dir / "any-name.md").write_text(text, encoding="utf-8")
    assert messages(whole) == []


def test_an_overlay_passage_may_not_take_a_general_id(whole: FolderSettings) -> None:
    whole.overlay_dir.mkdir()
    (whole.overlay_dir / "visits.md").write_text(passage_text(), encoding="utf-8")
    only(whole, "the id 'family.trust.again' already stands in")


QUESTION = {"text": "Cara percaya lagi?", "topic": "family.trust", "lang": "id", "speaker": "family", "style": "plain"}


def test_a_question_of_an_unknown_topic_is_found(whole: FolderSettings, write_rows: Write) -> None:
    write_rows(whole.questions_dir / "tune" / "a.jsonl", [{**QUESTION, "topic": "family.dog"}])
    only(whole, "'Cara percaya lagi?' names no topic: 'family.dog'")


@pytest.mark.parametrize("part", ["tune", "evaluate"])
def test_a_held_out_question_may_not_be_trained_on(whole: FolderSettings, write_rows: Write, part: str) -> None:
    write_rows(whole.questions_dir / part / "a.jsonl", [QUESTION])
    assert messages(whole) == []
    write_rows(whole.questions_dir / "train" / "a.jsonl", [{**QUESTION, "text": " cara PERCAYA lagi?"}])
    only(whole, "also stands in a held-out part: remove it here")


def test_an_unreadable_question_file_is_found(whole: FolderSettings) -> None:
    path = whole.questions_dir / "train" / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{\n", encoding="utf-8")
    (finding,) = check_content(whole, today=TODAY)
    assert (Path(finding.path).name, finding.line) == ("a.jsonl", 1)


def test_a_contact_past_its_date_is_found(whole: FolderSettings) -> None:
    last = max(contact.review_by for contact in read_contacts())
    found = check_content(whole, today=last + dt.timedelta(days=1))
    assert sum("was to be verified by" in finding.message for finding in found) == len(list(read_contacts()))


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ("Kamu tidak sendiri. Minta tolong hari ini.", "Kamu tidak sendiri dan sebaiknya minta tolong hari ini juga."),
        ("Datang ke sana. Tanya jadwalnya.", "Pertanggungjawabkan keberlangsungannya. Perbincangkan jadwalnya."),
    ],
)
def test_longer_sentences_and_longer_words_read_harder(easier: str, harder: str) -> None:
    assert hardness(easier) < hardness(harder)


@pytest.mark.parametrize("text", ["", "...", "😀"])
def test_a_text_without_words_is_not_hard(text: str) -> None:
    assert hardness(text) == 0.0
