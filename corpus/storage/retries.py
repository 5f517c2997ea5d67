"""Requests to a store: what passes by itself is tried again, and the last error names the object and says what to do.

Tried again are an answer of 408, 425, 429 or 5xx, a connection that was reset, cut short or not made, and a timeout; what a
driver tries again by itself (s3fs, gcsfs) comes on top. After each try the wait doubles, half of it by chance, so that
workers that were turned away together do not come back together. A wrong name is no matter for a second try, nor is a refusal.
"""

import errno
import secrets
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import TypeVar

from corpus.errors import StoreError

T = TypeVar("T")

#: With the waits below: a store that is gone is given up after a minute or two, whichever comes first.
TRIES = 8
GIVE_UP_SECONDS = 120.0
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0

_TRY_AGAIN = frozenset({408, 425, 429})
_NEVER_5XX = frozenset({501, 505})  # not implemented; version not supported
#: What s3fs makes of 500 and of 503, then what sockets say.
_ERRNOS = frozenset(
    {
        *(errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED),
        *(
            errno.EPIPE,
            errno.EHOSTUNREACH,
            errno.ENETUNREACH,
            errno.ENETDOWN,
            getattr(errno, "EREMOTEIO", errno.EAGAIN),
        ),
    }
)
#: By name, since drivers are optional: aiohttp, botocore, requests, urllib3, azure.
_BROKEN_CONNECTIONS = frozenset(
    {
        *("ClientConnectionError", "ClientPayloadError", "ServerTimeoutError", "HTTPClientError", "IncompleteRead"),
        *("IncompleteReadError", "ResponseParserError", "ConnectionError", "ChunkedEncodingError", "ProtocolError"),
        *("ServiceRequestError", "ServiceResponseError", "FSTimeoutError", "ResponseStreamingError"),
    }
)
_NO_CREDENTIALS = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"),
        *("DefaultCredentialsError", "RefreshError", "TokenRetrievalError", "UnauthorizedSSOTokenError"),
    }
)


class CutShortError(ConnectionError):
    """Raised where a store sent fewer bytes than it said: a connection that broke, to be tried again."""


def retried(url: str, action: Callable[[], T]) -> T:
    """What `action` returns, a request about `url` that does no harm when it is made twice.

    Raises StoreError where the store does not answer, or refuses; any other error as it is, FileNotFoundError included.
    """
    if "://" not in url or url.startswith("file://"):
        return action()
    began = monotonic()
    for tried in range(1, TRIES + 1):
        try:
            return action()
        except Exception as error:
            refusal = _refusal(url, error)
            if refusal is not None:
                raise refusal from error
            if not is_passing(error):
                raise
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (tried - 1))
            wait *= 0.5 + secrets.randbelow(1 << 20) / (1 << 21)
            gone = monotonic() - began
            if tried == TRIES or gone + wait > GIVE_UP_SECONDS:
                raise StoreError(
                    f"{url}: the store does not answer ({_reason(error)}; {tried} tries in {gone:.0f} s); "
                    f"run the same command again when it does"
                ) from error
            sleep(wait)
    raise AssertionError("unreachable")


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    for each in _chain(error):
        if _is_broken_connection(each):
            return True
        status = _status(each)
        if status is not None:
            return status in _TRY_AGAIN or (status >= 500 and status not in _NEVER_5XX)
    return False


def _is_broken_connection(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNOS:
        return True
    return not _BROKEN_CONNECTIONS.isdisjoint(_names(error))


def _refusal(url: str, error: BaseException) -> StoreError | None:
    """The error to raise where the store does not let us in."""
    protocol = url.partition("://")[0]
    for each in _chain(error):
        status = _status(each)
        if status == 401 or not _NO_CREDENTIALS.isdisjoint(_names(each)):
            return StoreError(f"{url}: no valid credentials ({_reason(each)}); {_remedy(protocol)}")
        if status == 403 or (status is None and isinstance(each, PermissionError)):
            return StoreError(f"{url}: access is denied ({_reason(each)}); {_remedy(protocol)}")
    return None


def _remedy(protocol: str) -> str:
    if protocol in ("s3", "s3a"):
        return (
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of somebody who may; "
            "for public data FSSPEC_S3_ANON=true"
        )
    if protocol in ("gs", "gcs"):
        return "set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`"
    return "give the store's driver the credentials of somebody who may"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was raised from, the last first."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error of aiohttp, botocore, gcsfs, azure or requests carries."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(error, "status", None) or getattr(error, "status_code", None)
        found = found or getattr(response, "status_code", None) or getattr(error, "code", None)
    try:
        number = int(found)  # gcsfs has it as text
    except (TypeError, ValueError):
        return None
    return number if 400 <= number <= 599 else None


def _names(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


def _reason(error: BaseException) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]
