"""E-mail and IP addresses in a window of text.

An e-mail address ends in a top-level domain that exists (top_level_domains.txt), and is no user of a machine (`git@host:path`,
`ssh://user@host`), package (`pkg@1.2.3`), picture (`icon@2x.png`) or handle (`@user@host`). Addresses under the domains
that are reserved for documentation and tests (RFC 2606, RFC 6761: example.com, .test …) belong to nobody.

An IP address is public: special-purpose ranges (the IANA registries of RFC 6890; private, loopback, link-local, shared,
documentation, multicast …) belong to nobody either. `ipaddress.is_global` is not used: it differs between Pythons. Of IPv6,
2000::/3 alone is in use. Four numbers that look like a version, or stand where one would, are none.
"""

import ipaddress
import re
from functools import cache
from pathlib import Path

from filters.privacy.number_context import AFTER_CHARACTERS, BEFORE_CHARACTERS, LETTERS

# ------------------------------------------------------------------------------------------------ e-mail

MOST_LOCAL_CHARACTERS = 64

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+'-")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}(?:[Xx][Nn]--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,18})"
)
_GLUED = re.compile(r"[a-z]{2,18}(?=[A-Z])")
_PATH = re.compile(r":(?:[/~]|[A-Za-z0-9._-]{1,64}/)|//")
#: `ssh://user@host`; and a message's id as the path of a URL.
_USER_OF_URL, _PATH_OF_URL = re.compile(r"://[^\s/@]{0,64}$"), re.compile(r"://[^\s]{1,150}/$")
_RESERVED = re.compile(r"(?:^|\.)example(?:\.(?:com|net|org|edu))?$", re.IGNORECASE)
#: Users that are programs.
_ROBOTS = frozenset({"git", "hg", "svn", "cvs"})
#: What `@` follows in code: Kotlin's `this@Outer`, `return@label`, Swift's `self`, digests of images.
_KEYWORDS = frozenset({"this", "super", "return", "break", "continue", "self", "cls", "yield", "await"})
_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512", "md5"})
#: Top-level domains that are also names of methods and properties: `W@x.to(device)`, `a@B.name`.
_MEMBERS = frozenset(
    (  # noqa: SIM905
        "app at call cat data dev dot fit foo id in info is it link live map me my name new next no now one page pro "
        "run show so st study sy systems to tools top training tt type vc view watch work works zip mt as do cc ml nu "
        "py rs sh"
    ).split()
)
_CALL = re.compile(r"\([ -~]|\[|\s?(?:=[^=]|\+=|==|\*|\{)")
_CAPITALISED = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)?$|[A-Z]$|[a-z]$")
#: Endings that are also those of files, of `sprite@2x.zip`.
_FILE_ENDINGS = frozenset({"app", "cc", "java", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})


@cache
def top_level_domains() -> frozenset[str]:
    """ASCII top-level domains in lower case."""
    lines = Path(__file__).with_name("top_level_domains.txt").read_text(encoding="ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def email_at(text: str, at: int) -> tuple[int, int] | None:
    """[begin, end) of the e-mail address whose `@` is at a place of a folded window, None where there is none."""
    begin = at
    while begin > 0 and text[begin - 1] in _LOCAL and at - begin <= MOST_LOCAL_CHARACTERS:
        begin -= 1
    before = text[begin - 1] if begin else ""
    while begin < at and text[begin] in ".%+'-":
        begin += 1
    if not 0 < at - begin <= MOST_LOCAL_CHARACTERS or text[at - 1] in ".%'" or ".." in text[begin:at]:
        return None
    if before == "@" or text[begin:at].lower() in _ROBOTS:
        return None
    match = _DOMAIN.match(text, at + 1)
    if match is None:
        return None
    labels = match[0].split(".")
    # `name@host.com.Then`, `name@host.comThen`: what goes on without a space.
    while len(labels) > 1 and not is_top_level(labels[-1]):
        glued = _GLUED.match(labels.pop())
        if glued is not None and is_top_level(glued[0]):
            labels.append(glued[0])
    domain = ".".join(labels)
    end = at + 1 + len(domain)
    if len(labels) < 2 or is_reserved(domain) or (labels[-1].lower() in _FILE_ENDINGS and labels[-2][0].isdigit()):
        return None
    if text[begin:at] in _KEYWORDS or labels[-2] in _DIGESTS or _is_code(text, labels, end):
        return None
    after = text[end : end + 1]
    if after and (
        (_is_word(after) and not after.isupper())
        or after in "@_"
        or (after == "-" and _is_word(text[end + 1 : end + 2]))
    ):
        return None
    if _PATH.match(text, end) or _USER_OF_URL.search(text, max(0, begin - 80), begin):
        return None
    if before == "/" and begin > 1 and _is_word(text[begin - 2]) and _CONNECTS.search(text, max(0, begin - 40), begin):
        return None
    if before == "/" and _PATH_OF_URL.search(text, max(0, begin - 160), begin):
        return None
    return begin, end


#: `sqlplus scott/tiger@orcl.world`: a user and a password.
_CONNECTS = re.compile(
    r"(?:sqlplus|sqlldr|expdp|impdp|exp|imp|connect|conn|rman|rman target|jdbc\S*)\s+\S{0,24}/$", re.IGNORECASE
)


def _is_code(text: str, labels: list[str], end: int) -> bool:
    """Whether `@` is an operator or a label of code: a member of a value follows it, not a domain."""
    last, host = labels[-1], labels[-2]
    if last.lower() != last and last.upper() != last:  # `K.mT`; `Company.Com` is written so too
        return last != last.capitalize() or len(host) == 1
    if last.lower() not in _MEMBERS or last.isupper():
        return False
    return bool(_CALL.match(text, end)) or (len(labels) == 2 and _CAPITALISED.match(host) is not None)


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def is_reserved(domain: str) -> bool:
    """Whether a domain is one of those that documentation uses (RFC 2606), or below one."""
    return _RESERVED.search(domain) is not None


def is_top_level(label: str) -> bool:
    """Whether a label is a top-level domain, in ASCII."""
    name = label.lower()
    return name in top_level_domains() or name.startswith("xn--")


# ------------------------------------------------------------------------------------------------ IP

#: IPv4 ranges that are no public host's, as first and last address (IANA's special-purpose registry; 224/4, 240/4).
_SPECIAL_NETWORKS = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 "
    "192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
)
_SPECIAL_V4 = tuple(
    (int(network[0]), int(network[-1])) for network in map(ipaddress.IPv4Network, _SPECIAL_NETWORKS.split())
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")))

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = re.compile(
    rf"(?:(?<![0-9A-Za-z_.])|(?<=(?<![A-Za-z])[Ii][Pp]))(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9A-Za-z_])(?!\.[0-9A-Za-z])"
)
_RANGE = re.compile(rf"- ?(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9])")
_V6 = re.compile(r"[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}")

#: Versions and section numbers seldom have two numbers of this size.
SMALL_OCTET = 40

_ADDRESS_WORD = re.compile(
    rf"(?<![{LETTERS}])(?:ips?|ipv[46]|address(?:es)?|addr|hosts?|servers?|dns|nameservers?|resolvers?|gateway|ping|traceroute|"
    rf"whois|proxy|ports?|from|client|peer|inet|route|subnet|firewall|ssh|telnet|connect(?:ed|ion)?|login|logged)(?![{LETTERS}])"
    rf"[^{LETTERS}\n]{{0,24}}(?:[{LETTERS}]{{1,12}}[^{LETTERS}\n]{{0,24}})?$"
    r"|(?:地址|服务器|伺服器|主机|主機|域名|解析|代理|端口|网关|登录|登入|游客|来自|网段|访问)[^\n]{0,12}$",
    re.IGNORECASE,
)
_VERSION_WORD = re.compile(
    rf"(?<![{LETTERS}])(?:v|ver|vers|versions?|releases?|rev|revision|build|firmware|fw|kernel|sdk|update|upgraded?|sections?|sect|"
    rf"chapter|clause|table|figure|fig|oid|database)(?![{LETTERS}])[\W\d_]{{0,24}}"
    rf"(?:(?:and|or|to|of|no|from|is|was)(?![{LETTERS}])[\W\d_]{{0,24}}){{0,3}}$"
    r"|(?:版本|版|版本号|升级[到至]|更新[到至]|[第表图见节条章§])[\W\d_]{0,3}$",
    re.IGNORECASE,
)
_VERSION_AFTER = re.compile(
    r"\s?(?:版|节|条|章|以[上下]版本)|[-~+][0-9]|[-~+.]?(?:alpha|beta|rc|dev|pre|post|rel|deb|ubuntu|el[0-9]|fc[0-9]|tar|zip|exe)",
    re.IGNORECASE,
)
_PORT_OR_MASK = re.compile(r":[0-9]{2,5}(?![0-9])|/[0-9]{1,2}(?![0-9])")
#: `foo-1.2.3.4`, `foo/1.2.3.4`; not the end of a range, nor `src=1.2.3.4`.
_PART_OF_NAME = re.compile(r"[A-Za-z)][-/]$|[-#§=]$")
_AFTER_ADDRESS = re.compile(r"[0-9] ?-$|\b(?:ip|host|addr|server|src|dst)=$", re.IGNORECASE)
_MONEY = re.compile(r"[€$£¥￥]\s?$")
_MONEY_AFTER = re.compile(r"\s?(?:[€$£¥￥]|eur|usd|euro|kr)\b", re.IGNORECASE)


def addresses_v4(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """[begin, end) of each public IPv4 address that begins in this part of a folded window."""
    found = []
    for match in _V4.finditer(text, begin):
        if match.start() >= end:
            break
        octets = [int(octet) for octet in match[0].split(".")]
        value = int.from_bytes(bytes(octets), "big")
        if any(first <= value <= last for first, last in _SPECIAL_V4):
            continue
        if _is_address(text, match.start(), match.end(), sum(octet < SMALL_OCTET for octet in octets) >= 3):
            found.append(match.span())
    return found


def _is_address(text: str, begin: int, end: int, like_version: bool) -> bool:
    before, after = text[max(0, begin - BEFORE_CHARACTERS) : begin], text[end : end + AFTER_CHARACTERS]
    if _MONEY.search(before) or _MONEY_AFTER.match(after):
        return False
    written_as_one = before.endswith(("//", "@", "[")) or _PORT_OR_MASK.match(after)
    if _PART_OF_NAME.search(before) and not _AFTER_ADDRESS.search(before):
        return False
    if _RANGE.match(after):
        return True
    if _VERSION_AFTER.match(after) or _VERSION_WORD.search(before):
        return False
    return not like_version or bool(written_as_one or _ADDRESS_WORD.search(before))


def address_v6(text: str, begin: int) -> tuple[int, int] | None:
    """[begin, end) of the public IPv6 address that begins at a place of a folded window; with three groups at least."""
    match = _V6.match(text, begin)
    if match is None:
        return None
    written = match[0]
    if written.endswith(":") and not written.endswith("::"):
        written = written[:-1]
    end = begin + len(written)
    after = text[end : end + 1]
    if after and (_is_word(after) or after in "_:" or (after == "." and _is_word(text[end + 1 : end + 2]))):
        return None
    if sum(map(bool, written.split(":"))) < 3:
        return None
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return None
    if address not in _PUBLIC_V6 or any(address in network for network in _SPECIAL_V6):
        return None
    return begin, end
