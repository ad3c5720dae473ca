"""The store: who people are (pseudonyms), what came in, what goes out. Start at `database.py` and `models.py`."""
