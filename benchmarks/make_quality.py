"""Writes docs/quality.md: what the package gets right on texts and pages that nobody here wrote, each table by its own command.

    python benchmarks/make_quality.py ../shared/data [--only charsets,pii]

DATA is a folder of test data that is no part of this repository (the README of each set says where it is from). A section that is
not made again stays as it stands. `make quality DATA=…` calls this.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "quality.md"

HEAD = """# Quality

What the package gets right on data that nobody here wrote. Each table is printed by the command above it, on the open halves of the
sets, which are not part of this repository; `make quality DATA=…` makes the page again. Where something was learned or chosen on
the same open half, the section says so: expect less on other data.
"""

#: Name of a section → (its title, what is to be known, arguments of the benchmark; DATA stands for the folder).
SECTIONS = {
    "charsets": (
        "Charsets",
        "Whole pages that are decoded exactly. The counts of letters were made from sentences of the same collection; with half of "
        "them held back .994 of charsets2 were right.",
        ["bench_charsets.py", "DATA", "--markdown"],
    ),
    "language": (
        "Languages",
        "Sentences and paragraphs of lid, and the short texts of lid2 by category, beside the bare fastText model.",
        ["bench_language.py", "DATA", "--markdown"],
    ),
    "pii": (
        "Personal data",
        "A find is right where kind and both ends are. The tables of kinds were written with this half at hand.",
        ["bench_pii.py", "--markdown", "--data", "DATA"],
    ),
    "rules": (
        "Rules and spam",
        "Bad documents dropped and good ones kept by profile `web`. The spam classifier learned nothing from these texts; its limit "
        "and those of some rules were chosen on them.",
        ["bench_rules.py", "DATA", "--markdown"],
    ),
    "kept": (
        "Code, headings and rows that stay",
        "The share of what stands in a page's main content that is in its text, by family of documentation; of every twentieth page.",
        ["bench_kept.py", "DATA/pages", "--markdown", "--every", "20"],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", help="names of sections, with commas between them")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else list(SECTIONS)
    before = sections_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    parts = [HEAD]
    for name, (title, note, command) in SECTIONS.items():
        if name in wanted:
            parts.append(section(title, note, command, arguments.data))
        elif title in before:
            parts.append(before[title])
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def sections_of(page: str) -> dict[str, str]:
    """Title → the text of each section, its heading included."""
    found = {}
    for text in page.split("\n## ")[1:]:
        found[text.partition("\n")[0]] = f"## {text.rstrip()}\n"
    return found


def section(title: str, note: str, command: list[str], data: Path) -> str:
    script, *rest = command
    done = subprocess.run(
        [sys.executable, str(HERE / script), *(each.replace("DATA", str(data)) for each in rest)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: a figure is below its aim, which the table shows
        raise SystemExit(f"{script} ended with {done.returncode}")
    shown = " ".join(("benchmarks/" + script, *rest))
    return f"## {title}\n\n`{shown}`\n\n{note}\n\n{done.stdout.strip()}\n"


if __name__ == "__main__":
    main()
