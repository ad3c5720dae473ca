"""Draws a case's card and its buttons, and keeps the card in the counselors' chat up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.case import CaseFacts, CaseKind, CaseState
from bot.ports import Button, Lane
from bot.services.cleaning import cut_middle
from bot.services.office import Office
from bot.services.outgoing import Rows, keyboard
from bot.services.splitting import utf16_length
from bot.store import cases, counselors, outbox
from bot.store.handoff_models import Case

UTTERANCE_LIMIT = 900
MESSAGE_LIMIT, SHORTEST_CARD = 3_900, 500
"""A card is cut to leave room for what stands under it: a page too long for Telegram reaches nobody."""

HISTORY_LIMIT = 220


def mark(level: int) -> str:
    """Return the colour by which a level is seen at a glance."""
    return {3: "🔴", 2: "🟠"}.get(level, "🔵")


async def draw_card(db: AsyncSession, office: Office, row: Case, now: datetime) -> str:
    """Return the card's text, always short enough for one message."""
    staff = office.staff
    facts = cases.facts_of(row)
    labels = [staff.label("category", category) for category in facts.categories]
    parts = [
        staff.say(
            "card",
            mark=mark(row.level),
            title=staff.say(f"title_{max(row.level, 1)}"),
            pseudonym=row.pseudonym,
            number=row.id,
            categories=", ".join(labels) or staff.say("no_category"),
            who=staff.label("role", row.role or "unknown"),
            since=office.clock(row.asked_at),
            waited=staff.waited(now - row.asked_at),
            status=await _status(db, office, row, facts),
            words=_words(office, db, row, facts),
        )
    ]
    if row.person_blocked_at is not None:
        parts.append(staff.say("card_blocked"))
    if row.role == "family":
        parts.append(staff.say("card_family"))
    return "\n\n".join(parts)


def _words(office: Office, db: AsyncSession, row: Case, facts: CaseFacts) -> str:
    staff = office.staff
    if row.card_enc is None:
        return staff.say("words_deleted")
    card = cases.open_card(db, row)
    lines: list[str] = []
    if card.utterances:
        lines.append(staff.say("words_said"))
        lines += [f"“{cut_middle(text, UTTERANCE_LIMIT // len(card.utterances))}”" for text in card.utterances]
    elif facts.kind is CaseKind.REQUEST:
        lines.append(staff.say("words_request"))
    if card.evidence:
        lines.append(staff.say("card_evidence", evidence=cut_middle("; ".join(card.evidence), 300)))
    if card.rung:
        lines.append(staff.say("card_rung", rung=staff.label("rung", card.rung)))
    if card.history:
        lines += ["", staff.say("card_history"), *history_lines(card.history, HISTORY_LIMIT)]
    return "\n".join(lines)


def history_lines(history: Sequence[tuple[str, str]], limit: int) -> list[str]:
    """Return messages one a line, `›` from the person, `‹` to them."""
    return [f"{'›' if direction == 'in' else '‹'} {cut_middle(text, limit)}" for direction, text in history]


async def _status(db: AsyncSession, office: Office, row: Case, facts: CaseFacts) -> str:
    staff = office.staff
    if facts.state is CaseState.OPEN:
        return staff.say("status_open", due=office.clock(row.due_at or row.asked_at))
    if facts.state is CaseState.CLOSED:
        return staff.say("status_closed", outcome=staff.label("outcome", row.outcome or "done"))
    name = counselors.name_of(db, await counselors.get_counselor(db, row.counselor_id))
    return staff.say("status_taken" if facts.state is CaseState.ACKNOWLEDGED else "status_talking", name=name)


def card_buttons(office: Office, row: Case) -> Rows:
    """Return the buttons that fit the case's state."""
    staff = office.staff

    def button(key: str) -> Button:
        return Button(staff.say(f"button_{key}"), f"c:{key}:{row.id}")

    marks = [button("too_high"), button("false_alarm"), button("too_low")]
    if row.state == CaseState.CLOSED.value:
        return [[button("history")]]
    first = [button("take"), button("history")] if row.state == CaseState.OPEN.value else [button("history")]
    if row.kind == CaseKind.REQUEST.value:
        return [first, [button("close")]]
    return [first, marks, [button("close")]]


async def post_card(
    db: AsyncSession,
    office: Office,
    row: Case,
    *,
    dedup: str,
    now: datetime,
    lane: Lane = Lane.PRIORITY,
    topic: bool = False,
    footer: str = "",
    mentions: Sequence[tuple[str, int]] = (),
) -> None:
    """Post the card; `footer` stands under it and may hold `{names}`."""
    # Braces a person typed must not be taken for the place of the names.
    text = (await draw_card(db, office, row, now)).replace("{names}", "{ names}")
    if footer:
        room = MESSAGE_LIMIT - utf16_length(footer) - sum(utf16_length(name) + 2 for name, _ in mentions)
        text = f"{cut_middle(text, max(room, SHORTEST_CARD))}\n\n{footer}"
    await office.post(
        db,
        row,
        text,
        dedup=dedup,
        now=now,
        kind="card",
        buttons=card_buttons(office, row),
        lane=lane,
        topic=topic,
        mentions=mentions,
    )


async def redraw_card(db: AsyncSession, office: Office, row: Case, *, dedup: str, now: datetime) -> None:
    """Show the case's present state on its newest cards (everybody's and the topic's). One not delivered yet follows."""
    chat_id = await office.staff_chat(db)
    if chat_id is None:
        return
    params = {"text": await draw_card(db, office, row, now), "link_preview_options": {"is_disabled": True}}
    markup = keyboard(card_buttons(office, row))
    if markup:
        params["reply_markup"] = markup
    for message_id in await cases.newest_cards(db, row.id):
        await outbox.enqueue(
            db,
            chat_id=chat_id,
            method="editMessageText",
            params=params | {"message_id": message_id},
            dedup_key=f"{dedup}:{message_id}",
            now=now,
            ref=f"edit:{row.id}",
        )
