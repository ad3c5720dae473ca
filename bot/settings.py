"""Typed settings of the gateway, read once at each entry point; rooms receive values, never this object.

Every key stands in `.env.example` with meaning, unit and default; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import ConfigError

PREFIX = "PENDAMPING_"


class Settings(BaseSettings):
    """What an operator can change. Times carry their unit in the name.

    Levels and crisis wording are reviewed content, never settings. `extra` is "ignore" here because
    `knowledge/settings.py` shares the `.env` file; `load_settings` refuses a key that neither knows.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    telegram_token: SecretStr | None = None
    telegram_api_url: str = "https://api.telegram.org"
    staff_chat_id: int | None = None
    webhook_url: str | None = None
    webhook_listen: str = "127.0.0.1"
    webhook_port: Annotated[int, Field(ge=1, le=65535)] = 8443
    webhook_secret: SecretStr | None = None

    data_dir: Path = Path("var")
    database_url: SecretStr | None = None
    encryption_key: SecretStr | None = None
    retention_days: Annotated[int, Field(ge=1)] = 180
    payload_days: Annotated[int, Field(ge=2)] = 7

    rasa_url: str | None = None
    rasa_port: Annotated[int, Field(ge=1, le=65535)] = 5005
    actions_url: str | None = None
    actions_port: Annotated[int, Field(ge=1, le=65535)] = 5055

    time_zone: str = "Asia/Jakarta"
    safety_answer_minutes: Annotated[float, Field(gt=0)] = 10.0
    first_response_urgent_minutes: Annotated[float, Field(gt=0)] = 15.0
    first_response_emergency_minutes: Annotated[float, Field(gt=0)] = 5.0

    worker_id: str | None = None
    dialogue_workers: Annotated[int, Field(ge=1, le=64)] = 8
    lease_s: Annotated[float, Field(ge=5)] = 60.0
    send_rate_per_s: Annotated[float, Field(gt=0, le=30)] = 30.0

    log_level: str = "INFO"
    log_json: bool = True

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("expected an IANA time zone such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura")
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("expected DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("telegram_api_url", "webhook_url", "rasa_url", "actions_url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("expected an address beginning with http:// or https://")
        return value.rstrip("/") if value else value

    @model_validator(mode="after")
    def _webhook_has_secret(self) -> Settings:
        if self.webhook_url and not (self.webhook_secret and self.webhook_secret.get_secret_value()):
            raise ValueError("PENDAMPING_WEBHOOK_URL needs PENDAMPING_WEBHOOK_SECRET (letters, digits, _ and -)")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Time zone in which people and counselors read times."""
        return ZoneInfo(self.time_zone)

    @property
    def effective_database_url(self) -> str:
        """The database; SQLite in the data folder unless another is named."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'pendamping.db'}"

    def printable(self) -> dict[str, str]:
        """Return every setting for the start-up line, secrets as `**********`."""
        return {name: str(value) for name, value in self.model_dump().items() if value is not None}


def load_settings(
    env_file: Path | None = Path(".env"), *, keys_known_elsewhere: Collection[str] = (), **overrides: object
) -> Settings:
    """Read settings from the environment and a `.env` file.

    Args:
        env_file: None reads the environment alone; a file that does not exist is no error.
        keys_known_elsewhere: Full names (`PENDAMPING_…`) that another settings class reads from the same file.
        overrides: Values that win over both, for tests and command-line flags.

    Raises:
        ConfigError: An unknown key in the file, or a value that does not fit. Never shows a value.
    """
    if env_file is not None and env_file.exists():
        known = {PREFIX + name.upper() for name in Settings.model_fields} | set(keys_known_elsewhere)
        unknown = sorted(key for key in dotenv_values(env_file) if key.upper() not in known)
        if unknown:
            raise ConfigError(f"{env_file}: unknown setting {', '.join(unknown)}. See .env.example for the known ones.")
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[arg-type, call-arg]  # pydantic's own keyword
    except ValidationError as exc:
        lines = [f"  {PREFIX}{'.'.join(map(str, e['loc'])).upper() or 'settings'}: {e['msg']}" for e in exc.errors()]
        raise ConfigError("These settings need a change (see .env.example):\n" + "\n".join(lines)) from None
