"""The exceptions a user can meet, each with the exit code of the command line.

Wrong arguments inside Python code raise ValueError or TypeError; these classes are for what a person can mend:
a recipe, an input, a run directory. Their message is one line that names the file and what to do.
"""


class CorpusError(Exception):
    """Raised when a command cannot do what it was asked; the base of all errors below."""

    exit_code = 3


class RecipeError(CorpusError):
    """Raised when a recipe, an argument or a profile says something that is not allowed."""

    exit_code = 2


class InputError(CorpusError):
    """Raised when an input or a model file is missing, empty or unreadable."""

    exit_code = 2


class RunDirectoryError(CorpusError):
    """Raised when a run directory belongs to something else, or lacks what a command needs."""

    exit_code = 2


class DamageError(CorpusError):
    """Raised when a file of a run is not what its record says: wrong checksum, schema or count."""

    exit_code = 1


class VersionError(CorpusError):
    """Raised when another version wrote a file of a run in a form that this one does not read; the file may be sound."""

    exit_code = 2


class BuildError(CorpusError):
    """Raised when a build stops after it began; everything finished stays and a second call goes on from there."""

    exit_code = 3


class StoreError(CorpusError, OSError):
    """Raised when a store gives no answer, or refuses one; says nothing about the file itself, which may be sound."""

    exit_code = 3

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""
