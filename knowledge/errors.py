"""Errors of the knowledge room.

KnowledgeError
├── ContentError   a passage, contact or question file is wrong (its author can mend it)
├── ModelError     a model file is missing or corrupt (`make setup` mends it)
└── PassageIndexError the index is missing, stale or corrupt (`python -m knowledge build` mends it)
"""

from __future__ import annotations


class KnowledgeError(Exception):
    """Base of everything this room raises."""


class ContentError(KnowledgeError):
    """A content file is wrong; the message names file, line and the mend."""


class ModelError(KnowledgeError):
    """A model file is missing or corrupt."""


class PassageIndexError(KnowledgeError):
    """The index is missing, corrupt, or made for another encoder."""
