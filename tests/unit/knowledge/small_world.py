"""A whole small knowledge base of four topics, for tests of what is built from content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.knowledge.content import FolderSettings, make_settings, passage_text

TOPICS = {
    "rehab.visits-phone": {"id": "Kunjungan dan telepon"},
    "rehab.cost": {"id": "Biaya rehabilitasi"},
    "addiction.withdrawal": {"id": "Putus zat"},
    "family.trust": {"id": "Membangun kepercayaan"},
}
_WORDS = {
    "rehab.visits-phone": ["kunjungan", "jenguk", "telepon", "jadwal", "besuk"],
    "rehab.cost": ["biaya", "bayar", "gratis", "mahal", "uang"],
    "addiction.withdrawal": ["sakau", "gejala", "putus", "zat", "menggigil"],
    "family.trust": ["percaya", "bohong", "curiga", "janji", "kepercayaan"],
}
_FRAMES = {
    "train": ["kapan soal {0} dan {1}", "tolong jelaskan {0}", "{0} di sini bagaimana ya", "saya bingung soal {0} {1}"],
    "tune": ["mau tanya {0} dan {1} dong", "info {0} untuk keluarga"],
    "evaluate": ["apakah {0} itu {1}"],
}
_OUTSIDE = {
    "off_topic": [
        "cuaca surabaya besok hujan",
        "skor sepak bola tadi malam",
        "resep rendang padang",
        "harga motor bekas",
    ],
    "small_talk": ["halo selamat pagi", "terima kasih banyak", "apa kabar hari ini", "hai kamu siapa"],
    "harmful": [
        "cara meracik barang di dapur",
        "beli barang murah di mana",
        "lolos tes urine pakai apa",
        "titip paket rahasia",
    ],
    "unanswerable": [
        "kamar adik saya nomor berapa",
        "siapa nama dokter jaga malam",
        "hasil tes darah saya",
        "ranjang nomor berapa",
    ],
}


def write_world(folder: Path) -> FolderSettings:
    """Write the content and return settings that point to it."""
    settings = make_settings(folder)
    for topic, words in _WORDS.items():
        group, _, name = topic.partition(".")
        path = settings.passages_dir / group / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_passages(topic, words)), encoding="utf-8")
    for part, frames in _FRAMES.items():
        rows = [
            {
                "text": frame.format(word, words[i - 1]),
                "topic": topic,
                "lang": "id",
                "speaker": "family",
                "style": "plain",
            }
            for topic, words in _WORDS.items()
            for i, word in enumerate(words)
            for frame in frames
        ]
        write_lines(settings.questions_dir / part / "all.jsonl", rows)
        outside = [
            {"text": text + (" ya" if part == "tune" else ""), "scope": scope, "lang": "id"}
            for scope, texts in _OUTSIDE.items()
            for text in texts
        ]
        write_lines(settings.questions_dir / part / "scope.jsonl", outside)
        turns = [
            {"turns": [f"tanya soal {_WORDS[topic][0]} dan {_WORDS[topic][1]}", last], "topic": topic}
            for topic in TOPICS
            for last in ("terus gimana?", "kok begitu?", "sampai kapan?")
        ]
        write_lines(settings.questions_dir / part / "followup.jsonl", turns)
    return settings


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _passages(topic: str, words: list[str]) -> list[str]:
    title = {"id": f"Tentang {words[0]} dan {words[1]}", "en": f"About {topic}"}
    return [
        passage_text(
            id=f"{topic}.{audience}",
            topic=topic,
            audience=audience,
            title=title,
            related=["family.trust"],
            id_body=f"Untuk {audience}: soal {', '.join(words)}. Telepon {{contact.ambulance}} bila gawat.",
            en_body=f"For {audience}: the English text about {topic}. Call {{contact.ambulance}} in an emergency.",
        )
        for audience in ("family", "resident")
    ]
