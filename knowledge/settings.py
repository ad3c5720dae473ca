"""Where the knowledge base keeps its content and what it builds from it."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class KnowledgeSettings(BaseSettings):
    """Settings of the knowledge base, from environment variables `PENDAMPING_*` and `.env`.

    Attributes:
        data_dir: Everything built or written at run time.
        overlay_dir: A centre's own passages, which win over the general ones; may be missing.
        encoder: Name of a sentence-transformers model for retrieval, or "embedded" for the shipped encoder.
            The risk screen always keeps the shipped encoder.
    """

    model_config = SettingsConfigDict(
        env_prefix="PENDAMPING_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = ROOT / "var"
    overlay_dir: Path = ROOT / "knowledge" / "overlay"
    encoder: str = "embedded"

    @property
    def passages_dir(self) -> Path:
        """Folder of the general passages."""
        return ROOT / "knowledge" / "passages"

    @property
    def overlay_contacts(self) -> Path:
        """File of the centre's own phone numbers; may be missing."""
        return self.overlay_dir / "contacts.yaml"

    @property
    def overlay_questions(self) -> Path:
        """File of questions that the centre's own passages answer; may be missing."""
        return self.overlay_dir / "questions.jsonl"

    @property
    def questions_dir(self) -> Path:
        """Folder of the sample questions, by part."""
        return ROOT / "knowledge" / "questions"

    @property
    def encoder_dir(self) -> Path:
        """Folder of the serving model that set-up builds."""
        return self.data_dir / "encoder"

    @property
    def index_dir(self) -> Path:
        """Folder that holds the built indexes and names the current one."""
        return self.data_dir / "index"

    @property
    def review_dir(self) -> Path:
        """Folder of the questions that wait for a curator, and of the gaps found."""
        return self.data_dir / "review"

    @property
    def risk_model(self) -> Path:
        """File of the fitted risk model, made by set-up."""
        return self.data_dir / "risk" / "model.pickle"
