"""A call that dies, fails, or is refused in a child is one error in the process that asked."""

from pathlib import Path

import pytest

from corpus.errors import InputError
from corpus.processes import trial
from corpus.text.sentence_pieces import check_pieces


def test_what_ends_a_process_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    trial.try_call("os.path:exists", str(tmp_path))
    with pytest.raises(InputError, match=r"a/model: .*died \(signal 9\).*get it again"):
        _try("def f(path): os.kill(os.getpid(), 9)", tmp_path, "a/model")
    with pytest.raises(InputError, match=r"a/model: .*died \(exit code 1\)"):
        _try("def f(path): raise RuntimeError", tmp_path, "a/model")
    with pytest.raises(InputError, match=r"^no model$"):
        _try("from corpus.errors import InputError\ndef f(path): raise InputError('no model')", tmp_path, "a/model")


def test_a_child_that_does_not_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_SECONDS", 1)
    with pytest.raises(InputError, match=r"a/model: reading it did not end in 1 s"):
        _try("import time\ndef f(path): time.sleep(99)", tmp_path, "a/model")


def _try(code: str, folder: Path, path: str) -> None:
    (folder / "tried.py").write_text(f"import os\n{code}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        trial.try_call("tried:f", path)


@pytest.mark.parametrize("data", [b"", b"\x0a\x03abc", bytes(99), b"\xff" * 300])
def test_what_is_no_model_of_pieces_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.model").write_bytes(data)
    with pytest.raises(InputError, match=r"m\.model: ") as caught:
        check_pieces(str(tmp_path / "m.model"))
    assert "\n" not in str(caught.value)
