"""Which optional packages are installed, for tests that want one."""

import importlib.metadata

import pytest

try:
    importlib.metadata.version("ufal.kenlm")
    KENLM = True
except importlib.metadata.PackageNotFoundError:
    KENLM = False
needs_kenlm = pytest.mark.skipif(not KENLM, reason="needs the extra perplexity: pip install ufal.kenlm")
