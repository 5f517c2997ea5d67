"""The settings that the finished stages of a run were made with.

`recipe.json` is what the latest call was given, which may have stopped before the stages that use a changed setting. Each
stage's manifest holds the recipe under which it was last found complete; the last finished stage's was in force for it and
for every stage before it.
"""

from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import NAMES


def settings_in_force(run: RunDirectory) -> Recipe:
    """The recipe of the last finished stage. Raises RunDirectoryError for what is no run directory."""
    for name in reversed(NAMES):
        if run.has_stage(name):
            manifest = run.stage_manifest(name)
            if "recipe" in manifest:
                return parse_recipe(manifest["recipe"], run.path("stages", f"{name}.json"))
    return parse_recipe(run.read_json("recipe.json"), run.path("recipe.json"))
