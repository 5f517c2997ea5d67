"""A worker's failure, as a user reads it."""

from corpus.errors import BuildError
from pipelines.running.runners import translate


def test_a_vanished_input_is_named_with_its_remedy() -> None:
    trace = "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No such file or directory: '/in/a.warc.gz' [while running 'x']"
    error = translate(RuntimeError(trace), "extract")
    assert isinstance(error, BuildError)
    assert str(error) == (
        "stage extract failed: /in/a.warc.gz is gone; put it back and give the same command; everything finished is kept"
    )
