"""Encryption at rest: names, Telegram ids and texts are unreadable without the key.

The lookup key of a chat is an HMAC, so that a chat is found again without its id being stored in the clear. The
HMAC's secret lives sealed in the database and survives a change of the encryption key (`MultiFernet` rotation).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.errors import ConfigError, StoreError

KEY_FILE_NAME = "encryption.key"


class Vault:
    """Seals and opens values, and names chats.

    Args:
        keys: Fernet keys; the first seals, all open.
        chat_secret: 32 random bytes, the same for the life of the database.
    """

    def __init__(self, keys: Sequence[str], chat_secret: bytes) -> None:
        self._fernet = make_fernet(keys)
        self._chat_secret = chat_secret

    def seal(self, value: str) -> bytes:
        """Return the value encrypted. Lone surrogates become U+FFFD: they can't be encoded."""
        return self._fernet.encrypt(value.encode("utf-8", "replace"))

    def open(self, sealed: bytes) -> str:
        """Return the value. Raises StoreError when it was sealed with a key that is not configured."""
        try:
            return self._fernet.decrypt(sealed).decode("utf-8")
        except InvalidToken as exc:
            raise StoreError("a stored value was encrypted with a key that is not configured") from exc

    def seal_json(self, value: Any) -> bytes:
        return self.seal(json.dumps(value, ensure_ascii=True, separators=(",", ":")))

    def open_json(self, sealed: bytes) -> Any:
        return json.loads(self.open(sealed))

    def chat_key(self, chat_id: int) -> str:
        """Return the 64-digit lookup key of a chat."""
        return hmac.new(self._chat_secret, str(chat_id).encode(), hashlib.sha256).hexdigest()

    def fingerprint(self, value: str) -> str:
        """Return a keyed 32-digit digest, for comparing values without storing them."""
        labelled = b"fingerprint:" + value.encode("utf-8", "replace")
        return hmac.new(self._chat_secret, labelled, hashlib.sha256).hexdigest()[:32]


def make_fernet(keys: Sequence[str]) -> MultiFernet:
    """Return the cipher for these keys. Raises ConfigError for a key that is none (its text is not shown)."""
    try:
        return MultiFernet([Fernet(key.strip().encode()) for key in keys])
    except ValueError as exc:
        raise ConfigError(
            "PENDAMPING_ENCRYPTION_KEY is no Fernet key (44 characters of URL-safe base64). "
            "Leave it empty to have one generated, or restore the one this data was stored with."
        ) from exc


def read_keys(configured: str | None, data_dir: Path) -> list[str]:
    """Return the configured keys, or the key file's, or nothing on a first run."""
    if configured:
        return [part for part in configured.split(",") if part.strip()]
    path = data_dir / KEY_FILE_NAME
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"The key file {path} can't be read ({type(exc).__name__}). Restore it.") from exc
    return [line for line in text.splitlines() if line.strip()]


def generate_key_file(data_dir: Path) -> str:
    """Create the key file, readable by its owner alone, and return the key."""
    key = Fernet.generate_key().decode()
    path = data_dir / KEY_FILE_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise ConfigError(f"The key file {path} can't be written: {exc.strerror}.") from exc
    return key


def new_chat_secret() -> bytes:
    """Return a fresh secret for `Vault.chat_key`."""
    return secrets.token_bytes(32)
