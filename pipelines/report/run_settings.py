"""The settings that the finished stages of a run were made with.

`recipe.json` is what the latest call was given, which may have stopped before the stages that use a changed setting. Each
stage's manifest holds the recipe under which it was last found complete; the last finished stage's was in force for it and
for every stage before it.
"""

from corpus.recipe import Recipe
from corpus.recipe.parsing import StoredRecipe, parse_stored_recipe
from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_marker import writer_of_run
from corpus.written_by import UNKNOWN, this_version, writer_of
from pipelines.stage_list import NAMES
from pipelines.terminal import say


def settings_in_force(run: RunDirectory) -> Recipe:
    """The recipe of the last finished stage. Raises RunDirectoryError for what is no run directory."""
    return stored_settings(run).recipe


def stored_settings(run: RunDirectory) -> StoredRecipe:
    """The same, with the settings that this version does not know."""
    for name in reversed(NAMES):
        if run.has_stage(name):
            manifest = run.stage_manifest(name)
            if "recipe" in manifest:
                return parse_stored_recipe(manifest["recipe"], run.path("stages", f"{name}.json"))
    return parse_stored_recipe(run.read_json("recipe.json"), run.path("recipe.json"))


def say_versions(run: RunDirectory) -> None:
    """Says on standard error what there is to say of other versions: what a command prints stays what it is."""
    for note in version_notes(run):
        say(f"{run.url}: {note}")


def version_notes(run: RunDirectory) -> list[str]:
    """What to say of a run that other versions wrote: a line of the versions, one of the settings not known here; else []."""
    this, marked = this_version(), writer_of_run(run.url)
    made: dict[str, list[str]] = {}
    for name in NAMES:
        if run.has_stage(name):
            writer = writer_of(run.stage_manifest(name))
            # The marker speaks for stages whose manifest does not.
            made.setdefault(str(marked if writer == UNKNOWN else writer), []).append(name)
    others = {writer: names for writer, names in made.items() if writer != str(this)}
    notes = [f"written by {writer}: {', '.join(names)}; this is {this}" for writer, names in others.items()]
    if unknown := stored_settings(run).unknown:
        named = ", ".join(f"{key} = {value!r}" for key, value in sorted(unknown.items()))
        notes.append(f"settings that this version does not know: {named}")
    return notes
