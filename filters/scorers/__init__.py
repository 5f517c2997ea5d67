"""Classifiers, perplexity and word lists of a recipe."""
