"""The Telegram edge. `bot_api.py` sends, `incoming.py` reads, `polling.py` and `webhook.py` receive."""
