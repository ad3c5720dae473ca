"""The contact book: only confirmed numbers, each with dates, errors that name the entry."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowledge.contact import ContactBook, read_contacts
from knowledge.errors import ContentError


def entry(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": "ambulance",
        "number": "119",
        "name": {"id": "Ambulans", "en": "Ambulance"},
        "purpose": {"id": "gawat darurat", "en": "emergencies"},
        "hours": {"id": "24 jam", "en": "24 hours"},
        "for": ["emergency", "overdose"],
        "confidence": "confirmed",
        "source": "Kementerian Kesehatan",
        "verified": dt.date(2026, 1, 1),
        "review_by": dt.date(2027, 1, 1),
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def book(tmp_path: Path, *entries: dict[str, Any]) -> ContactBook:
    path = tmp_path / "contacts.yaml"
    path.write_text(yaml.safe_dump({"contacts": list(entries)}), encoding="utf-8")
    return read_contacts(path)


def test_a_confirmed_contact_gives_its_number(tmp_path: Path) -> None:
    contacts = book(tmp_path, entry())
    assert "ambulance" in contacts
    assert contacts.number("ambulance") == "119"


def test_an_unconfirmed_contact_is_listed_but_never_given(tmp_path: Path) -> None:
    contacts = book(tmp_path, entry(confidence="reported"))
    assert [contact.id for contact in contacts] == ["ambulance"]
    assert "ambulance" not in contacts
    assert contacts.serving("emergency") == []
    with pytest.raises(ContentError, match=r"'ambulance' is not confirmed in contacts\.yaml: name another one"):
        contacts.number("ambulance")


def test_an_unknown_contact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"'nobody' is not in contacts\.yaml"):
        book(tmp_path, entry()).get("nobody")


def test_contacts_are_found_by_need_in_file_order(tmp_path: Path) -> None:
    contacts = book(tmp_path, entry(id="b"), entry(id="a"), entry(id="c", **{"for": ["fire"]}))
    assert [contact.id for contact in contacts.serving("overdose")] == ["b", "a"]


@pytest.mark.parametrize(
    ("today", "due"),
    [
        pytest.param(dt.date(2026, 12, 31), [], id="before"),
        pytest.param(dt.date(2027, 1, 1), [], id="on-the-day"),
        pytest.param(dt.date(2027, 1, 2), ["ambulance"], id="after"),
    ],
)
def test_a_contact_is_due_after_its_review_date(tmp_path: Path, today: dt.date, due: list[str]) -> None:
    assert [contact.id for contact in book(tmp_path, entry()).due(today)] == due


@pytest.mark.parametrize("field", list(entry()))
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    name = "number 1" if field == "id" else "ambulance"
    with pytest.raises(ContentError, match=f"contacts.yaml: the contact '{name}' has no field '{field}': add it"):
        book(tmp_path, entry(**{field: None}))


def test_one_id_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="the contact 'ambulance' stands twice: remove one"):
        book(tmp_path, entry(), entry())


@pytest.mark.parametrize("text", ["", "contacts", "other: 1", "contacts: [a: b: c"])
def test_a_file_that_is_no_contacts_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contacts.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"contacts.yaml can't be read as contacts"):
        read_contacts(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="can't be read"):
        read_contacts(tmp_path / "contacts.yaml")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contacts.yaml"
    path.write_bytes(b"contacts:\n  - id: caf\xe9\n")
    with pytest.raises(ContentError, match=r"contacts.yaml can't be read as contacts"):
        read_contacts(path)


@pytest.mark.parametrize("entries", [["119"], [None], "119"])
def test_an_entry_without_fields_is_refused(tmp_path: Path, entries: Any) -> None:
    path = tmp_path / "contacts.yaml"
    path.write_text(yaml.safe_dump({"contacts": entries}), encoding="utf-8")
    with pytest.raises(ContentError, match=r"contacts\.yaml: entry 1 has no fields"):
        read_contacts(path)


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"'ambulance'.*review_by"):
        book(tmp_path, entry(review_by="next year"))


def test_a_number_is_kept_as_text(tmp_path: Path) -> None:
    path = tmp_path / "contacts.yaml"
    text = yaml.safe_dump({"contacts": [entry()]}).replace("'119'", "119")
    path.write_text(text, encoding="utf-8")
    assert read_contacts(path).number("ambulance") == "119"


def test_the_projects_own_contacts_serve_every_emergency() -> None:
    contacts = read_contacts()
    for need in ("emergency", "overdose", "suicide", "violence"):
        assert contacts.serving(need), need
