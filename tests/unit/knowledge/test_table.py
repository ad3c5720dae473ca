"""Text tables line up."""

from __future__ import annotations

from knowledge.table import text_table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    shown = text_table("Title", ("name", "n"), [("a", "1"), ("longer", "22")])
    assert shown.splitlines() == ["", "## Title", "", "name    n", "---------", "a       1", "longer  22"]


def test_a_table_without_rows_shows_its_head() -> None:
    assert text_table("T", ("a", "b"), []).splitlines()[-2:] == ["a  b", "----"]
