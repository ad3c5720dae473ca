"""Consent, role, language, menu: the first steps with somebody new, and changing them later."""

from __future__ import annotations

from bot.ports import Button, Language, Role
from bot.services import privacy
from bot.services.turn import Turn
from bot.store import inbox


async def welcome(turn: Turn) -> None:
    """Say who we are and ask for consent, or greet somebody who is back."""
    if turn.person.consent_at is not None:
        await turn.say(turn.text("welcome_back"), buttons=menu(turn))
        return
    await turn.say(turn.text("welcome"), buttons=_consent_buttons(turn))


async def remind_of_consent(turn: Turn) -> None:
    """Ask somebody for consent who wants what needs it."""
    await turn.say(turn.text("consent_reminder"), buttons=_consent_buttons(turn))


async def hold_for_consent(turn: Turn) -> None:
    """Answer somebody who writes before agreeing: a long story at night must not have to be typed twice."""
    await turn.say(turn.text("consent_first"), buttons=_consent_buttons(turn))


def menu(turn: Turn) -> list[Button]:
    """Return the buttons of the small menu."""
    return [turn.counselor_button(), turn.button("emergency", "m:emergency"), turn.button("help", "m:help")]


def _consent_buttons(turn: Turn) -> list[Button]:
    other = Language.ENGLISH if turn.language is Language.INDONESIAN else Language.INDONESIAN
    return [
        turn.button("agree", "o:yes"),
        turn.button("other_language", f"l:{other.value}"),
        turn.button("privacy", "m:privacy"),
        turn.button("emergency", "m:emergency"),
        turn.button("decline", "o:no"),
    ]


async def ask_role(turn: Turn) -> None:
    buttons = [turn.button("resident", "r:resident"), turn.button("family", "r:family")]
    await turn.say(turn.text("ask_role"), buttons=buttons)


async def ask_language(turn: Turn) -> None:
    buttons = [Button("Bahasa Indonesia", "l:id"), Button("English", "l:en")]
    await turn.say(turn.text("ask_language"), buttons=buttons)


async def handle_consent_tap(turn: Turn, answer: str) -> bool:
    if answer == "yes":
        turn.person.consent_at = turn.person.consent_at or turn.now
        turn.person.deleted_at = None
        if turn.person.role is None:
            await ask_role(turn)
        else:
            await turn.say(turn.text("ready"), buttons=menu(turn))
        return True
    if answer == "no" and turn.person.consent_at is not None:
        await privacy.ask_to_delete(turn)  # an old button: who agreed before can take it back, and is asked first
        return True
    if answer == "no":
        await inbox.delete_chat(turn.db, turn.person.chat_key, keep=turn.update.update_id)
        await turn.say(turn.text("consent_declined"), buttons=[turn.button("emergency", "m:emergency")])
        return True
    return False


async def handle_role_tap(turn: Turn, value: str) -> bool:
    if value not in {role.value for role in Role}:
        return False
    first_time = turn.person.role is None
    turn.person.role = value
    # Somebody who taps an old role button before agreeing has not agreed by that.
    if turn.person.consent_at is None:
        await welcome(turn)
        return True
    confirmed = turn.text(f"role_set_{value}")
    if first_time:
        await turn.say(f"{confirmed}\n\n{turn.text('ready')}", buttons=menu(turn))
    else:
        await turn.say(confirmed)
    return True


async def handle_language_tap(turn: Turn, value: str) -> bool:
    if value not in {language.value for language in Language}:
        return False
    turn.person.language = value
    turn.person.language_chosen = True
    turn.language = Language(value)
    if turn.person.consent_at is None:
        await welcome(turn)
    else:
        await turn.say(turn.text("language_set"))
    return True
