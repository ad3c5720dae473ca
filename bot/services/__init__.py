"""What Pendamping does, one use case a module. Start at `reception.py` (every update) and `dialogue_turn.py`."""
