"""Secrets in URLs: user and password (`s3://key:secret@bucket`), and the tokens and signatures of queries.

They are for opening a file, and for nothing that is stored or printed. `redacted` puts *** in their place; a text without
them comes back as it is.
"""

import re

#: What is said in place of a secret.
HIDDEN = "***"

# Of user and password the user too: a key's id, or a token that stands alone. Up to the last @ before the path.
# A key of Amazon has slashes in it, which stand in no user; behind a port a path begins.
_USER_OF_URL = re.compile(r"(?<=://)(?:[^/?#\s]{1,4096}@|[^/?#\s:@]{1,256}:(?!\d{1,5}/)[^?#\s@]{1,256}@)")
_SECRET_NAMES = (
    "access_?token|auth|authorization|aws_?access_?key_?id|credential|key|api_?key|pass|passwd|password|secret|sas|sig|signature"
    "|token|x-(?:amz|goog)-(?:credential|signature|security-token)|(?:aws_?)?secret_?(?:access_?)?key|account_?key"
)
# Where a message goes on behind a URL.
_END = r"[:),.'\"]{0,3}(?:\s|\Z)"
_SECRET_OF_QUERY = re.compile(
    rf"([?&;](?:{_SECRET_NAMES})=)(?!{_END})[^&;#\s\"'()<>]{{1,4096}}?(?={_END}|[&;#\"'()<>])", re.IGNORECASE
)


def redacted(text: str) -> str:
    """A text without the secrets of the URLs in it: user and password, and tokens and signatures of queries."""
    return _SECRET_OF_QUERY.sub(rf"\1{HIDDEN}", _USER_OF_URL.sub(f"{HIDDEN}@", text))
