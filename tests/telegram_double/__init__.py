"""A double of Telegram's Bot API: HTTP in, JSON out, in a thread of its own, behaving like the real one.

    with TelegramDouble() as double:               # listens on 127.0.0.1, double.url is PENDAMPING_TELEGRAM_API_URL
        siti = double.person(111, "Siti")
        staff = double.group(-100200, "Konselor", forum=True)
        counselor = staff.member(900, "Bu Rina")
        siti.say("halo")                           # becomes an update; the bot fetches it with getUpdates
        siti.wait_for("halo")                      # until the bot has sent a text that contains this
        siti.tap("Setuju")                         # presses a button under the bot's last message with that title
        staff.wait_for("level 3"); counselor.tap("Ambil"); counselor.say("aku ambil", reply_to=staff.last().message_id)
        double.fault("sendMessage", "rate_limit", retry_after=2, chat_id=111, times=1)
        assert siti.texts() == [...]
        assert double.flood_violations == []

What it gets right: getUpdates offsets, redelivery until confirmed, long polling, 409 for two pollers or a set webhook,
message ids (one counter for all private chats, one for each supergroup), "message is not modified" and the other edit
errors, 403 after a block (with the my_chat_member update), 400 with migrate_to_chat_id, forum topics and their rights,
4,096 characters and 64 bytes of callback data, 401 for another token. Faults (`FAULTS` in `server.py`): 429 with
retry_after, 5xx, slow answers, 403, 400, replies that are no JSON, connections dropped before or after acceptance.
Flood limits are counted in `flood_violations`, and answered with 429 when `enforce_limits` is set.
"""

from __future__ import annotations

from tests.telegram_double.chats import Chat, Member, Sent
from tests.telegram_double.server import FAULTS, TelegramDouble

__all__ = ["FAULTS", "Chat", "Member", "Sent", "TelegramDouble"]
