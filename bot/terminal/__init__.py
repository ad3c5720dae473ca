"""The terminal edge: the same turn without Telegram. `chat.py` talks; `batch.py` and `screen.py` read files."""
