"""The recipe: the user's one TOML file (corpus.recipe.parsing) as frozen, validated settings.

Unknown keys anywhere are an error. Input globs are relative to the recipe's folder, so that a build works from any directory.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Set
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, Field

from corpus import schema
from corpus.domains import names_of
from corpus.recipe.scorer_tables import Classifier, Perplexity, ScorerTable, WordList, signals_of
from corpus.recipe.setting_types import (
    STRICT,
    Agent,
    ClusterSize,
    HalfWidth,
    Language,
    Markup,
    MistakesError,
    Name,
    Ruby,
    Script,
)
from corpus.recipe.suggestions import language_code
from corpus.redaction import redacted

Kind = Literal["web", "encyclopedia", "books", "papers", "code", "other"]
OptOut = Literal["noindex", "noai", "tdm"]
PersonalAction = Literal["replace", "drop", "keep"]
Extractor = Literal["trafilatura", "resiliparse"]
Format = Literal["warc", "arc", "jsonl", "parquet", "html", "text"]
CopyKind = Literal["url", "exact", "near", "lines"]

ExamFormat = Literal[
    "mmlu", "cmmlu", "ceval", "agieval", "gaokao-bench", "triviaqa", "naturalquestions", "race", "clue", "gsm8k", "math",
    "humaneval", "mbpp", "huggingface", "jsonl",
]  # fmt: skip
ExamPart = Literal["question", "passage", "options", "answer"]

MIB = 1 << 20
GIB = 1 << 30


#: The validation context of a recipe that a run keeps: it was built, whatever checks across tables say of it by now.
OF_A_RUN: Mapping[str, str] = MappingProxyType({"recipe": "stored"})


class _Settings(BaseModel):
    model_config = STRICT


class Run(_Settings):
    """What the whole run shares."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    languages: Annotated[list[Language], Field(min_length=1)] = ["*"]
    work_item_bytes: Annotated[int, Field(ge=1 << 16, le=64 * GIB)] | None = None
    max_failed_fraction: Annotated[float, Field(ge=0, le=1)] = 0.05
    decide_again: bool = False  # about documents of earlier additions too

    def wants(self, language: str) -> bool:
        return "*" in self.languages or language in self.languages


class FieldNames(_Settings):
    """What the fields of a row are called in the files."""

    text: Annotated[str, Field(min_length=1)] = "text"
    id: Annotated[str, Field(min_length=1)] = "id"
    url: Annotated[str, Field(min_length=1)] = "url"
    date: Annotated[str, Field(min_length=1)] = "date"
    language: Annotated[str, Field(min_length=1)] = "language"
    licence: Annotated[str, Field(min_length=1)] = "licence"


class SourceDedup(_Settings):
    """Which kinds of copies a source's documents are dropped as; None: as [dedup] says."""

    url: bool | None = None
    exact: bool | None = None
    near: bool | None = None
    lines: bool | None = None


class Expected(_Settings):
    """What is known of a source's inputs before they are read: for `corpus plan`, and for nothing else."""

    files: Annotated[int, Field(ge=1)] | None = None
    bytes: Annotated[int, Field(ge=1)] | None = None  # stored, of all files
    record_bytes: Annotated[float, Field(gt=0)] | None = None  # stored, of a record
    documents: Annotated[float, Field(gt=0, le=1)] | None = None  # of the records
    text_bytes: Annotated[float, Field(gt=0)] | None = None  # of a document
    kept: Annotated[float, Field(gt=0, le=1)] | None = None  # of the documents
    kept_text_bytes: Annotated[float, Field(gt=0)] | None = None  # of a document that is kept
    languages: dict[Language, Annotated[float, Field(gt=0)]] | None = None  # shares of the kept text

    @pydantic.model_validator(mode="after")
    def _check_across(self) -> "Expected":
        if (self.files is None) != (self.bytes is None):
            raise ValueError("expected: files and bytes stand together or not at all")
        if self.bytes is not None and self.files is not None and self.bytes < self.files:
            raise ValueError(f"expected: {self.files} files cannot have {self.bytes} bytes")
        total = sum(self.languages.values()) if self.languages is not None else 1.0
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected: languages sum to {total:.6g}; they must sum to 1")
        return self


class Source(_Settings):
    """Inputs of one provenance: one kind, one format, one profile of rules."""

    name: Name
    kind: Kind = "web"
    format: Format = "warc"
    inputs: Annotated[list[str], Field(min_length=1)]
    prefix: str | None = None  # what the lines of a path list are below
    outside_prefix: bool = False  # whether they may lead elsewhere
    fields: FieldNames = FieldNames()  # of jsonl and parquet
    profile: Name = "web"
    licence: str | None = None  # of documents that name none
    trust_language_hint: bool = False
    block_domains: list[str] = []  # paths or globs of UT1 `domains` files
    block_urls: list[str] = []  # of UT1 `urls` files
    block_words: list[str] = []  # of word lists and UT1 `expressions` files
    respect: list[OptOut] = []
    respect_agents: list[Agent] = []  # crawlers whose own rules count as well as those for all
    opt_out_domains: list[str] = []  # paths or globs of lists of domains, as block_domains
    dedup: SourceDedup = SourceDedup()
    expected: Expected = Expected()


class Addition(_Settings):
    """Inputs that came to the sources later, as a new crawl. A file that it names is no input of the sources themselves."""

    name: Name
    inputs: Annotated[dict[Name, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]  # source → globs


class Extract(_Settings):
    """Limits of work per record; a record over one of them is a counted failure. And the screen before the work."""

    extractor: Extractor = "trafilatura"
    markup: Markup = "plain"
    links: bool = False  # of markdown
    ruby: Ruby = "base"
    max_record_bytes: Annotated[int, Field(ge=1 << 10, le=4 * GIB)] = 64 * MIB
    max_page_bytes: Annotated[int, Field(ge=1 << 10, le=GIB)] = 16 * MIB
    max_text_bytes: Annotated[int, Field(ge=1 << 10, le=GIB)] = 8 * MIB  # some 60 times as much memory
    max_nodes: Annotated[int, Field(ge=100, le=100_000_000)] = 100_000  # start tags
    max_depth: Annotated[int, Field(ge=10, le=1_000_000)] = 1_000  # elements that are open at once
    page_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0  # of the processor
    page_memory_bytes: Annotated[int, Field(ge=512 * MIB, le=256 * GIB)] = 4 * GIB
    repair_mojibake: bool = True
    language_screen: bool = True  # where run.languages is not "*"
    language_screen_confidence: Annotated[float, Field(ge=0.5, le=1)] = 0.8

    @pydantic.model_validator(mode="after")
    def _links_need_markdown(self) -> "Extract":
        if self.links and self.markup != "markdown":
            raise ValueError('links needs markup = "markdown"')
        return self


class Normalise(_Settings):
    """Steps of corpus.text.normalisation, each on or off."""

    nfc: bool = True
    control_characters: bool = True
    white_space: bool = True
    collapse_spaces: bool = False
    invisible: bool = True
    half_width: HalfWidth = "none"
    chinese: Script = "keep"


class LineEdits(_Settings):
    """Rules of corpus.text.line_rules, each on or off, and the kinds of sources whose texts they edit."""

    kinds: Annotated[list[Kind], Field(min_length=1)] = ["web"]
    javascript: bool = False
    policy: bool = False
    boilerplate: bool = False
    menu: bool = False
    repeated: bool = False
    long_words: bool = False
    few_words: bool = False
    end_punctuation: bool = False
    citations: bool = False


class LanguageIdentification(_Settings):
    """The fastText model and what a page's sampled windows are."""

    model: str | None = None  # path; left out: the lid.176.ftz that is installed with the package
    windows: Annotated[int, Field(ge=1, le=64)] = 5
    window_characters: Annotated[int, Field(ge=50, le=100_000)] = 300


class SharedLines(_Settings):
    """Lines that many documents share: from how many on they are cut. None is off."""

    site: Annotated[int, Field(ge=2)] | None = 10  # documents of one site
    corpus: Annotated[int, Field(ge=2)] | None = None  # documents of all sites
    weight: Annotated[int, Field(ge=1, le=1000)] = 15  # letters of a line that is compared; no digits
    keep: Literal["none", "preferred"] = "none"  # which of the documents keeps such a line
    min_characters: Annotated[int, Field(ge=0)] = 100  # a document of which less would be left is dropped


class Quality(_Settings):
    """What a document's quality is: which of copies stays, what stands in shards, and what divides domains."""

    classifier: Name | None = None  # name of the classifier whose score it is
    tiers: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(max_length=9)] = []  # least scores of q2, q3, …

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Quality":
        if self.tiers != sorted(set(self.tiers)):
            raise ValueError(f"tiers = {self.tiers}: they must ascend, each once")
        if self.tiers and self.classifier is None:
            raise ValueError("tiers are of a classifier's scores; name one in quality.classifier")
        return self

    @property
    def signal(self) -> str | None:
        """The signal of that score."""
        return None if self.classifier is None else f"{schema.CLASSIFIER}{self.classifier}"

    @property
    def numbers(self) -> range:
        """The numbers of the tiers."""
        return range(1, len(self.tiers) + 2) if self.tiers else range(0)


class Dedup(_Settings):
    """Copies by URL, by text, and near-duplicates."""

    url: bool = False
    exact: bool = True
    near: bool = True
    bands: Annotated[int, Field(ge=1, le=64)] = 14
    rows: Annotated[int, Field(ge=1, le=32)] = 8
    shingle: Annotated[int, Field(ge=1, le=32)] = 5
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    order: Annotated[list[Name], Field(max_length=255)] = []  # sources whose copies are preferred, the first foremost
    lines: SharedLines | None = None
    max_loss: Annotated[float, Field(ge=0, le=1)] = 0.5  # share of a source that copies take without a warning
    rehydrate: dict[ClusterSize, Annotated[int, Field(ge=1, le=100)]] = {}  # cluster size from which on → repeats

    @property
    def permutations(self) -> int:
        return self.bands * self.rows

    @property
    def rehydration(self) -> tuple[tuple[int, int], ...]:
        """(cluster size, repeats from it on), by ascending size."""
        return tuple(sorted((int(size), repeats) for size, repeats in self.rehydrate.items()))


class Exam(_Settings):
    """A benchmark whose items are looked for in the documents."""

    name: Name
    format: ExamFormat
    files: Annotated[list[str], Field(min_length=1)]  # paths or globs
    parts: Annotated[list[ExamPart], Field(min_length=1)] = ["question", "passage", "options", "answer"]


class Decontaminate(_Settings):
    """Evaluation items in documents: which are looked for, and what is done with a document that has one."""

    exams: Annotated[list[Exam], Field(min_length=1)]
    words: Annotated[int, Field(ge=3, le=100)] = 13
    characters: Annotated[int, Field(ge=8, le=100)] = 20
    whole_words: Annotated[int, Field(ge=3, le=100)] = 8
    whole_characters: Annotated[int, Field(ge=8, le=100)] = 12
    coverage: Annotated[float, Field(ge=0.1, le=1)] = 0.5
    action: Literal["drop", "cut", "mark"] = "drop"

    @pydantic.model_validator(mode="after")
    def _check_across(self) -> "Decontaminate":
        names = [exam.name for exam in self.exams]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"decontaminate: exam name {twice[0]!r} stands twice; names are unique")
        for whole, gram in (("whole_words", "words"), ("whole_characters", "characters")):
            if getattr(self, whole) > getattr(self, gram):
                raise ValueError(
                    f"decontaminate: {whole} = {getattr(self, whole)} is more than {gram} = {getattr(self, gram)}"
                )
        return self


class Privacy(_Settings):
    """What is done about personal data that `filters.privacy.pii` found, kind by kind: replaced by its token in what is tokenized,
    the document dropped, or nothing."""

    email: PersonalAction = "replace"
    ip: PersonalAction = "replace"
    mac: PersonalAction = "replace"
    iban: PersonalAction = "replace"
    resident_id: PersonalAction = "replace"
    uscc: PersonalAction = "keep"
    card: PersonalAction = "replace"
    imei: PersonalAction = "replace"
    hk_id: PersonalAction = "replace"
    tw_id: PersonalAction = "replace"
    mo_id: PersonalAction = "replace"
    passport: PersonalAction = "replace"
    travel_permit: PersonalAction = "replace"
    plate: PersonalAction = "replace"
    qq: PersonalAction = "replace"
    wechat: PersonalAction = "replace"
    bank_account: PersonalAction = "replace"
    phone: PersonalAction = "replace"


class Tokenizer(_Settings):
    """A model by path, or the settings of one to train."""

    model: str | None = None
    vocab_size: Annotated[int, Field(ge=300, le=1 << 20)] = 32_000
    model_type: Literal["unigram", "bpe"] = "unigram"
    sample_bytes: Annotated[int, Field(ge=1 << 16, le=64 * GIB)] = 256 * MIB
    weights: dict[Language, Annotated[float, Field(gt=0)]] = {}  # of languages in the sample; left out: as the text is
    num_threads: Annotated[int, Field(ge=1, le=64)] = 2  # part of the result: floats are added per thread


class Shards(_Settings):
    target_bytes: Annotated[int, Field(ge=1 << 14, le=16 * GIB)] = GIB


class Phase(_Settings):
    """A stretch of training: token budget, sequence length, batch, mixture."""

    name: Name
    tokens: Annotated[int, Field(ge=1)]
    sequence_length: Annotated[int, Field(ge=2, le=1 << 20)]
    batch_size: Annotated[int, Field(ge=1, le=1 << 20)] = 8  # sequences in a global batch
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}  # by token; left out: as the tokens are
    max_epochs: dict[str, Annotated[float, Field(gt=0)]] = {}  # domain → passes up to this phase's end; left out: 1

    def exact_weights(self) -> dict[str, Fraction]:
        """The weights as written in decimal, exactly."""
        return {domain: Fraction(repr(weight)) for domain, weight in self.weights.items()}


class Prices(_Settings):
    """What `corpus plan` reckons with."""

    currency: Annotated[str, Field(min_length=1, max_length=16)]
    core_hour: Annotated[float, Field(ge=0)]
    gigabyte_month: Annotated[float, Field(ge=0)]  # 10^9 bytes
    months: Annotated[float, Field(ge=0)] = 1.0  # for which the run directory is kept
    million_writes: Annotated[float, Field(ge=0)] = 0.0  # requests to a store
    million_reads: Annotated[float, Field(ge=0)] = 0.0


class Rule(_Settings):
    """Limits on one signal: a document outside them is dropped, for `reason`. None is off."""

    signal: str
    min: float | None = None
    max: float | None = None
    reason: str
    source: str = ""


class Variant(_Settings):
    """What a profile's rules are for some languages, laid over the rules that stand before it."""

    languages: Annotated[list[Language], Field(min_length=1)]
    rules: list[Rule] = []
    min: dict[str, float] = {}  # signal → another number for a rule that is there
    max: dict[str, float] = {}
    off: list[str] = []  # SIGNAL, SIGNAL.min, SIGNAL.max: rules that are there and not wanted
    source: str = ""  # of numbers that name none of their own


class Profile(_Settings):
    """Rules of the recipe's own, laid over the shipped profile of the same name: same signal replaces, else adds."""

    base: Name | None = None
    languages: Annotated[list[Language], Field(min_length=1)] = ["*"]
    rules: list[Rule] = []
    variant: list[Variant] = []  # in order, each over what stands before it

    def named_rules(self) -> Iterator[tuple[tuple[int | str, ...], Rule]]:
        """(place in the profile, rule) of all its rules, those of its variants included."""
        yield from ((("rules", number), rule) for number, rule in enumerate(self.rules))
        for which, variant in enumerate(self.variant):
            yield from ((("variant", which, "rules", number), rule) for number, rule in enumerate(variant.rules))


class Recipe(_Settings):
    """Every setting of a build; see docs/recipe.md."""

    run: Run
    source: Annotated[list[Source], Field(min_length=1)]
    addition: list[Addition] = []  # in the order in which they came
    extract: Extract = Extract()
    normalise: Normalise = Normalise()
    line_rules: LineEdits = LineEdits()
    language: LanguageIdentification = LanguageIdentification()
    quality: Quality = Quality()
    dedup: Dedup = Dedup()
    decontaminate: Decontaminate | None = None
    classifier: list[Classifier] = []
    word_list: list[WordList] = []
    perplexity: list[Perplexity] = []
    privacy: Privacy = Privacy()
    tokenizer: Tokenizer = Tokenizer()
    shards: Shards = Shards()
    phase: list[Phase] = []
    prices: Prices | None = None
    profiles: dict[Name, Profile] = {}

    @pydantic.model_validator(mode="before")
    @classmethod
    def _check_secrets(cls, values: Any) -> Any:
        """What a recipe names is stored in the run, and printed: no URL in it has a password or token."""
        for place, url in _strings(values, ""):
            if "://" in url and redacted(url) != url:
                raise ValueError(
                    f"{place}: {redacted(url)!r} has a secret in it, which a run would store; leave it out, and give it in the "
                    "environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY) or in fsspec's "
                    "configuration (~/.config/fsspec)"
                )
        return values

    @pydantic.model_validator(mode="after")
    def _check_across(self, info: pydantic.ValidationInfo) -> "Recipe":
        if info.context is not OF_A_RUN and (found := list(self._mistakes())):
            raise MistakesError(found)
        return self

    def _mistakes(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """(place, what is wrong) of what no table can see alone."""
        for table in ("source", "addition", "classifier", "word_list", "perplexity", "phase"):
            names = [each.name for each in getattr(self, table)]
            for number, name in enumerate(names):
                if name in names[:number]:
                    yield (table, number, "name"), f"{table} name {name!r} stands twice; names are unique"
        classifiers = [classifier.name for classifier in self.classifier]
        if self.quality.classifier is not None and self.quality.classifier not in classifiers:
            yield (
                ("quality", "classifier"),
                f"quality.classifier = {self.quality.classifier!r}: no [[classifier]] has this name; there are {classifiers}",
            )
        sources = {source.name for source in self.source}
        for number, source in enumerate(self.source):
            if source.dedup.lines and self.dedup.lines is None:
                yield (
                    ("source", number, "dedup", "lines"),
                    f"source {source.name!r}: dedup.lines = true wants a table [dedup.lines]",
                )
        for number, name in enumerate(self.dedup.order):
            if name not in sources or name in self.dedup.order[:number]:
                wrong = "stands twice" if name in sources else f"is no source; there are {sorted(sources)}"
                yield ("dedup", "order"), f"dedup.order: {name!r} {wrong}"
        for number, addition in enumerate(self.addition):
            for name in sorted(addition.inputs.keys() - sources):
                yield (
                    ("addition", number, "inputs", name),
                    f"addition {addition.name!r}: inputs names {name!r}; allowed is a source of {sorted(sources)}",
                )
        for language in self.tokenizer.weights:
            if not self.run.wants(language):
                yield ("tokenizer", "weights", language), f"tokenizer.weights names {language!r}, {self._not_wanted}"
        for name, profile in self.profiles.items():
            for place, rule in profile.named_rules():
                if rule.min is not None and rule.max is not None and rule.min > rule.max:
                    yield (
                        ("profiles", name, *place),
                        f"profile {name!r}: {rule.signal} has min = {rule.min:g} above max = {rule.max:g}, "
                        "which drops every document",
                    )
        for number, phase in enumerate(self.phase):
            yield from ((("phase", number, *place), what) for place, what in self._mistakes_of_phase(phase, sources))

    def _mistakes_of_phase(self, phase: Phase, sources: Set[str]) -> Iterator[tuple[tuple[int | str, ...], str]]:
        wrong = set()
        for table, keys in (("weights", phase.weights), ("max_epochs", phase.max_epochs)):
            for domain in keys:
                if (refusal := self._wrong_domain(domain, sources)) is not None:
                    wrong.add(domain)
                    yield (table, domain), f"phase {phase.name!r}: {table} names {domain!r}; {refusal}"
        for domain in sorted(phase.weights.keys() - wrong):
            if (whole := names_of(domain)[-1]) != domain and whole in phase.weights:
                yield (
                    ("weights", domain),
                    f"phase {phase.name!r}: weights names {domain!r} and {whole}, which has it in; "
                    "give one weight to all tiers, or one to each",
                )
        if phase.weights:
            total = sum(phase.exact_weights().values(), start=Fraction(0))
            if abs(total - 1) > Fraction(1, 1_000_000):
                yield (
                    ("weights",),
                    f"phase {phase.name!r}: weights sum to {float(total):.6g}; they must sum to 1",
                )
        if phase.tokens < phase.sequence_length * phase.batch_size:
            yield (
                ("tokens",),
                f"phase {phase.name!r}: tokens = {phase.tokens} is less than one step of "
                f"batch_size × sequence_length = {phase.batch_size * phase.sequence_length}",
            )

    @property
    def _not_wanted(self) -> str:
        return f"a language that run.languages = {self.run.languages} does not want: no document of it is kept"

    def _wrong_domain(self, domain: str, sources: Set[str]) -> str | None:
        """What is wrong with a phase's name of domains, if anything is."""
        source, _, rest = domain.partition(".")
        named = re.fullmatch(r"([a-z]{2,3}(?:_[A-Za-z]{4})?)(?:\.q([1-9][0-9]?))?", rest)
        if source not in sources or named is None:
            code = language_code(rest)
            meant = f"; write {source}.{code}" if source in sources and code else ""
            return f"allowed is SOURCE.LANGUAGE with a source of {sorted(sources)}, or SOURCE.LANGUAGE.qTIER{meant}"
        if not self.run.wants(named[1]):
            return self._not_wanted
        if named[2] is not None and int(named[2]) not in self.quality.numbers:
            made = f"q1 to q{self.quality.numbers[-1]}" if self.quality.numbers else "none"
            return f"quality.tiers = {self.quality.tiers} makes {made}"
        return None

    @property
    def scorers(self) -> tuple[ScorerTable, ...]:
        """The tables of what scores documents, in the order of their signals."""
        return (*self.classifier, *self.word_list, *self.perplexity)

    @property
    def scored_signals(self) -> tuple[str, ...]:
        return signals_of(self.scorers)

    def deduplicated(self, kind: CopyKind) -> frozenset[str]:
        """The sources whose documents are dropped as copies of a kind, or whose lines are compared."""
        default = bool(getattr(self.dedup, kind))
        own = {source.name: getattr(source.dedup, kind) for source in self.source}
        return frozenset(name for name, value in own.items() if (default if value is None else value))

    def source_named(self, name: str) -> Source:
        return next(source for source in self.source if source.name == name)


def fingerprint(*parts: Any) -> str:
    """16 hex digits of a canonical JSON of settings: equal settings, equal fingerprint, on every machine.

    Accepts settings models, mappings, sequences, strings, integers, finite floats, booleans and None.
    """
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8, person=b"corpus-settings"[:16]).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a fingerprint takes finite numbers, not {value}")
    return value


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """(place, string) of every string in tables and lists."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _strings(each, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each, place)
