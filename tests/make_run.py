"""Makes the small run that lies in the tests, and that later versions must read: `python tests/make_run.py FOLDER`.

Made documents, every stage. To be called once a schema, for a new folder beside the others: none of them is ever made again.
"""

import json
import sys
from pathlib import Path

WORDS = [
    "the",
    "river",
    "carries",
    "water",
    "from",
    "the",
    "high",
    "hills",
    "to",
    "the",
    "sea",
    "and",
    "people",
    "along",
    "it",
    "have",
    "built",
    "towns",
    "with",
    "mills",
    "and",
    "bridges",
    "because",
    "boats",
    "could",
    "bring",
    "stone",
    "and",
    "grain",
    "to",
    "every",
    "house",
    "that",
    "stood",
    "near",
    "the",
    "banks",
    "of",
    "this",
    "old",
    "and",
    "quiet",
    "stream",
    "where",
    "children",
    "learn",
    "how",
    "fishermen",
    "mend",
    "their",
    "nets",
    "before",
    "winter",
    "comes",
    "with",
    "snow",
    "and",
    "ice",
    "that",
    "covers",
    "all",
    "paths",
]
RECIPE = """
[run]
name = "small"
languages = ["*"]

[[source]]
name = "notes"
kind = "other"
format = "jsonl"
inputs = ["notes.jsonl"]
profile = "none"

[[decontaminate.exams]]
name = "made"
format = "jsonl"
files = ["exam.jsonl"]

[[word_list]]
name = "river"
languages = ["*"]
files = ["words.txt"]

[dedup.lines]
site = 10

[tokenizer]
vocab_size = 320

[[phase]]
name = "only"
tokens = 512
sequence_length = 32
batch_size = 2
"""


def text_of(number: int) -> str:
    """Sentences whose words are turned by the number: no two texts are near copies."""
    words = [WORDS[(number * 7 + place * (number % 5 + 2)) % len(WORDS)] for place in range(160)]
    lines = [" ".join(words[begin : begin + 20]).capitalize() + "." for begin in range(0, 160, 20)]
    return "\n".join([*lines, f"Note {number} ends here for today and goes on next week."])


def write_inputs(folder: Path) -> Path:
    """The recipe, and what it names."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"n{k}", "url": f"https://made.example/{k}", "text": text_of(k)} for k in range(12)]
    rows.append({"id": "copy", "url": "https://made.example/copy", "text": text_of(3)})
    rows.append(
        {"id": "mail", "url": "https://made.example/mail", "text": text_of(20) + "\nWrite to ann.lee@made.org."}
    )
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    question = " ".join(text_of(5).split()[20:50])
    item = {"id": "q1", "question": question, "answer": "water"}
    (folder / "exam.jsonl").write_text(json.dumps(item) + "\n", encoding="utf-8")
    (folder / "words.txt").write_text("river\nboats\n", encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.toml"


if __name__ == "__main__":
    import tempfile

    from click.testing import CliRunner

    from pipelines.cli import main

    with tempfile.TemporaryDirectory() as place:
        recipe = write_inputs(Path(place) / "inputs")
        call = ["build", str(recipe), "--run-dir", sys.argv[1], "--workers", "1"]
        result = CliRunner().invoke(main, ["--debug", *call], catch_exceptions=False)
        print(result.output)
    # Copies of the language model, for workers: 1.9 MB that no reader looks at.
    for model in Path(sys.argv[1]).glob("stages/*/*/language.model"):
        model.unlink()
