"""tokenize: kept documents → token blocks, record batches of one domain (corpus.domains) each.

Reads   documents/FP/ITEM.arrow, signals/, decisions/, the tokenizer's model; where the stage ran before under another
        fingerprint, the tokens of documents that are the same (pipelines.stages.earlier_tokens)
Writes  tokens/FP/ITEM.arrow (schema.token_blocks_schema), blocks in the order of their domains' names (pipelines.stages.token_blocks)
        stages/tokenize/FP/ITEM.reused: how many documents' tokens were taken over. It is no part of the record,
        which must not tell what happened to a run directory before.
Cost    SentencePiece's encoding; memory: token_blocks.HELD_BYTES of token rows, however large the work item, and a batch of documents
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.domains import domains_of
from corpus.recipe import fingerprint
from corpus.storage import files, ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages import tokenizer
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.earlier_tokens import MADE_OF, EarlierTokens, Tokens, older_stages
from pipelines.stages.kept_documents import DocumentStages, kept_documents
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, LANGUAGES, TOKENIZER, TOKENS
from pipelines.stages.stage import Conservation, Driver, StageSpec, Upstream
from pipelines.stages.token_blocks import HELD_BYTES, TokenBlocks, tokens_of
from pipelines.stages.token_checks import check_tokenized
from tokenizer_training.encode import Encoder, load_encoder

VERSION = 4

REUSED = ".reused"


@dataclasses.dataclass(frozen=True)
class TokenizeSettings:
    stages: DocumentStages
    model: DigestedFile
    older: tuple[Stage, ...] = ()  # the stage under other fingerprints, whose tokens may be reused


def made_of(settings: TokenizeSettings) -> str:
    """What a document's tokens are a function of, beside its `doc_id` and its edits."""
    return fingerprint(
        "tokens", VERSION, settings.stages.documents.fingerprint, settings.model.digest, _library_version()
    )


def _library_version() -> str:
    from importlib.metadata import version

    return version("sentencepiece")


def documents_reused(stage: Stage) -> int:
    """How many documents' tokens were taken over from an older fingerprint."""
    names = files.names(stage.run.path("stages", stage.name, stage.fingerprint))
    return sum(int(files.read_bytes(stage.file(name))) for name in names if name.endswith(REUSED))


def encoded(documents: pa.Table, encoder: Encoder, earlier: EarlierTokens | None) -> tuple[list[Tokens], int]:
    """The tokens of each document, as they were or made now, and how many are as they were."""
    found: list[Tokens | None] = [None] * documents.num_rows
    if earlier is not None:
        found = earlier.find(numbers(documents["doc_id"]), numbers(documents["edits"]))
    missing = [row for row, tokens in enumerate(found) if tokens is None]
    tokens, offsets = encoder.encode(documents["text"].take(pa.array(missing, pa.int64())).to_pylist())
    made = iter(np.split(tokens, offsets[1:-1]))
    return [next(made) if each is None else each for each in found], len(found) - len(missing)


def token_batch(documents: pa.Table, tokens: list[Tokens], of: pa.Schema) -> pa.RecordBatch:
    """What token_columns gives of some documents, and their tokens, as a batch of schema.token_blocks_schema."""
    lengths = np.array([len(each) for each in tokens], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    values = pa.array(np.concatenate(tokens))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values, type=of.field("tokens").type)
    return pa.RecordBatch.from_arrays([lists, *(documents[name].combine_chunks() for name in of.names[1:])], schema=of)


def token_columns(documents: pa.Table, of: pa.Schema) -> pa.Table:
    """All columns of schema.token_blocks_schema but the first, from what kept_documents gives: no text among them."""
    quality = documents.schema.get_field_index("quality")
    documents = documents.set_column(quality, of.field("quality"), documents["quality"].fill_null(math.nan))
    sizes = pc.binary_length(documents["text"]).cast(pa.uint32())
    return documents.append_column(of.field("bytes"), sizes).select(of.names[1:])


def rows_by_domain(documents: pa.Table) -> dict[str, NDArray[np.int64]]:
    """Domain → its rows, in order."""
    rows: dict[str, list[int]] = {}
    for row, domain in enumerate(domains_of(documents)):
        rows.setdefault(domain, []).append(row)
    return {domain: np.array(found) for domain, found in rows.items()}


def tokenize_item(stage: Stage, item: int, settings: TokenizeSettings) -> ItemRecord:
    """Writes the token blocks of one work item."""
    encoder = load_encoder(str(settings.model.local()))
    of = schema.token_blocks_schema(encoder.vocabulary_size).with_metadata({MADE_OF: made_of(settings)})
    earlier = EarlierTokens.of(settings.older, item, of=of)
    url = stage.output("tokens", item)
    counts = {"documents": 0, "tokens": 0, "bytes": 0}
    all_reused = 0
    with TokenBlocks(of, _folder_beside(url)) as blocks:
        for documents in kept_documents(settings.stages, item):
            tokens, reused = encoded(documents, encoder, earlier)
            all_reused += reused
            columns = token_columns(documents, of)
            del documents
            for domain, rows in rows_by_domain(columns).items():
                of_domain = columns.take(pa.array(rows))
                blocks.add(domain, token_batch(of_domain, [tokens[row] for row in rows.tolist()], of))
        written = ipc.write_batches(url, of, _counted(blocks.in_order(), counts), compression=None)
    if settings.older:
        files.write_bytes(stage.file(f"{item:05d}{REUSED}"), str(all_reused).encode())
    return ItemRecord(item=item, outputs={"tokens": written}, counts=counts)


def _counted(blocks: Iterator[tuple[str, pa.RecordBatch]], counts: dict[str, int]) -> Iterator[pa.RecordBatch]:
    """The blocks, added to the counts of all and of each domain; `blocks.DOMAIN` are its batches in the file."""
    for domain, block in blocks:
        numbers_of = {
            "documents": block.num_rows,
            "tokens": tokens_of(block),
            "bytes": int(numbers(block.column("bytes")).sum(dtype=np.int64)),
        }
        for name, number in numbers_of.items():
            counts[name] += number
        for name, number in {**numbers_of, "blocks": 1}.items():
            counts[f"{name}.{domain}"] = counts.get(f"{name}.{domain}", 0) + number
        yield block


def _folder_beside(url: str) -> Path | None:
    """The folder of a local file, made where it is not there."""
    if not files.is_local(url):
        return None
    folder = files.local_path(url).parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _model(up: Upstream) -> DigestedFile:
    return DigestedFile.of(tokenizer.model_url(up.writer(TOKENIZER)))


def _say_reused(driver: Driver, up: Upstream, stage: Stage, totals: dict[str, int]) -> None:
    if driver.has_run(stage) and (reused := documents_reused(stage)):
        driver.say(stage.name, f"{reused:,} documents had their tokens already")


def held_by_tokenize(row_bytes: float, number: Callable[[str], float]) -> float:
    """Bytes that a worker holds, beside what it is, of a work item whose token rows have so many."""
    return number("tokenize_batch_bytes") + min(row_bytes, float(HELD_BYTES)) * number("tokenize_bytes")


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="tokenize",
        units=sizes.items,
        seconds=sizes.kept_text_bytes * sizes.number("tokenize_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=sizes.token_row_bytes,
        opened=3 * sizes.items,
        written=2 * sizes.items,
        worker_bytes=sizes.process_bytes + held_by_tokenize(sizes.largest_item_token_bytes, sizes.number),
        memory="the tokens that it holds",
        stored=(Stored("tokens", sizes.items, sizes.token_row_bytes),),
        records=sizes.items,
    )


TOKENIZE: StageSpec[None, TokenizeSettings] = StageSpec(
    name="tokenize",
    summary="kept documents → token blocks of one domain each",
    # A later selection changes no document of an earlier one: the mark of the decisions is the first selection's.
    reads=(DOCUMENTS, LANGUAGES, DECISIONS),
    writes=(TOKENS,),
    code=("pipelines.stages.tokenization",),
    fingerprint=lambda up, opened: (_model(up).digest,),
    settings=lambda up, opened, stage: TokenizeSettings(DocumentStages.of(up), _model(up), older_stages(stage)),
    work=tokenize_item,
    closed=_say_reused,
    conserves=Conservation("documents", "documents"),
    check=check_tokenized,
    costs=_costs,
)
