"""A module a stage of a build."""
