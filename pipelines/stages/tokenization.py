"""tokenize: kept documents → token blocks, one record batch per domain (corpus.domains) and work item.

Reads   documents/FP/ITEM.arrow, signals/, decisions/, the tokenizer's model
Writes  tokens/FP/ITEM.arrow (schema.tokens_schema), a batch a domain, domains in the order of their names
Cost    SentencePiece's encoding; memory: the tokens of one work item
"""

import dataclasses
import math
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute

from corpus import schema
from corpus.domains import domains_of
from corpus.storage import ipc
from corpus.storage.digested_file import PinnedFile
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages import tokenizer
from pipelines.stages.kept_documents import DocumentStages, kept_documents
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, LANGUAGES, TOKENIZER, TOKENS
from pipelines.stages.stage import Conservation, StageSpec, Upstream
from pipelines.stages.token_checks import check_tokenized
from tokenizer_training.encode import Encoder, load_encoder

VERSION = 3


@dataclasses.dataclass(frozen=True)
class TokenizeSettings:
    stages: DocumentStages
    model: PinnedFile


def token_batch(documents: pa.Table, encoder: Encoder) -> pa.RecordBatch:
    """Kept documents as a batch of schema.tokens_schema, in their order."""
    texts = documents["text"].to_pylist()
    tokens, offsets = encoder.encode(texts)
    of = schema.tokens_schema(encoder.vocabulary_size)
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(tokens), type=of.field("tokens").type)
    sizes = pa.array([len(text.encode()) for text in texts], pa.uint32())
    columns = [
        lists,
        *(documents[name].combine_chunks() for name in ("key", "doc_id", "source", "language")),
        sizes,
        documents["quality"].combine_chunks().fill_null(math.nan),
        *(documents[name].combine_chunks() for name in ("tier", "repeats")),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=of)


def blocks_of(batches: Iterator[pa.RecordBatch], of: pa.Schema) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(domain, block) in the order of domain names; documents keep their order within one."""
    table = pa.Table.from_batches(batches, of)
    rows: dict[str, list[int]] = {}
    for row, domain in enumerate(domains_of(table)):
        rows.setdefault(domain, []).append(row)
    for domain in sorted(rows):
        yield domain, table.take(pa.array(rows[domain])).combine_chunks().to_batches()[0]


def tokenize_item(stage: Stage, item: int, settings: TokenizeSettings) -> ItemRecord:
    """Writes the token blocks of one work item."""
    encoder = load_encoder(str(settings.model.local()))
    of = schema.tokens_schema(encoder.vocabulary_size)
    counts = {"documents": 0, "tokens": 0, "bytes": 0}

    def blocks() -> Iterator[pa.RecordBatch]:
        encoded = (token_batch(documents, encoder) for documents in kept_documents(settings.stages, item))
        for domain, block in blocks_of(encoded, of):
            numbers = {
                "documents": block.num_rows,
                "tokens": int(pa.compute.sum(pa.compute.list_value_length(block.column("tokens"))).as_py()),
                "bytes": int(pa.compute.sum(block.column("bytes")).as_py()),
            }
            for name, number in numbers.items():
                counts[name] += number
                counts[f"{name}.{domain}"] = number
            yield block

    written = ipc.write_batches(stage.output("tokens", item), of, blocks(), compression=None)
    return ItemRecord(item=item, outputs={"tokens": written}, counts=counts)


def _model(up: Upstream) -> PinnedFile:
    return PinnedFile.of(tokenizer.model_url(up.writer(TOKENIZER)))


TOKENIZE: StageSpec[None, TokenizeSettings] = StageSpec(
    name="tokenize",
    summary="kept documents → token blocks, one a domain and work item",
    # A later selection changes no document of an earlier one: the mark of the decisions is the first selection's.
    reads=(DOCUMENTS, LANGUAGES, DECISIONS),
    writes=(TOKENS,),
    code=("pipelines.stages.tokenization",),
    fingerprint=lambda up, opened: (_model(up).digest,),
    settings=lambda up, opened, stage: TokenizeSettings(DocumentStages.of(up), _model(up)),
    work=tokenize_item,
    conserves=Conservation("documents", "documents"),
    check=check_tokenized,
)
