"""Questions: everything that informs comes from the knowledge base, whatever intent Rasa saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rasa_sdk.executor import CollectingDispatcher

from actions.base import CareAction, Events
from actions.conversation import Said, listen

#: From here on Rasa's second thoughts count when the knowledge base has no passage. Below, they are noise.
GUESS_CONFIDENCE = 0.35
#: Told apart because the gateway keeps these questions for review, without the person.
UNANSWERED = frozenset({"unanswerable", "unclear"})
#: Reasons that the intent may overrule: these words were no question.
NO_QUESTION = frozenset({"small_talk", "unclear"})


class AnswerLike(Protocol):
    """What `knowledge.answer.Answer` has."""

    @property
    def answered(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def passage_id(self) -> str | None: ...
    @property
    def topic_id(self) -> str | None: ...
    @property
    def related(self) -> Sequence[tuple[str, str]]: ...
    @property
    def options(self) -> Sequence[tuple[str, str]]: ...


class Answerer(Protocol):
    """What `knowledge.answer.Responder` does."""

    def answer(
        self,
        turns: Sequence[str],
        *,
        speaker: str | None = None,
        language: str | None = None,
        topic: str | None = None,
    ) -> AnswerLike: ...
    def open_topic(self, topic_id: str, *, speaker: str | None = None, language: str = "id") -> AnswerLike: ...


class ActionAnswerQuestion(CareAction):
    """Shows a passage, or says honestly why there is none."""

    action_name = "action_answer_question"

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def act(self, dispatcher: CollectingDispatcher, tracker: Any) -> Events:
        said = listen(tracker)
        answer = ask(self._answerer, said)
        if answer is None:
            dispatcher.utter_message(response="utter_ask_capabilities")
        elif answer.answered:
            show_passage(dispatcher, answer)
        elif answer.reason in NO_QUESTION and (response := guessed_response(said)):
            dispatcher.utter_message(response=response)
        else:
            show_reason(dispatcher, answer)
        return []


def ask(answerer: Answerer, said: Said) -> AnswerLike | None:
    """Return the answer to an utterance or to a tapped topic; None for a topic that no longer exists."""
    if said.topic_choice is None:
        return answerer.answer(said.turns, speaker=said.speaker, language=said.language, topic=said.last_topic)
    try:
        return answerer.open_topic(said.topic_choice, speaker=said.speaker, language=said.language)
    except KeyError:
        return None


def show_passage(dispatcher: CollectingDispatcher, answer: AnswerLike) -> None:
    custom = {"response": "action_answer_question", "passage_id": answer.passage_id, "topic_id": answer.topic_id}
    dispatcher.utter_message(text=answer.text, buttons=topic_buttons(answer.related), json_message=custom)


def show_reason(dispatcher: CollectingDispatcher, answer: AnswerLike) -> None:
    """Say why there is no answer; with topics to choose from where several are likely."""
    response = "utter_no_answer_counselor" if answer.reason == "harmful" else "utter_no_answer"
    dispatcher.utter_message(
        response=response,
        answer=answer.text,
        buttons=topic_buttons(answer.options),
        json_message={"response": f"fallback_{answer.reason}", "unanswered": answer.reason in UNANSWERED},
    )


def topic_buttons(topics: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"title": title, "payload": f"d:topic:{topic_id}"} for topic_id, title in topics]


def guessed_response(said: Said) -> str | None:
    """Return the response to the likeliest intent when Rasa was unsure but not clueless."""
    intent, confidence = said.guess
    if confidence < GUESS_CONFIDENCE or said.choice is not None:
        return None
    if intent.startswith("request_") and intent != "request_counselor":
        return "utter_ask_capabilities"
    return GUESSED.get(intent)


GUESSED = {
    intent: f"utter_{intent}"
    for intent in (
        *("greet", "goodbye", "thanks", "affirm", "deny", "bot_challenge", "ask_capabilities", "ask_privacy"),
        *("complain_bot", "insult", "change_language", "request_counselor", "mood_check", "family_worried"),
        *("report_craving", "report_low_mood", "report_anger", "report_anxiety", "report_loneliness"),
        *("report_shame", "report_relapse_past", "report_conflict_family", "report_insomnia", "report_boredom"),
        *("report_progress",),
    )
}
