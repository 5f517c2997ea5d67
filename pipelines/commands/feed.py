"""`corpus feed`: what a trainer is fed, by phase and step."""

import dataclasses
from pathlib import Path
from typing import Any

import click
from rich.text import Text

import corpus.feed
from corpus.errors import RecipeError
from corpus.feed.loader import Batch, Feed
from corpus.feed.mapped import read_manifest
from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_marker import not_readable
from corpus.storage.shards import read_shard
from pipelines.report.run_documents import RunDocuments
from pipelines.report.run_settings import say_versions
from pipelines.report.run_statistics import phases_of
from pipelines.report.tables import open_console, phase_table, table_of
from pipelines.report.terminal_text import json_line, one_line
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import TOKENIZER
from pipelines.stages.phases_plan import read_plan
from tokenizer_training.encode import Encoder, load_encoder

#: Tokens of a piece's beginning that are decoded.
BEGINNING_TOKENS = 40


@click.group()
def feed() -> None:
    """Looks into what a trainer is fed."""


@feed.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def plan(run: str, as_json: bool) -> None:
    """Shows the phases: steps, and of each domain tokens, sequences, weight and epochs.

    Epochs are passes over a domain from the first phase's beginning to this phase's end.

    \b
    Examples
      corpus feed plan runs/demo
      corpus feed plan runs/demo --json | jq '.phases[0].domains'
    """
    found = read_plan(RunDirectory(run.rstrip("/")))
    phases = phases_of(found)
    if as_json:
        domains = [{"name": domain.name, "tokens": domain.tokens} for domain in found.domains]
        click.echo(
            json_line(
                {"seed": found.seed, "domains": domains, "phases": [dataclasses.asdict(phase) for phase in phases]}
            )
        )
        return
    console = open_console()
    columns = ("phase", "steps", "batch size", "sequence length", "tokens")
    rows = [(phase.name, phase.steps, phase.batch_size, phase.sequence_length, phase.tokens) for phase in phases]
    console.print(table_of(columns, rows))
    console.print(phase_table(phases))


@feed.command()
@click.argument("run")
@click.option("--phase", metavar="NAME", help="Default: the first.")
@click.option("--step", type=click.IntRange(0), default=0, show_default=True)
@click.option("--sequences", type=click.IntRange(1), default=2, show_default=True, help="How many to show.")
@click.option("--rank", type=click.IntRange(0), default=0, show_default=True)
@click.option("--world-size", type=click.IntRange(1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line a sequence.")
def peek(run: str, phase: str | None, step: int, sequences: int, rank: int, world_size: int, as_json: bool) -> None:
    """Shows sequences of a step as a trainer gets them.

    Each sequence with its domain and its pieces: the documents, or parts of them, that it is made of, where each
    begins and ends, and how its text begins. The first piece may begin in the middle of its document.

    \b
    Examples
      corpus feed peek runs/demo --phase foundation --step 12
      corpus feed peek runs/demo --step 12 --rank 1 --world-size 2 --json | jq '.pieces[].url'
    """
    directory = RunDirectory(run.rstrip("/"))
    say_versions(directory)
    name = phase if phase is not None else _first_phase(directory)
    encoder = load_encoder(TOKENIZER.url(stage_of(directory, TOKENIZER), 0))
    with _open(run.rstrip("/"), name, rank, world_size) as opened:
        if step >= len(opened):
            raise RecipeError(f"--step {step}: phase {name} has the steps 0 to {len(opened) - 1}")
        batch = opened.batch(step)
        rows = _sequences(directory, opened, batch, encoder, at_most=sequences)
    if as_json:
        for row in rows:
            click.echo(json_line(row))
        return
    console = open_console()
    console.print(
        f"phase {name}, step {step} of {len(opened)}, rank {rank} of {world_size}: {batch.tokens.shape[0]} sequences"
    )
    for row in rows:
        head = f"\nsequence {row['sequence']}  {row['domain']}  {row['length']:,} tokens, {len(row['pieces'])} pieces"
        console.print(Text(head, "bold"))
        body = [
            (piece["begin"], piece["end"], piece["url"] or piece["key"], one_line(piece["text"], at_most=100))
            for piece in row["pieces"]
        ]
        console.print(table_of(("begin", "end", "document", "begins with"), body))


def _first_phase(run: RunDirectory) -> str:
    phases = read_plan(run).phases
    if not phases:
        raise RecipeError(f"{run.url}: its plan has no phases")
    return phases[0].name


def _open(run: str, phase: str, rank: int, world_size: int) -> Feed:
    try:
        return corpus.feed.open(run, phase=phase, rank=rank, world_size=world_size)
    except ValueError as error:
        raise RecipeError(f"{run}: {error}") from error


def _sequences(
    run: RunDirectory, opened: Feed, batch: Batch, encoder: Encoder, *, at_most: int
) -> list[dict[str, Any]]:
    """The first sequences of a batch with what each of their pieces is."""
    keys, doc_ids = opened.keys(batch), _doc_ids(run, batch)
    heads = RunDocuments(run).heads(doc_ids)
    rows = []
    for index, tokens in enumerate(batch.tokens[:at_most]):
        first, last = batch.boundary_offsets[index : index + 2].tolist()
        begins = [*batch.boundaries[first:last].tolist(), len(tokens)]
        pieces = []
        for piece, begin, end in zip(range(first, last), begins[:-1], begins[1:], strict=True):
            head = heads.get(doc_ids[piece])
            text = encoder.decode(tokens[begin : min(end, begin + BEGINNING_TOKENS)].tolist())
            who = {"doc_id": doc_ids[piece], "key": keys[piece].hex(), "url": head.url if head is not None else None}
            pieces.append({"begin": begin, "end": end, **who, "text": text})
        domain = opened.domains[int(batch.domains[index])]
        rows.append(
            {"sequence": int(batch.sequences[index]), "domain": domain, "length": len(tokens), "pieces": pieces}
        )
    return rows


def _doc_ids(run: RunDirectory, batch: Batch) -> list[int]:
    """The doc_id of each piece's document."""
    root = Path(run.url)
    paths = read_manifest(root).paths
    tables = {row: read_shard(root / paths[row]) for row in set(batch.documents[:, 0].tolist())}
    for row, table in tables.items():
        if "doc_id" not in table.column_names:
            raise not_readable(str(root / paths[row]), f"has no column 'doc_id', only {table.column_names}")
    columns = {row: table["doc_id"] for row, table in tables.items()}
    return [columns[shard][row].as_py() for shard, row in batch.documents.tolist()]
