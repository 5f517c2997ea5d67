"""Profiles of rules as data: one TOML file a profile, read by filters.rules.

[[variant]]
name = "zh"                  # how other variants of the file name it as their base
base = "characters"          # optional: the variant it is laid over, which stands above it
languages = ["zh", "yue"]    # whom it judges; "*" is every language that no variant names; [] is a base only
rules = [                    # in order; a rule with neither min nor max removes the base's limits on the signal
  { signal = "characters", min = 200, reason = "too_few_characters", source = "paper or file of the number" },
]
"""

from importlib import resources


def shipped_profiles() -> dict[str, str]:
    """profile name → text of its TOML file, in the order of names."""
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml"))
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in sorted(files, key=lambda file: file.name)
    }
