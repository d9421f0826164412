"""`stagedoor catalogue`: edits the gifts and the coin packages on offer."""
