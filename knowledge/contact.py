"""Emergency and help numbers: one dated file, the only place where a phone number is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.errors import ContentError

CONTACTS_FILE = Path(__file__).with_name("contacts.yaml")


@dataclass(frozen=True, slots=True)
class Contact:
    """One service.

    Attributes:
        number: Phone number or web address, as people type it.
        purposes: Kinds of need it serves (risk categories, "emergency", "complaint", ...).
        confirmed: Only confirmed contacts are ever shown.
        review_by: After this date the number must be verified again.
    """

    id: str
    number: str
    name: Mapping[str, str]
    purpose: Mapping[str, str]
    hours: Mapping[str, str]
    purposes: frozenset[str]
    confirmed: bool
    source: str
    verified: dt.date
    review_by: dt.date


class ContactBook:
    """All contacts, by id."""

    def __init__(self, contacts: Mapping[str, Contact]) -> None:
        self._contacts = contacts

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts.values())

    def __contains__(self, contact_id: str) -> bool:
        return contact_id in self._contacts and self._contacts[contact_id].confirmed

    def get(self, contact_id: str) -> Contact:
        """Return a confirmed contact. Raises ContentError for an unknown or unconfirmed one."""
        contact = self._contacts.get(contact_id)
        if contact is None or not contact.confirmed:
            state = "not in" if contact is None else "not confirmed in"
            raise ContentError(f"the contact '{contact_id}' is {state} {CONTACTS_FILE.name}: name another one")
        return contact

    def number(self, contact_id: str) -> str:
        """Return the number of a confirmed contact."""
        return self.get(contact_id).number

    def serving(self, purpose: str) -> list[Contact]:
        """Return the confirmed contacts that serve a need, in file order."""
        return [contact for contact in self if contact.confirmed and purpose in contact.purposes]

    def due(self, today: dt.date) -> list[Contact]:
        """Return the contacts whose review date has passed."""
        return [contact for contact in self if contact.review_by < today]


def read_contacts(path: Path = CONTACTS_FILE, *, overlay: Path | None = None) -> ContactBook:
    """Read the contacts file, and a centre's own beside it where there is one.

    Raises:
        ContentError: Names the entry and the mend.
    """
    contacts = _read_file(path)
    if overlay is not None and overlay.exists():
        own = _read_file(overlay)
        twice = sorted(contacts.keys() & own.keys())
        if twice:
            raise ContentError(f"{overlay}: the contact '{twice[0]}' also stands in {path.name}: give it another id")
        contacts |= own
    return ContactBook(contacts)


def _read_file(path: Path) -> dict[str, Contact]:
    try:
        entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["contacts"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as exc:
        raise ContentError(f"{path.name} can't be read as contacts: {exc}") from exc
    contacts: dict[str, Contact] = {}
    for position, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise ContentError(f"{path.name}: entry {position} has no fields: write id, number, name and the others")
        name = entry.get("id", f"number {position}")
        try:
            contact = Contact(
                id=str(entry["id"]),
                number=str(entry["number"]),
                name=entry["name"],
                purpose=entry["purpose"],
                hours=entry["hours"],
                purposes=frozenset(entry["for"]),
                confirmed=entry["confidence"] == "confirmed",
                source=str(entry["source"]),
                verified=_date(entry["verified"], "verified"),
                review_by=_date(entry["review_by"], "review_by"),
            )
        except KeyError as exc:
            raise ContentError(f"{path.name}: the contact '{name}' has no field {exc}: add it") from exc
        except (ValueError, TypeError) as exc:
            raise ContentError(f"{path.name}: the contact '{name}': {exc}") from exc
        if contact.id in contacts:
            raise ContentError(f"{path.name}: the contact '{name}' stands twice: remove one")
        contacts[contact.id] = contact
    return contacts


def _date(value: Any, field: str) -> dt.date:
    if isinstance(value, dt.date):
        return value
    raise ValueError(f"{field} '{value}' is no date: write it as 2026-11-21")
