"""Building: stale or fresh, and content that contradicts itself stops before anything is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

import knowledge.build as module
from knowledge.build import build_if_stale, contextual, fingerprint, read_content, read_topics
from knowledge.dataset import Scope
from knowledge.errors import ContentError
from knowledge.index import KnowledgeIndex, read_manifest
from knowledge.language import Normalizer
from knowledge.scope import SCOPES
from tests.unit.knowledge.content import FolderSettings, WordEncoder, passage_text
from tests.unit.knowledge.small_world import TOPICS, write_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderSettings:
    monkeypatch.setattr(module, "read_topics", lambda: {name: dict(titles) for name, titles in TOPICS.items()})
    return write_world(tmp_path)


def test_the_projects_topics_are_165_with_titles() -> None:
    topics = read_topics()
    assert len(topics) == 165
    assert all(titles["id"] for titles in topics.values())


def test_content_is_read_whole(world: FolderSettings) -> None:
    content = read_content(world)
    assert list(content.topics) == list(TOPICS)
    assert len(content.passages) == 8
    assert {question.topic for question in content.questions} == set(TOPICS)


def test_every_topic_gets_an_english_title(world: FolderSettings) -> None:
    assert read_content(world).topics["rehab.cost"]["en"] == "About rehab.cost"


def test_the_overlay_is_read_as_local(world: FolderSettings) -> None:
    world.overlay_dir.mkdir()
    (world.overlay_dir / "visits.md").write_text(passage_text(id="local.visits", topic="rehab.cost"), encoding="utf-8")
    assert [passage.id for passage in read_content(world).passages if passage.local] == ["local.visits"]


def test_an_overlay_that_takes_a_general_id_is_refused(world: FolderSettings) -> None:
    world.overlay_dir.mkdir()
    text = passage_text(id="rehab.cost.family", topic="rehab.cost")
    (world.overlay_dir / "visits.md").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"visits\.md:2: 'rehab\.cost\.family' is the id of a general"):
        read_content(world)


def test_an_unknown_topic_is_refused(world: FolderSettings) -> None:
    path = world.passages_dir / "family" / "dog.md"
    path.write_text(passage_text(id="family.dog.x", topic="family.dog"), encoding="utf-8")
    with pytest.raises(ContentError, match=r"dog\.md:2: 'family\.dog' is no topic"):
        read_content(world)


def test_a_topic_with_nothing_to_say_is_refused(world: FolderSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "read_topics", lambda: {**{t: {"id": "x"} for t in TOPICS}, "rehab.new": {"id": "Baru"}}
    )
    with pytest.raises(ContentError, match=r"topics without passages and questions: rehab\.new"):
        read_content(world)


def test_broken_content_stops_before_the_good_index_is_replaced(
    world: FolderSettings, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    said: list[str] = []
    assert build_if_stale(world, encoder, normalizer, say=said.append)
    before = read_manifest(world.index_dir)
    (world.passages_dir / "rehab" / "cost.md").write_text("broken", encoding="utf-8")
    with pytest.raises(ContentError, match=r"cost\.md:1:"):
        build_if_stale(world, encoder, normalizer, say=said.append)
    assert read_manifest(world.index_dir) == before


def test_a_fresh_index_is_not_built_again_unless_forced(
    world: FolderSettings, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    said: list[str] = []
    assert build_if_stale(world, encoder, normalizer, say=said.append)
    assert said[0] == "8 passages, 80 sample questions, 4 topics"
    assert not build_if_stale(world, encoder, normalizer, say=said.append)
    assert build_if_stale(world, encoder, normalizer, say=said.append, force=True)


@pytest.mark.parametrize("change", ["passage", "question", "overlay", "encoder"])
def test_the_fingerprint_changes_with_what_goes_in(world: FolderSettings, change: str) -> None:
    before = fingerprint(world, "words")
    if change == "encoder":
        assert fingerprint(world, "other") != before
        return
    path = {
        "passage": world.passages_dir / "rehab" / "cost.md",
        "question": world.questions_dir / "train" / "curated.jsonl",
        "overlay": world.overlay_dir / "visits.md",
    }[change]
    path.parent.mkdir(exist_ok=True)
    path.write_text(passage_text(id="x.y"), encoding="utf-8")
    assert fingerprint(world, "words") != before


def test_an_unconfirmed_contact_stops_the_build(
    world: FolderSettings, encoder: WordEncoder, normalizer: Normalizer
) -> None:
    text = passage_text(id="rehab.cost.x", topic="rehab.cost", id_body="Telepon {contact.nobody}.")
    (world.passages_dir / "rehab" / "cost.md").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match="the contact 'nobody' is not in"):
        build_if_stale(world, encoder, normalizer, say=lambda _text: None)


def test_two_turns_are_read_together(normalizer: Normalizer) -> None:
    read = contextual(normalizer, ("sakau sabu brp lama", "klo ganja?"))
    assert read.text == "kalau ganja? << sakau sabu berapa lama"
    assert read.words[:2] == ("kalau", "ganja")
    assert len(read.words) == len(read.stems)


def test_thresholds_turn_few_questions_away(small_index: KnowledgeIndex) -> None:
    assert 0.0 < small_index.scope.threshold < 1.0
    assert 0.0 < small_index.scope.harmful_threshold < 1.0
    assert 0.0 < small_index.clear_threshold < 1.0
    assert SCOPES[0] is Scope.IN_SCOPE
