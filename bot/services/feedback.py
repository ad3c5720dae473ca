"""Did this help? A yes is counted; a no also queues the question for review and offers a human."""

from __future__ import annotations

from bot.ports import Button
from bot.services.turn import Turn
from bot.store.reviews import add_feedback, add_review_question, passage_key
from bot.store.utterances import last_said


def feedback_row(turn: Turn, passage_id: str) -> list[Button]:
    """Return the two buttons that go under an answer."""
    key = passage_key(passage_id)
    return [turn.button("helped", f"f:y:{key}"), turn.button("not_helped", f"f:n:{key}")]


async def handle_feedback_tap(turn: Turn, rest: str) -> bool:
    """Store a vote; `rest` is `y:<key>` or `n:<key>`."""
    vote, _, key = rest.partition(":")
    if vote not in {"y", "n"} or not key or turn.update.tap is None:
        return False
    new = await add_feedback(
        turn.db,
        key=key,
        helped=vote == "y",
        language=turn.language.value,
        chat_id=turn.update.chat_id,
        message_id=turn.update.tap.message_id,
        now=turn.now,
    )
    if not new:
        await turn.say(turn.text("feedback_seen"))
    elif vote == "y":
        await turn.say(turn.text("feedback_thanks"))
    else:
        said = await last_said(turn.db, turn.person.id, limit=1, direction="in")
        if said:
            question = said[-1].text
            await add_review_question(
                turn.db, question, language=turn.language.value, reason="not_helpful", now=turn.now, key=key
            )
        await turn.say(turn.text("feedback_sorry"), buttons=[turn.counselor_button()])
    return True
