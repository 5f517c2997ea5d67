"""Documentation against code: every key, reason, signal, column and option stands in its page, and every example runs.

Pages are read as what they are on GitHub: headings, tables, fenced blocks. `python tests/make_docs.py` writes the parts
that are made from the code. Marks after a block's language: `toml complete` loads as a recipe, `python run` is executed
in a folder where `runs/demo` is the demo's run.
"""

import dataclasses
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import annotated_types
import click
import pyarrow as pa
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import make_docs
from corpus import recipe as settings
from corpus import schema
from corpus.errors import RecipeError
from corpus.feed.phases import plan_phases
from corpus.reasons import BYTE_LOSSES, Outcome, Reason
from corpus.recipe import GIB, MIB, Phase, Recipe, fingerprint
from corpus.recipe.parsing import load_recipe, parse_recipe
from corpus.storage.run_directory import RunDirectory
from corpus.text.line_rules import LineRule
from filters.quality.rules import load_profiles
from fingerprints import extract_inputs, mark, measure_inputs
from pipelines.cli import main
from pipelines.commands.document_rows import FIELDS
from pipelines.selection.additions import plan_selections
from pipelines.stage_list import NAMES
from pipelines.stages.decontamination import DECONTAMINATE
from pipelines.stages.extraction import EXTRACT
from pipelines.stages.lines import MEASURE_LINES
from pipelines.stages.listing import Planned
from pipelines.stages.measurement import MEASURE
from pipelines.stages.packing import PACK
from pipelines.stages.scoring import SCORE
from pipelines.stages.tokenizer import TRAIN_TOKENIZER

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
FRONT = [path for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md") if (path := ROOT / name).exists()]
PAGES = FRONT + DOCS

Row = dict[str, str]
Rows = list[Row]


# ------------------------------------------------------------------------------------------------ pages


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block; `info` is what stands after the fence."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(*pages: Path) -> Iterator[Block]:
    """Fenced blocks of pages."""
    for page in pages:
        info, begin, lines = "", 0, list[str]()
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.lstrip().startswith("```"):
                lines.append(line)
            elif begin:
                yield Block(page, begin, info, "\n".join(lines) + "\n")
                begin = 0
            else:
                info, begin, lines = line.strip().removeprefix("```"), number, []
        assert not begin, f"{page}:{begin}: a block does not end"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(
        r"^[ \t]*```.*?^[ \t]*```[^\n]*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )


def tables(name: str) -> dict[str, Rows]:
    """Heading → rows of the tables below it, up to the next heading; cells by column title."""
    found: dict[str, Rows] = {}
    heading, titles = "", list[str]()
    for line in prose(ROOT / "docs" / name).splitlines():
        if line.startswith("#"):
            heading, titles = line.lstrip("# ").strip(), []
            found.setdefault(heading, [])
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not titles:
                titles = cells
            elif not set(line) <= set("|- "):
                assert len(cells) == len(titles), f"{name}: {line}"
                found[heading].append(dict(zip(titles, cells, strict=True)))
        else:
            titles = []
    return found


def names(rows: Rows, title: str) -> list[str]:
    """The first column without its marks."""
    return [row[title].strip("`") for row in rows]


def of_language(language: str, *pages: Path) -> list[Block]:
    return [block for block in blocks(*pages) if block.info.split()[:1] == [language]]


# ------------------------------------------------------------------------------------------------ recipe.md

#: Heading of a table of recipe.md that is about a key of [[source]] → the key.
OF_A_SOURCE = {"Fields": "fields", "Copies of a source": "dedup", "Expected": "expected"}

#: Heading of a table in recipe.md → its settings.
RECIPE_TABLES: dict[str, type[BaseModel]] = {
    "`[run]`": settings.Run,
    "`[[source]]`": settings.Source,
    "Fields": settings.FieldNames,
    "Copies of a source": settings.SourceDedup,
    "`[[addition]]`": settings.Addition,
    "Expected": settings.Expected,
    "`[extract]`": settings.Extract,
    "`[language]`": settings.LanguageIdentification,
    "`[normalise]`": settings.Normalise,
    "`[line_rules]`": settings.LineEdits,
    "`[quality]`": settings.Quality,
    "`[dedup]`": settings.Dedup,
    "`[dedup.lines]`": settings.SharedLines,
    "`[[classifier]]`": settings.Classifier,
    "`[[word_list]]`": settings.WordList,
    "`[[perplexity]]`": settings.Perplexity,
    "`[privacy]`": settings.Privacy,
    "`[decontaminate]`": settings.Decontaminate,
    "Exams": settings.Exam,
    "`[tokenizer]`": settings.Tokenizer,
    "`[shards]`": settings.Shards,
    "`[[phase]]`": settings.Phase,
    "`[prices]`": settings.Prices,
    "`[profiles.NAME]`": settings.Profile,
    "A rule": settings.Rule,
    "A variant": settings.Variant,
}


def models_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The models of all tables below a model, itself included."""

    def inside(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from models_of(annotation)
        for argument in get_args(annotation):
            yield from inside(argument)

    return {model}.union(*(inside(field.annotation) for field in model.model_fields.values()))


def shown_default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "left out"
    if isinstance(default, BaseModel):
        return "`{}`"
    text = {True: "true", False: "false"}.get(default) if isinstance(default, bool) else None
    return (
        f"`{text or str(default) if not isinstance(default, str | list) else repr(default).replace(chr(39), chr(34))}`"
    )


def bounds(field: FieldInfo) -> list[float]:
    """The numbers of a field's range: its own, or those of what stands in its union or its table."""

    def inside(annotation: Any) -> Iterator[Any]:
        yield from getattr(annotation, "__metadata__", ())
        for argument in get_args(annotation):
            yield from inside(argument)

    found: list[float] = []
    for item in [*field.metadata, *inside(field.annotation)]:
        constraints = [item, *getattr(item, "metadata", ())]
        for constraint in constraints:
            for kind, name in (("Ge", "ge"), ("Gt", "gt"), ("Le", "le"), ("Lt", "lt")):
                if isinstance(constraint, getattr(annotated_types, kind)):
                    found.append(getattr(constraint, name))
    return found


def shown_bound(key: str, bound: float) -> str:
    """A bound as the page writes it: sizes in binary units."""
    if bound == 1 << 63:
        return "2^63"
    if key.endswith("bytes"):
        for unit, size in (("GiB", GIB), ("MiB", MIB), ("KiB", 1 << 10)):
            if bound % size == 0:
                return f"{int(bound) // size} {unit}"
    return f"{bound:g}" if bound < 1e6 else str(int(bound))


def test_recipe_page_has_a_table_for_every_table() -> None:
    assert set(RECIPE_TABLES.values()) == models_of(Recipe) - {Recipe}
    assert set(Recipe.model_fields) == {
        re.sub(r"\W|NAME", "", heading)
        for heading in RECIPE_TABLES
        if heading not in ("A rule", "A variant", "Exams", "`[dedup.lines]`", *OF_A_SOURCE)
    }


@pytest.mark.parametrize("heading", RECIPE_TABLES)
def test_recipe_page_has_every_key_with_its_range_and_default(heading: str) -> None:
    rows = tables("recipe.md")[heading]
    fields = RECIPE_TABLES[heading].model_fields
    assert names(rows, "key") == list(fields)
    for row, (key, field) in zip(rows, fields.items(), strict=True):
        assert row["default"] == shown_default(field), key
        assert row["type"], key
        for bound in bounds(field):
            if bound or "over 0" not in row["range"]:
                assert re.search(rf"(?<![\d.]){re.escape(shown_bound(key, bound))}(?![\d.])", row["range"]), (
                    key,
                    bound,
                )
        for choice in get_args(field.annotation):
            if isinstance(choice, str):
                assert f"`{choice}`" in row["range"], (key, choice)


#: Every key of the recipe with another value than BASE has; None where the page says that no stage runs again.
BASE: dict[str, Any] = {
    "run": {"name": "a"},
    "source": [
        {
            "name": "web",
            "inputs": ["*"],
            "profile": "own",
            "respect": ["noindex"],
            "expected": {"files": 2, "bytes": 500},
        }
    ],
    "addition": [{"name": "a", "inputs": {"web": ["a"]}}],
    "extract": {"markup": "markdown"},
    "line_rules": {"repeated": True},
    "dedup": {"lines": {}},
    "decontaminate": {"exams": [{"name": "e", "format": "gsm8k", "files": ["a"]}]},
    "classifier": [{"name": "c", "model": "a"}, {"name": "best", "model": "a"}],
    "quality": {"classifier": "best"},
    "word_list": [{"name": "w", "files": ["a"]}],
    "perplexity": [{"name": "p", "model": "a"}],
    "phase": [{"name": "p", "tokens": 1_000_000, "sequence_length": 16}],
    "prices": {"currency": "USD", "core_hour": 1.0, "gigabyte_month": 1.0},
    "profiles": {
        "own": {
            "base": "web",
            "rules": [{"signal": "words", "min": 40, "max": 50, "reason": "too_few_words"}],
            "variant": [{"languages": ["en"], "max": {"words": 45}}],
        }
    },
}
# fmt: off
CHANGED: dict[str, dict[str, Any]] = {
    "`[run]`": {"name": "b", "seed": 1, "languages": ["zh"], "work_item_bytes": MIB, "max_failed_fraction": 0.5,
        "decide_again": True},
    "`[[source]]`": {"name": "books", "kind": "books", "format": "jsonl", "inputs": ["x"], "prefix": "x",
        "outside_prefix": True,
        "fields": {"text": "content"}, "profile": "none", "licence": "MIT", "trust_language_hint": True,
        "block_domains": ["x"], "block_urls": ["x"], "block_words": ["x"], "respect": ["noai"],
        "respect_agents": ["a"], "opt_out_domains": ["x"], "dedup": {"near": False}, "expected": {"kept": 0.5}},
    "Copies of a source": {"url": True, "exact": False, "near": False, "lines": False},
    "`[[addition]]`": {"name": "b", "inputs": {"web": ["b"]}},
    "Expected": {"files": 3, "bytes": 1000, "record_bytes": 9.0, "documents": 0.5, "text_bytes": 9.0, "kept": 0.5,
        "kept_text_bytes": 9.0, "languages": {"zh": 1.0}},
    "Fields": {"text": "t", "id": "i", "url": "u", "date": "d", "language": "l", "licence": "c"},
    "`[extract]`": {"extractor": "resiliparse", "markup": "plain", "links": True, "ruby": "reading", "max_record_bytes": MIB, "max_page_bytes": MIB, "max_text_bytes": MIB, "max_nodes": 1000,
        "max_depth": 100, "page_seconds": 1.0, "page_memory_bytes": 1024 * MIB, "repair_mojibake": False, "language_screen": False,
        "language_screen_confidence": 0.9},
    "`[line_rules]`": {"kinds": ["books"], **{rule: rule != LineRule.REPEATED for rule in map(str, LineRule)}},
    "`[normalise]`": {"nfc": False, "control_characters": False, "white_space": False, "collapse_spaces": True,
        "invisible": False, "half_width": "all", "chinese": "simplified"},
    "`[language]`": {"model": "x", "windows": 6, "window_characters": 60},
    "`[decontaminate]`": {"exams": [{"name": "e", "format": "gsm8k", "files": ["b"]}], "words": 12, "characters": 19,
        "whole_words": 7, "whole_characters": 11, "coverage": 0.7, "action": "cut"},
    "Exams": {"name": "f", "format": "math", "files": ["b"], "parts": ["question"]},
    "`[quality]`": {"classifier": "c", "tiers": [0.5]},
    "`[dedup]`": {"url": True, "exact": False, "near": False, "bands": 3, "rows": 3, "shingle": 3, "threshold": 0.5,
        "rehydrate": {"2": 3}, "order": ["web"], "max_loss": 0.9, "lines": {"weight": 9}},
    "`[dedup.lines]`": {"site": 3, "corpus": 9, "weight": 9, "keep": "preferred", "min_characters": 0},
    "`[[classifier]]`": {"name": "d", "model": "b", "label": "hq", "text": "plain", "languages": ["zh"]},
    "`[[word_list]]`": {"name": "v", "files": ["b"], "allow": ["b"], "languages": ["zh"]},
    "`[[perplexity]]`": {"name": "q", "model": "b", "tokenizer": "b", "text": "plain", "languages": ["zh"]},
    "`[privacy]`": dict.fromkeys(settings.Privacy.model_fields, "drop"),
    "`[tokenizer]`": {"model": "x", "vocab_size": 500, "model_type": "bpe", "sample_bytes": MIB,
        "weights": {"zh": 1.0}, "num_threads": 1},
    "`[shards]`": {"target_bytes": MIB},
    "`[[phase]]`": {"name": "q", "tokens": 2000000, "sequence_length": 32, "batch_size": 4,
        "weights": {"web.zh": 1.0}, "max_epochs": {"web.zh": 2.0}},
    "`[prices]`": {"currency": "EUR", "core_hour": 0.1, "gigabyte_month": 0.1, "months": 2.0, "million_writes": 1.0,
        "million_reads": 1.0},
    "`[profiles.NAME]`": {"base": "none", "languages": ["zh"], "rules": [], "variant": []},
    "A variant": {"languages": ["zh"], "rules": [{"signal": "lines", "min": 3, "reason": "too_few_words"}],
        "min": {"words": 3}, "max": {"words": 60}, "off": ["lorem_ipsum"], "source": "x"},
    "A rule": {"signal": "lines", "min": 3.0, "max": 60.0, "reason": "too_many_words", "source": "x"},
}
# fmt: on


def place_of(table: dict[str, Any], heading: str) -> dict[str, Any]:
    """The table of a recipe that a heading is about; made where BASE has none."""
    if heading == "`[profiles.NAME]`":
        return table["profiles"]["own"]
    if heading == "A rule":
        return table["profiles"]["own"]["rules"][0]
    if heading == "A variant":
        return table["profiles"]["own"]["variant"][0]
    if heading == "`[dedup.lines]`":
        return table["dedup"]["lines"]
    if heading == "Exams":
        return table["decontaminate"]["exams"][0]
    if heading in OF_A_SOURCE:
        return table["source"][0].setdefault(OF_A_SOURCE[heading], {})
    key = heading.strip("`[]")
    return table[key][0] if isinstance(table.get(key), list) else table.setdefault(key, {})


LISTS = {"block_domains", "block_urls", "block_words", "opt_out_domains"}


def fingerprints(recipe: Recipe) -> dict[str, str]:
    """Of every stage with settings of its own, given one fingerprint of the stage before it."""
    model = recipe.language.model or "default"  # a digest in truth: another file, another digest
    given = recipe.tokenizer.model
    lists = {source.name: str(source.model_dump(include=LISTS)) for source in recipe.source}  # as above
    exams = recipe.decontaminate
    assert exams is not None
    items = str([exam.model_dump() for exam in exams.exams])  # as above
    planned = [Planned(name, str(name), "files", 1, 1, 1, items) for items, name in ((1, None), (2, "addition"))]
    scorers = [SimpleNamespace(table=each, digest=str(each.model_dump())) for each in recipe.scorers]  # as above
    selections = plan_selections(RunDirectory("run"), recipe, planned, before=[])
    return {
        "extract": mark(EXTRACT, recipe, extract_inputs(model)),
        "measure": mark(MEASURE, recipe, measure_inputs(model, lists)),
        "decontaminate": fingerprint(mark(DECONTAMINATE, recipe, []), items),
        "score": mark(SCORE, recipe, scorers),
        "lines": mark(MEASURE_LINES, recipe) if recipe.dedup.lines is not None else "",
        "select": selections[-1].stage.fingerprint,
        "train-tokenizer": fingerprint(given) if given is not None else mark(TRAIN_TOKENIZER, recipe),
        "pack": mark(PACK, recipe),
        "phases": str(recipe.phase),
    }


@pytest.mark.parametrize("heading", RECIPE_TABLES)
def test_recipe_page_says_which_stage_runs_again(heading: str) -> None:
    import copy

    before = fingerprints(parse_recipe(BASE, "base"))
    rows = {row["key"].strip("`"): row["runs again"] for row in tables("recipe.md")[heading]}
    assert rows.keys() == CHANGED[heading].keys()
    for key, value in CHANGED[heading].items():
        table = copy.deepcopy(BASE)
        if key == "name" and heading == "`[[source]]`":
            table["phase"] = table["addition"] = []
        place_of(table, heading)[key] = value
        after = fingerprints(parse_recipe(table, "changed"))
        first = next((stage for stage in before if before[stage] != after[stage]), "nothing")
        said = rows[key].partition(",")[0]
        # Identity of the inputs is the plan's: a run directory refuses another.
        assert said == first or said == "another run", (heading, key, first)


def test_help_of_build_names_every_stage_in_its_order() -> None:
    said = " ".join(make_docs.help_text(("build",)).partition("What is done")[0].split())
    named = [word for word in re.findall(r"[a-z-]+", re.sub(r"\(.*?\)|.*?: ", "", said)) if word != "and"]
    assert named == list(NAMES)


ERRONEOUS = (
    ("[dedup]\nthresold = 0.7", {}),
    ("[dedup]\nthreshold = 1.5", {}),
    ('[dedup]\nthreshold = "0.7"', {}),
    (None, {}),
    (
        '[[phase]]\nname = "a"\ntokens = 1_000_000\nsequence_length = 2048\nweights = {"web.zh" = 0.4, "web.en" = 0.5}',
        {},
    ),
    ('[[phase]]\nname = "a"\ntokens = 100\nsequence_length = 2048', {}),
    ('[[phase]]\nname = "a"\ntokens = 1_000_000\nsequence_length = 2048\nweights = {"books.zh" = 1.0}', {}),
    ("", {"source.0.profile": "wb"}),
)


def test_recipe_page_prints_errors_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("recipe.toml")
    printed = []
    for more, overrides in ERRONEOUS:
        source = "" if more is None else '[[source]]\nname = "web"\ninputs = ["*"]\n'
        path.write_text(f'[run]\nname = "demo"\n{source}{more or ""}\n')
        try:
            load_profiles(load_recipe(path, overrides))
        except RecipeError as error:
            printed.append(str(error) if str(error).startswith("recipe.toml:") else f"recipe.toml: {error}")
    (block,) = [block for block in blocks(ROOT / "docs" / "recipe.md") if block.info == "text errors"]
    assert block.text.splitlines() == printed


def test_recipe_page_prints_the_error_of_a_cap_as_it_is() -> None:
    phase = Phase(
        name="anneal",
        tokens=80_000,
        sequence_length=1024,
        batch_size=4,
        weights={"docs.zh": 0.6, "docs.en": 0.4},
        max_epochs={"docs.en": 2.0},
    )
    (block,) = [block for block in blocks(ROOT / "docs" / "recipe.md") if block.info == "text cap"]
    with pytest.raises(RecipeError) as caught:
        plan_phases([phase], {"docs.en": 12_164, "docs.zh": 184_325}, seed=7)
    assert block.text.strip() == str(caught.value)


@pytest.mark.parametrize("block", of_language("toml", *PAGES), ids=str)
def test_toml_blocks_parse_and_complete_ones_load(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.text)
    if "complete" in block.info.split():
        path = tmp_path / "recipe.toml"
        path.write_text(block.text, encoding="utf-8")
        load_profiles(load_recipe(path))
        return
    # An excerpt: its tables and keys exist.
    least = {"run": {"name": "x"}, "source": [{"name": "web", "inputs": ["*"]}]}
    load_profiles(parse_recipe(least | table, str(block)))


def test_a_complete_example_has_every_table() -> None:
    complete = [block for block in of_language("toml", ROOT / "docs" / "recipe.md") if "complete" in block.info]
    assert max(len(tomllib.loads(block.text)) for block in complete) == len(Recipe.model_fields)


# ------------------------------------------------------------------------------------------------ reasons.md, signals.md


def test_reasons_page_has_every_reason_with_outcome_and_stage() -> None:
    found = tables("reasons.md")
    rows = {row["reason"].strip("`"): row for section in found.values() for row in section}
    assert rows.keys() == set(Reason)
    for name, row in rows.items():
        reason = Reason(name)
        assert row["outcome"] == reason.outcome, name
        assert row["stage"] in ("extract", "select"), name
        assert (row["stage"] == "extract") or reason.outcome is Outcome.DROPPED, name
        assert row["means"], name
        assert row["what to do"], name
    lost = next(rows for heading, rows in found.items() if heading.startswith("Lost input"))
    assert set(names(lost, "reason")) == BYTE_LOSSES


def shipped_rules() -> dict[str, set[str]]:
    """Signal → `reason (side)` of every rule in the profile `web`."""
    recipe = parse_recipe({"run": {"name": "x"}, "source": [{"name": "web", "inputs": ["*"]}]}, "x")
    rules: dict[str, set[str]] = {}
    for rule_set in load_profiles(recipe).rule_sets["web"].values():
        for limit in rule_set.limits:
            rules.setdefault(limit.signal, set()).add(f"`{limit.reason}` ({limit.side})")
    return rules


def test_signals_page_has_every_signal_with_its_rules() -> None:
    found, rules = tables("signals.md"), shipped_rules()
    assert names(found["Counts"], "signal") == list(schema.COUNT_SIGNALS)
    assert names(found["Ratios"], "signal") == list(schema.RATIO_SIGNALS)
    others = names(found["Language"] + found["Hashes"] + found["Personal data"], "signal")
    columns = schema.signals_schema(permutations=2, bands=1).names
    identity = {"doc_id", "key", "source", "date", "blocked_url", "opt_out"}
    assert {*others, *schema.COUNT_SIGNALS, *schema.RATIO_SIGNALS, *schema.SPAM_SIGNALS} == {*columns} - identity
    assert names(found["Spam"], "signal") == list(schema.SPAM_SIGNALS)
    for group, columns_of_group in schema.SIGNAL_GROUPS.items():
        rows = found[f"Group `{group}`"]
        assert names(rows, "signal") == list(columns_of_group)
        assert all(row["formula"] and row["unit"] and row["variant"] for row in rows)
    for row in found["Counts"] + found["Ratios"] + found["Spam"] + found["Language"]:
        signal = row["signal"].strip("`")
        assert row["formula"], signal
        if signal in rules or signal in schema.COUNT_SIGNALS + schema.RATIO_SIGNALS:
            assert {*filter(None, row["rules of `web`"].split(", "))} == rules.get(signal, set()), signal


# ------------------------------------------------------------------------------------------------ run-directory.md

TYPES = {
    "float": "float32",
    "fixed_size_binary[2]": "fixed_size_binary[bands × rows]",
    "fixed_size_list<item: uint64 not null>[1]": "fixed_size_list of uint64",
    "large_list<item: uint16 not null>": "large_list of uint16 or uint32",
    str(
        schema.CONTAMINATION.field("matches").type
    ): "list of exam, item, part (string), coverage (float32), begin, end (uint32)",
    str(schema.LINES.field("lines").type): "list of hash (uint64), begin, end, before, after, characters (uint32)",
    str(schema.DECISIONS.field("cuts").type): "list of begin, end (uint32), replacement (string)",
}
SIGNALS = schema.signals_schema(permutations=2, bands=1)
MEASURED = {*schema.COUNT_SIGNALS, *schema.RATIO_SIGNALS, *schema.SPAM_SIGNALS, *schema.PERSONAL_SIGNALS}
SCHEMAS = {
    "`splits.arrow`": schema.SPLITS,
    "`documents/`": schema.DOCUMENTS,
    "`signals/`": pa.schema([field for field in SIGNALS if field.name not in MEASURED]),
    "`failed/`": schema.FAILED,
    "`contamination/`": schema.CONTAMINATION,
    "`exams/`": schema.EXAMS,
    "`stages/decontaminate/FP/items.arrow`": schema.EXAM_ITEMS,
    "`lines/`": schema.LINES,
    "`decisions/`": schema.DECISIONS,
    "`tokens/`": schema.token_blocks_schema(1000),
    "`manifest.arrow`": schema.MANIFEST,
}


@pytest.mark.parametrize("heading", SCHEMAS)
def test_run_directory_page_has_every_column(heading: str) -> None:
    rows = tables("run-directory.md")[heading]
    documented = [(row["column"].strip("`"), row["type"], row["null"] == "yes") for row in rows]
    assert documented == [
        (field.name, TYPES.get(str(field.type), str(field.type)), field.nullable) for field in SCHEMAS[heading]
    ]


def test_run_directory_page_names_every_file_of_a_run(demo_run: Path) -> None:
    page = read("run-directory.md")
    for path in demo_run.iterdir():
        assert f"RUN/{path.name}" in page, path.name


# ------------------------------------------------------------------------------------------------ cli.md


@pytest.mark.parametrize("name", sorted(make_docs.GENERATED))
def test_generated_parts_are_current(name: str) -> None:
    page = read(name)
    assert make_docs.GENERATED[name](page) == page, "run `python tests/make_docs.py`"


def test_cli_page_has_every_command_with_its_help() -> None:
    page = read("cli.md")
    for path in make_docs.command_paths():
        command = " ".join(("corpus", *path))
        assert f"<!-- {command} --help -->\n```text\nUsage: {command}" in page
    for field in FIELDS:
        assert f"`{field}`" in page


def test_cli_page_has_the_exit_codes() -> None:
    from corpus import errors

    codes = {int(row["code"]) for row in tables("cli.md")["Exit codes"]}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert codes == {0, 1, 130, 143, *(kind.exit_code for kind in kinds)}


# ------------------------------------------------------------------------------------------------ what a page says to type

_INLINE = re.compile(r"`((?:corpus|make) [^`]+)`")


def typed(page: Path) -> Iterator[str]:
    """Lines of shell blocks, and of README also commands in running text; continued lines joined."""
    for block in blocks(page):
        if block.info.split()[:1] in (["sh"], ["bash"], ["console"], ["shell"]):
            yield from (line.strip().removeprefix("$ ") for line in block.text.replace("\\\n", " ").splitlines())
    if page.name == "README.md":
        yield from (match[1] for match in _INLINE.finditer(prose(page)))


def words_of(line: str) -> list[list[str]]:
    """The commands of a line, each as words."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(line, comments=True):
        if word in ("|", "&&", ";", "||", ">", "2>", "<"):
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def check_corpus(words: list[str]) -> None:
    """The command exists, and has the options that stand after it."""
    command: click.Command = main
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words.pop(0))
        assert inner is not None
        command = inner
    known = {"--help", "-h", *(name for parameter in command.params for name in parameter.opts)}
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    beam = command.name == "build" and any(option in ("--runner", "--direct_num_workers") for option in options)
    unknown = [option for option in options if option not in known]
    assert beam or not unknown, (command.name, unknown)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_a_page_says_to_type_exist(page: Path) -> None:
    for line in typed(page):
        for words in words_of(line):
            if words and words[0].rpartition("/")[2] == "corpus":
                check_corpus(words[1:])
            if words and words[0] == "make":
                asked = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
                assert set(asked) <= targets(), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ +(.+?) *$", prose(file), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target


def slug(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ------------------------------------------------------------------------------------------------ what runs


@pytest.mark.parametrize(
    "block", [block for block in of_language("python", *PAGES) if "run" in block.info.split()], ids=str
)
def test_python_examples_run(
    block: Block, demo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(demo_run)
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, str(block), "exec"), {"__name__": "example"})


# ------------------------------------------------------------------------------------------------ dependencies.md


def test_dependencies_page_has_every_direct_dependency_with_a_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name: Callable[[str], str] = lambda wanted: re.split(r"[<>=!~;\[ ]", wanted)[0]  # noqa: E731
    rows = tables("dependencies.md")["Direct"]
    assert names(rows, "package") == sorted(map(name, project["dependencies"]))
    assert all(row["why"] and row["licence"] for row in rows)
    page = read("dependencies.md")
    for extra in project["optional-dependencies"].values():
        for wanted in extra:
            assert f"`{name(wanted)}" in page, wanted


# ------------------------------------------------------------------------------------------------ style


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_pages_name_no_place_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:home|root|work|tmp|Users|private)/", text)
