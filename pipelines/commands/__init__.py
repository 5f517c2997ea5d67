"""The sub-commands of `corpus`, a module each; pipelines.cli imports one when it is called."""
