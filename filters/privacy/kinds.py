"""The kinds of personal data: their names, the token of each, the signal that counts it, and what a recipe says of it.

What is found stands in `signals/` (`personal_data`, by `filters.privacy.pii`) for every kind; what a recipe replaces of it in
`decisions/` (`replacements`), for kept documents.
"""

import enum
from collections.abc import Collection, Mapping

import pyarrow as pa

from corpus.columns import filled_rows
from corpus.recipe import Privacy
from corpus.schema import PERSONAL_SIGNALS
from corpus.text.edits import Edit


class Kind(enum.StrEnum):
    """What is found, named as in [privacy]; where two overlap the first named here counts."""

    EMAIL = "email"
    IP = "ip"
    MAC = "mac"
    IBAN = "iban"
    RESIDENT_ID = "resident_id"
    USCC = "uscc"
    CARD = "card"
    IMEI = "imei"
    HK_ID = "hk_id"
    TW_ID = "tw_id"
    MO_ID = "mo_id"
    PASSPORT = "passport"
    TRAVEL_PERMIT = "travel_permit"
    PLATE = "plate"
    QQ = "qq"
    WECHAT = "wechat"
    BANK_ACCOUNT = "bank_account"
    PHONE = "phone"


#: What stands in the place of what was found: one token a kind, so that a model can learn it and a reader find it.
TOKENS: Mapping[Kind, str] = {
    Kind.EMAIL: "<EMAIL>",
    Kind.IP: "<IP>",
    Kind.MAC: "<MAC>",
    Kind.IBAN: "<IBAN>",
    Kind.RESIDENT_ID: "<ID>",
    Kind.USCC: "<USCC>",
    Kind.CARD: "<CARD>",
    Kind.IMEI: "<IMEI>",
    Kind.HK_ID: "<HKID>",
    Kind.TW_ID: "<TWID>",
    Kind.MO_ID: "<MOID>",
    Kind.PASSPORT: "<PASSPORT>",
    Kind.TRAVEL_PERMIT: "<PERMIT>",
    Kind.PLATE: "<PLATE>",
    Kind.QQ: "<QQ>",
    Kind.WECHAT: "<WECHAT>",
    Kind.BANK_ACCOUNT: "<ACCOUNT>",
    Kind.PHONE: "<PHONE>",
}
#: Kind → the column of signals/ that counts it.
SIGNALS: Mapping[Kind, str] = dict(zip(Kind, PERSONAL_SIGNALS, strict=True))

_KINDS = {token: kind for kind, token in TOKENS.items()}


def kind_of(edit: Edit) -> Kind | None:
    """The kind that an edit is about, None where it is about something else."""
    return _KINDS.get(edit.replacement)


def kinds_that_are(action: str, privacy: Privacy) -> tuple[Kind, ...]:
    """The kinds for which the recipe says "replace", "drop" or "keep", in the order of Kind."""
    return tuple(kind for kind in Kind if getattr(privacy, kind) == action)


def replacements(personal_data: pa.Array | pa.ChunkedArray, kinds: Collection[Kind]) -> dict[int, list[Edit]]:
    """Row → the edits of these kinds, of rows that have some; `personal_data` is the column of signals/."""
    tokens = {TOKENS[kind] for kind in kinds}
    found: dict[int, list[Edit]] = {}
    rows = filled_rows(personal_data) if tokens else []
    for row in rows:
        edits = [Edit(**edit) for edit in personal_data[row].as_py() if edit["replacement"] in tokens]
        if edits:
            found[row] = edits
    return found
