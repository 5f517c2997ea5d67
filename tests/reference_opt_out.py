"""What a page's wishes say to a source, read from the page with the source's settings in hand: in the order of the page.

The rules are corpus.pages.opt_out's; here no wish is kept, named or bounded on the way.
"""

import re
from collections.abc import Sequence

from corpus.pages.opt_out import OptOuts

ASKS = {"noindex": "noindex", "none": "noindex", "noai": "noai"}
VALUED = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def reference_asked(outs: OptOuts, headers: Sequence[tuple[str, str]], html: str) -> str | None:
    for name, value in headers:
        agent = ""
        for rule in value.split(",") if name == "x-robots-tag" else ():
            named = re.fullmatch(r"\s*([A-Za-z0-9_.*-]{1,64})\s*:(.*)", rule, re.DOTALL)
            if named and named[1].lower() in VALUED:
                continue
            if named:
                agent, rule = named[1].lower(), named[2]
            for wish in wishes(rule):
                if wish in outs.respect and (agent in ("", "*") or agent in outs.agents):
                    return f"X-Robots-Tag: {agent + ': ' if agent else ''}{wish}"
    metas = metas_of(re.sub(r"<!--(?:>|.*?(?:-->|\Z))", "", html, flags=re.DOTALL))
    for name, content in metas:
        for wish in wishes(content):
            if wish in outs.respect and (name == "robots" or name in outs.agents):
                return f"meta element {name}: {wish}"
    for where, pairs in (("meta element", metas), ("header", headers)):
        said = {value.strip() for name, value in pairs if name == "tdm-reservation"} & {"0", "1"}
        if said and "tdm" in outs.respect:
            return f"{where} tdm-reservation: 1" if "1" in said else None
    return None


def wishes(rules: str) -> list[str]:
    return [ASKS[word] for word in re.split(r"[\s,;]+", rules.lower()) if word in ASKS]


def metas_of(html: str) -> list[tuple[str, str]]:
    """(name in lower case, content) of every meta element that has a name."""
    found = []
    for tag in re.findall(r"<meta\b[^<>]{0,2000}>", html, re.IGNORECASE):
        given = re.findall(r"""\b(name|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", tag, re.IGNORECASE)
        attributes = {name.lower(): first or second or third for name, first, second, third in given}
        if "name" in attributes:
            found.append((attributes["name"].strip().lower(), attributes.get("content", "")))
    return found
