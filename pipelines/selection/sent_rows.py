"""The rows that the steps of `select` send each other, kind by kind: their columns, and who can receive them.

All columns are numbers or bytes of fixed width; a text is never sent. 16 bytes a band row, 48 a key, 20 a removal.
"""

from collections.abc import Iterable

import pyarrow as pa

from pipelines.selection.decision_settings import SelectSettings
from pipelines.selection.step_context import Kind

U64, I64, U32, U8 = pa.uint64(), pa.int64(), pa.uint32(), pa.uint8()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, of, nullable=False) for name, of in columns.items()])


#: Who a document is, and what decides between copies.
_IDENTITY = {"doc_id": U64, "preference": U64, "key_hi": U64, "key_lo": U64}

DOCUMENTS = _schema(**_IDENTITY | {"newest": U64, "reason": U8, "spared": U8})
STAYS = _schema(stays=U8)
KEYS = _schema(hash_hi=U64, hash_lo=U64, **_IDENTITY)
REMOVALS = _schema(doc_id=U64, representative=U64, similarity=pa.float32())
BANDS = _schema(band_hash=U64, doc_id=U64)
PAIRS = _schema(first=U64, second=U64)
EDGES = _schema(loser=U64, **{f"winner_{name}": of for name, of in _IDENTITY.items()}, similarity=pa.float32())
WATCHED = _schema(doc_id=U64, part=U32)
NEWS = _schema(doc_id=U64, stays=U8)
OPEN = _schema(loser=U64, winner=U64, similarity=pa.float32(), stays=U8, told=U8)
LEFT = _schema(loser=U64, winner=U64, similarity=pa.float32())
LINES = _schema(key=U64, documents=U32)
SHARED = _schema(key=U64)
KEEPERS = _schema(key=U64, **_IDENTITY)
KEPT = _schema(key=U64, doc_id=U64)
LINE_CUTS = _schema(doc_id=U64, begin=I64, end=I64, lines=I64, characters=I64, little=U8)


def candidates(permutations: int) -> pa.Schema:
    """The one document of a pair, for the part of the other, `second`."""
    return _schema(second=U64, **_IDENTITY, codes=pa.binary(permutations))


def crowds(permutations: int) -> pa.Schema:
    """A document of a large bucket."""
    return _schema(band_hash=U64, **_IDENTITY, codes=pa.binary(permutations))


def keys_of(kind: str, settings: SelectSettings) -> Kind:
    """What documents are compared by for one kind of copy, to ranges."""
    return Kind(f"{kind}-keys", KEYS, settings.ranges)


def removals(name: str, settings: SelectSettings) -> Kind:
    """Copies and what stands for them, to the parts of both."""
    return Kind(name, REMOVALS, len(settings.parts))


def line_kinds(schema: pa.Schema, name: str, scopes: Iterable[str], receivers: int) -> tuple[Kind, ...]:
    """One for each scope in which lines are shared."""
    return tuple(Kind(scoped(name, scope), schema, receivers) for scope in scopes)


def scoped(name: str, scope: str) -> str:
    return f"{name}-{scope}"
