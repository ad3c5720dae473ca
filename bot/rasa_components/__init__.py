"""What loads inside Rasa (Python 3.10): standard library, Rasa and its dependencies only."""
