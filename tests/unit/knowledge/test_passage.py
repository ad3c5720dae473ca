"""Reading passages: what is well-formed is read whole; what is not is named with file, line and the mend."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.contact import ContactBook, read_contacts
from knowledge.errors import ContentError
from knowledge.passage import MAX_FILE_BYTES, Audience, Confidence, Passage, read_passage_file, read_passages
from tests.unit.knowledge.content import BODY_ID, passage_text

FIELDS = (
    *("id", "topic", "audience", "title", "sources"),
    *("confidence", "reviewed", "review_by", "related", "urgent"),
)


def write(folder: Path, text: str | bytes, name: str = "trust.md") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(ContentError) as caught:
        read_passage_file(path)
    return str(caught.value)


def test_reads_every_field(tmp_path: Path) -> None:
    path = write(tmp_path, passage_text(urgent=True))
    (passage,) = read_passage_file(path)
    assert passage.id == "family.trust.again"
    assert passage.topic == "family.trust"
    assert passage.audience is Audience.FAMILY
    assert passage.confidence is Confidence.MEDIUM
    assert passage.title == {"id": "Percaya lagi", "en": "Trusting again"}
    assert passage.body["id"] == BODY_ID
    assert passage.reviewed == dt.date(2026, 11, 1)
    assert passage.review_by == dt.date(2027, 11, 1)
    assert passage.related == ("family.boundaries",)
    assert passage.urgent and not passage.local
    assert (passage.path, passage.line) == (path, 2)


def test_reads_several_passages_of_a_file_with_their_lines(tmp_path: Path) -> None:
    first = passage_text()
    path = write(tmp_path, first + passage_text(id="family.trust.lies"))
    passages = read_passage_file(path)
    assert [p.id for p in passages] == ["family.trust.again", "family.trust.lies"]
    assert passages[1].line == first.count("\n") + 2


def test_windows_line_ends_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + passage_text().replace("\n", "\r\n").encode())
    assert read_passage_file(path)[0].body["id"] == BODY_ID


def test_a_law_is_cited_with_its_article(tmp_path: Path) -> None:
    law = {"law": "UU 35/2009 tentang Narkotika", "article": "Pasal 54", "year": 2009}
    passage = read_passage_file(write(tmp_path, passage_text(sources=[law])))[0]
    assert passage.sources[0].is_law
    assert passage.sources[0].cite() == "UU 35/2009 tentang Narkotika, Pasal 54"


def test_an_institution_is_cited_with_its_year(tmp_path: Path) -> None:
    passage = read_passage_file(write(tmp_path, passage_text()))[0]
    assert passage.sources[0].cite() == "UNODC: Family skills (2020)"


def test_numbers_are_filled_in_from_the_contacts(tmp_path: Path, make_passage: Callable[..., Passage]) -> None:
    passage = make_passage(id_body="Telepon {contact.ambulance} sekarang.", en_body="Call {contact.police} now.")
    contacts = read_contacts()
    assert passage.contact_ids() == {"ambulance", "police"}
    assert passage.text("id", contacts) == "Telepon 119 sekarang."
    assert passage.text("en", contacts) == "Call 110 now."


def test_an_unknown_contact_is_refused(make_passage: Callable[..., Passage]) -> None:
    passage = make_passage(id_body="Telepon {contact.nobody}.")
    with pytest.raises(ContentError, match="the contact 'nobody' is not in contacts"):
        passage.text("id", ContactBook({}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ":1: expected front matter between two lines of '---'", id="empty-file"),
        pytest.param("just text\n", ":1: expected front matter between two lines of '---'", id="no-front-matter"),
        pytest.param(
            "---\nid: a\n", ":1: expected front matter between two lines of '---'", id="front-matter-not-closed"
        ),
        pytest.param("hello\n" + passage_text(), ":1: expected front matter", id="text-before-front-matter"),
        pytest.param(passage_text() + "---\nid: x\n", ":1: expected front matter", id="second-front-matter-not-closed"),
        pytest.param(
            "---\nid: [a\ntopic: b\n---\n## id\n\nx\n", ":3: the front matter is no valid YAML", id="yaml-broken"
        ),
        pytest.param("---\nid: a: b\n---\n## id\n\nx\n", ":2: the front matter is no valid YAML", id="unquoted-colon"),
        pytest.param("---\n- a\n- b\n---\n## id\n\nx\n", ":1: the front matter has no fields", id="a-list"),
        pytest.param("---\n---\n## id\n\nx\n", ":1: the front matter has no fields", id="no-fields"),
        *(
            pytest.param(passage_text(**{field: None}), f":2: the field '{field}' is missing: add it", id=f"no-{field}")
            for field in FIELDS
        ),
        pytest.param(passage_text(title={"id": "Percaya"}), ":2: the field 'en' is missing", id="title-not-translated"),
        pytest.param(passage_text(title="Percaya"), ":2: ", id="title-without-languages"),
        pytest.param(passage_text(audience="everybody"), ":2: 'everybody' is not a valid Audience", id="audience"),
        pytest.param(passage_text(confidence="sure"), ":2: 'sure' is not a valid Confidence", id="confidence"),
        pytest.param(passage_text(reviewed="soon"), ":2: 'soon' is no date: write it as 2026-11-21", id="date"),
        pytest.param(
            passage_text(sources=["UNODC"]), ":2: a source has fields: law, article, year", id="source-a-text"
        ),
        pytest.param(
            passage_text(sources=[{"law": "UU 35/2009", "year": 2009}]),
            ":2: the law 'UU 35/2009' is cited without an article: add `article: Pasal ...`",
            id="law-without-article",
        ),
        pytest.param(
            passage_text(sources=[{"institution": "BNN", "title": "x"}]),
            ":2: the field 'year' is missing",
            id="source-year",
        ),
        pytest.param(passage_text(related=None), ":2: the field 'related' is missing", id="related"),
        pytest.param(
            passage_text(en_body=None), ": no body under '## en': write the twin in that language", id="no-twin"
        ),
        pytest.param(passage_text(id_body="  "), ": no body under '## id': write the twin", id="empty-body"),
        pytest.param(
            passage_text().replace("---\n## id", "---\nHello\n## id"),
            ": text before '## id': put it under '## id' or '## en'",
            id="text-before-the-bodies",
        ),
    ],
)
def test_a_malformed_file_is_named_with_line_and_mend(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    assert error_of(path).startswith(f"{path}{expected}" if expected[1].isdigit() else f"{path}:")
    assert expected in error_of(path)


def test_another_encoding_is_named_with_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, b"---\nid: a\ntitle: caf\xe9\n")
    assert error_of(path) == f"{path}:3: not UTF-8: save the file with UTF-8 encoding"


def test_utf16_is_named(tmp_path: Path) -> None:
    assert ":1: not UTF-8" in error_of(write(tmp_path, passage_text().encode("utf-16")))


def test_a_megabyte_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = write(tmp_path, b"---\n" + b"x" * 1_000_000)
    assert error_of(path) == (f"{path}:1: 1000004 bytes is too large for passages: split it, a file holds one topic")


def test_the_largest_file_allowed_is_read(tmp_path: Path) -> None:
    text = passage_text()
    path = write(tmp_path, text + "\n" * (MAX_FILE_BYTES - len(text.encode())))
    assert len(read_passage_file(path)) == 1


def test_a_folder_is_read_below_and_its_readme_is_not(tmp_path: Path) -> None:
    write(tmp_path, passage_text(), "family/trust.md")
    write(tmp_path, "# How to write", "README.md")
    assert [p.id for p in read_passages(tmp_path)] == ["family.trust.again"]


def test_the_overlay_is_marked_as_local(tmp_path: Path) -> None:
    write(tmp_path, passage_text())
    assert read_passages(tmp_path, local=True)[0].local


@pytest.mark.parametrize("second", ["trust.md", "other.md"])
def test_two_passages_with_one_id_are_named_with_both_places(tmp_path: Path, second: str) -> None:
    write(tmp_path, passage_text(), "a.md")
    write(tmp_path, passage_text(), second)
    with pytest.raises(ContentError) as caught:
        read_passages(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / second}:2: id 'family.trust.again' already stands in {tmp_path / 'a.md'}:2: rename one"
    )


def test_one_id_twice_in_one_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, passage_text() * 2)
    with pytest.raises(ContentError, match=r"trust\.md:\d+: id 'family.trust.again' already stands in"):
        read_passages(path.parent)
