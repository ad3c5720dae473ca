"""Rasa custom actions: read the conversation, ask `knowledge`, utter. `python -m actions` serves them on loopback.

They never import `bot`. Sentences live in training_data/domain and in the knowledge base.
"""
