"""What an input says of a document's language, beside what identification found.

A hint is a code with or without subtags: `en`, `eng`, `zh-TW`, `cmn_Hani`. Anything else is none.

- Where the model found no language or is UNSURE of it (a score below one half: it holds the languages it did not name for
  likelier), the hint's language takes the place of the model's. The score stays: a rule that asks for a sure language
  (`language_uncertain`) is not met by a hint.
- Where the recipe trusts the hints of a source, the hint's language holds, with score 1.
- Else a hint decides nothing. It stands in `documents/` in any case, as it was given.
"""

import dataclasses
import re

from filters.language.identification import UNDETERMINED, Identification, language_of_label

VERSION = 1

UNSURE = 0.5

_CODE = re.compile(r"([a-z]{2,3})((?:[-_][a-z0-9]{1,8})*)", re.IGNORECASE)
_CHINESE_FORMS = {"hans": "hans", "cn": "hans", "sg": "hans", "hant": "hant", "tw": "hant", "hk": "hant", "mo": "hant"}


def with_hint(found: Identification, hint: str | None, *, trusted: bool) -> Identification:
    """What a document's language is taken to be."""
    match = _CODE.fullmatch(hint.strip()) if hint else None
    if match is None:
        return found
    # As a label with a script: without one, language_of_label reads the codes of Wikipedia.
    language, _ = language_of_label(f"{match[1].lower()}_Zyyy")
    if language == UNDETERMINED or not (trusted or found.language == UNDETERMINED or found.score < UNSURE):
        return found
    script = found.script
    if language == found.second:
        found = dataclasses.replace(found, second="", second_share=0.0, code_switching=False)
    if language != found.language:
        forms = [_CHINESE_FORMS.get(tag, "") for tag in re.split("[-_]", match[2].lower())]
        script = next(filter(None, forms), "") if language == "zh" else ""
    return dataclasses.replace(found, language=language, score=1.0 if trusted else found.score, script=script)
