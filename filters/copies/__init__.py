"""Exact and near-duplicates, shared lines: the arithmetic of deduplication."""
