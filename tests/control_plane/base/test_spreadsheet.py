"""Texts that a spreadsheet would calculate."""

from __future__ import annotations

import pytest

from control_plane.base.spreadsheet import harmless


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@sum", "\tx", "\rx", "\nx"])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"
