"""What a command prints is obeyed by no terminal, and holds no secret."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from corpus.errors import RecipeError
from corpus.recipe.parsing import load_recipe
from corpus.redaction import redacted
from pipelines.cli import main
from pipelines.report.run_statistics import Funnel
from pipelines.report.tables import funnel_table, open_console, table_of

HOSTILE = [
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x1b]52;c;eA==\x1b\\",
    "\x7f",
    "\u202e",
    "\u2066",
    "\ud800",
    "a\rb",
    "\x08",
]
URLS = {
    "s3://AKIA:se/cr+et@bucket/a": "s3://***@bucket/a",
    "http://localhost:8080/@user": "http://localhost:8080/@user",
    "https://token@a.org/x": "https://***@a.org/x",
    "s3://AKIA:secret@bucket/a": "s3://***@bucket/a",
    "https://user:p%40ss@a.org/x?y=1": "https://***@a.org/x?y=1",
    "https://a.org/x?sig=abc&sv=1": "https://a.org/x?sig=***&sv=1",
    "https://a.org/x?X-Amz-Signature=ab&y=1": "https://a.org/x?X-Amz-Signature=***&y=1",
    "https://a.org/x?access_token=ab": "https://a.org/x?access_token=***",
    "az://c/x?SAS=abc": "az://c/x?SAS=***",
    "https://a.org/@user/x?page=1": "https://a.org/@user/x?page=1",
    "s3://bucket/a@b": "s3://bucket/a@b",
    "gs://bucket/a?key=": "gs://bucket/a?key=",
}


@pytest.mark.parametrize("url", URLS)
def test_secrets_of_urls_are_hidden_and_nothing_else_is(url: str) -> None:
    assert redacted(f"{url}: not found ({url})") == f"{URLS[url]}: not found ({URLS[url]})"


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_an_error_line_and_a_table_show_what_a_terminal_would_obey(
    hostile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = f"no{hostile}such.toml" if "\ud800" not in hostile else "no\x1bsuch.toml"
    done = CliRunner().invoke(main, ["build", recipe, "--run-dir", "x"])
    console = open_console()
    console.print(
        funnel_table([Funnel(stage=hostile, entered=1, kept=0, dropped={f"a{hostile}": 1}, failed={hostile: 1})])
    )
    console.print(table_of([f"column{hostile}"], [[hostile]], title=hostile))
    shown = done.output + capsys.readouterr().out
    assert done.exit_code == 2
    assert all(each.isprintable() or each == "\n" for each in shown)


def test_every_line_of_a_command_goes_through_one_function(repository: Path) -> None:
    """JSON has its own: pipelines.report.terminal_text.json_line."""
    found = []
    for path in sorted((repository / "pipelines").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "click.secho", "print"):
                argument = ast.unparse(node.args[0]) if node.args else ""
                if path.name != "terminal.py" and not argument.startswith(("json_line(", "'", '"', "_as_toml(")):
                    found.append(f"{path.name}:{node.lineno}: {argument}")
    assert not found


@pytest.mark.parametrize("url", ["s3://AKIA:sEcReT@bucket/*.warc", "https://a.org/x?sig=sEcReT"])
def test_a_recipe_with_a_secret_is_refused_without_printing_it(tmp_path: Path, url: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f'[[source]]\nname = "a"\ninputs = ["{url}"]\n')
    with pytest.raises(RecipeError, match=r"source\.inputs: .*has a secret in it.*AWS_ACCESS_KEY_ID") as caught:
        load_recipe(path, {})
    assert "sEcReT" not in str(caught.value)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "build", path, "--run-dir", tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "sEcReT" not in done.stdout + done.stderr
