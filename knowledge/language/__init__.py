"""How people write: normalisation, slang, stemming and language detection, shared by retrieval and the risk screen."""

from knowledge.language.detect import DetectedLanguage, detect_language, is_english_sentence
from knowledge.language.normalize import NormalizedText, Normalizer, clean_text, load_normalizer

__all__ = [
    "DetectedLanguage",
    "NormalizedText",
    "Normalizer",
    "clean_text",
    "detect_language",
    "is_english_sentence",
    "load_normalizer",
]
