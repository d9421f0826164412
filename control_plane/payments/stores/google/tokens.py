"""What a purchase token looks like. Google does not document it; all have the form `<24 letters>.AO-J1O<base64url>`, with
about 150 characters."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"(?!sandbox\.|eyJ)[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+", re.ASCII)
"""`eyJ` is the start of a JWS, such as a transaction of the App Store."""
SHORTEST, LONGEST = 40, 1000
"""Characters. An order id, `GPA.` and 20 digits and dashes, is shorter."""


def is_purchase_token(text: str) -> bool:
    return SHORTEST <= len(text) <= LONGEST and _TOKEN.fullmatch(text) is not None
