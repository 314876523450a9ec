"""The tables of plug-ins in the documents hold what is there."""

from __future__ import annotations

import pytest
from document_tables import TABLES, split


@pytest.mark.parametrize("name", TABLES)
def test_the_table_in_the_documents_is_of_these_plugins(name: str):
    """`python tests/document_tables.py` writes it anew."""
    _, table, _ = split(name)
    assert table == TABLES[name][1]()
