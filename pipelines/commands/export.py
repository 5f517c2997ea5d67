"""`corpus export`: the kept texts of a run as files for other programs."""

import click

from corpus.storage.run_directory import RunDirectory
from pipelines.report.run_settings import say_versions
from pipelines.report.text_export import Form, export_texts
from pipelines.terminal import progress_of, say


@click.command()
@click.argument("run")
@click.argument("out")
@click.option("--to", "form", type=click.Choice(["jsonl", "parquet"]), default="jsonl", show_default=True)
def export(run: str, out: str, form: Form) -> None:
    """Writes the kept documents of a run as text files, as they are trained on.

    Texts are what `tokenize` reads: contaminated passages and shared lines are cut, personal data is replaced. (`corpus show`
    prints texts as they were extracted.) OUT, a folder or an fsspec URL, gets a file for each work item. After Ctrl-C the same
    command goes on: a file that is there is whole, and is not written again.

    \b
    Examples
      corpus export runs/demo texts/
      corpus export runs/demo texts/ --to parquet
      python -c "import datasets; datasets.load_dataset('parquet', data_files='texts/*.parquet')"
    """
    directory = RunDirectory(run.rstrip("/"))
    say_versions(directory)
    with progress_of("export") as watch:
        written, documents = export_texts(directory, out.rstrip("/"), form, progress=watch)
    say(f"{out}: {written:,} files written, {documents:,} documents in them", err=False)
