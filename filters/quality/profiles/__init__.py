"""Profiles of rules as data: one TOML file a profile; filters.quality.profile_files says what stands in it."""

from importlib import resources


def shipped_profiles() -> dict[str, str]:
    """profile name → text of its TOML file, in the order of names."""
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml"))
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in sorted(files, key=lambda file: file.name)
    }
