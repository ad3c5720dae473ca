"""Figures for counselors: `/statistik`, and every Monday morning a summary as text and picture."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.handoff.figures import Figures, Record, by_hour, by_level
from bot.services.cards import mark
from bot.services.office import Office
from bot.services.outgoing import say
from bot.services.picture import draw_summary
from bot.store import cases, counselors, kv, outbox
from bot.store.handoff_models import Case

log = structlog.get_logger()

WEEKLY = "handoff.weekly_summary"
SUMMARY_TIME = time(8)
"""Monday, in the centre's zone."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures as text, and what the picture is drawn from.

    Attributes:
        hours: Cases by local hour, 24 numbers.
        medians: Level → median minutes until taken.
    """

    text: str
    total: int
    hours: list[int]
    medians: dict[int, float]


def record_of(row: Case) -> Record:
    return Record(row.level, row.asked_at, row.acknowledged_at, row.first_word_at, row.outcome)


async def period_figures(db: AsyncSession, office: Office, now: datetime, *, days: int = 7) -> Report:
    """Return the figures of the last days."""
    since = now - timedelta(days=days)
    records = [record_of(row) for row in await cases.asked_between(db, since, now + timedelta(seconds=1))]
    staff = office.staff
    if not records:
        return Report(staff.say("figures_none", days=days), 0, [0] * 24, {})
    levels = by_level(records, now, office.deadlines)
    lines = [staff.say("figures_head", days=days, since=office.moment(since), until=office.moment(now))]
    lines += [_level_lines(office, level, found) for level, found in levels.items()]
    hours = by_hour(records, office.zone)
    busiest = sorted((hour for hour in range(24) if hours[hour]), key=lambda hour: (-hours[hour], hour))[:3]
    lines.append(staff.say("figures_busiest", hours=", ".join(f"{hour:02d}.00 ({hours[hour]})" for hour in busiest)))
    medians = {
        level: found.acknowledge.median / timedelta(minutes=1)
        for level, found in levels.items()
        if found.acknowledge.median is not None
    }
    return Report("\n".join(lines), len(records), hours, medians)


def _level_lines(office: Office, level: int, found: Figures) -> str:
    return office.staff.say(
        "figures_level",
        mark=mark(level),
        level=level,
        total=found.total,
        ack_median=_span(found.acknowledge.median),
        ack_p95=_span(found.acknowledge.p95),
        share="-" if found.within_target is None else f"{found.within_target:.0%}",
        target=_span(office.deadlines.respond_within(level)),
        word_median=_span(found.first_word.median),
        word_p95=_span(found.first_word.p95),
        untaken=found.untaken,
        false_alarms=found.false_alarms,
    )


def _span(value: timedelta | None) -> str:
    """Return `4:05` (minutes and seconds) or `2 j 05 m`."""
    if value is None:
        return "-"
    seconds = round(value.total_seconds())
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600} j {seconds % 3600 // 60:02d} m"


async def send_weekly(db: AsyncSession, office: Office, now: datetime) -> None:
    """Send last week's summary once, from Monday 08.00 on: to supervisors who can be written to, else to the group."""
    local = now.astimezone(office.zone)
    week = f"{local.isocalendar().year}-W{local.isocalendar().week:02d}"
    if local.weekday() == 0 and local.time() < SUMMARY_TIME:
        return
    if not await kv.claim_value(db, WEEKLY, week, now):
        return  # sent already, or the first start of all: there is no week to sum up yet
    report = await period_figures(db, office, now)
    group = await office.staff_chat(db)
    chats = [
        counselors.user_id_of(db, who) for who in await counselors.working(db) if who.is_supervisor and who.can_dm
    ]
    text = f"{office.staff.say('weekly_head')}\n{report.text}"
    for number, chat_id in enumerate(chats or ([group] if group is not None else [])):
        key = f"weekly:{week}:{number}"
        await say(db, chat_id=chat_id, text=text, key=key, now=now)
        if report.total:
            picture = draw_summary(
                report.hours,
                report.medians,
                title=office.staff.say("picture_title"),
                legend=office.staff.say("picture_legend"),
            )
            content = {"filename": "ringkasan.png", "base64": base64.b64encode(picture).decode()}
            await outbox.enqueue(
                db, chat_id=chat_id, method="sendPhoto", params={"photo": content}, dedup_key=f"{key}:picture", now=now
            )
    log.info("statistics.sent", count=report.total)
