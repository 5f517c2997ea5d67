"""Small changes of a parsed page that lxml has no call for."""

from lxml.html import HtmlElement  # type: ignore[import-untyped]

VERSION = 1


def replace_with_text(element: HtmlElement, text: str) -> None:
    """Text where the element stood; its own tail follows."""
    parent = element.getparent()
    if parent is None:
        return
    text += element.tail or ""
    previous = element.getprevious()
    if previous is not None:
        previous.tail = (previous.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(element)


def remove(element: HtmlElement) -> None:
    """Takes the element out; its tail stays."""
    replace_with_text(element, "")


def unwrap(element: HtmlElement) -> None:
    """Takes the tags of an element away, not what is between them."""
    if element.getparent() is not None:
        element.drop_tag()


def become(element: HtmlElement, tag: str, text: str) -> None:
    """Turns an element into one of another tag with this text alone. Its attributes and its tail stay."""
    for child in list(element):
        element.remove(child)
    element.tag, element.text = tag, text


def first_text(element: HtmlElement) -> HtmlElement:
    """The element, of it and what it begins with, whose own text the reader sees first."""
    while not (element.text and not element.text.isspace()) and len(element):
        child = element[0]
        if not isinstance(child.tag, str) or child.tag in _WITHOUT_TEXT:
            break
        element = child
    return element


_WITHOUT_TEXT = frozenset(
    ("br", "img", "hr", "input", "script", "style", "table", "ul", "ol", "dl", "pre", "svg", "video")
)


def is_within(element: HtmlElement, others: set[HtmlElement]) -> bool:
    """Whether the element is one of the others or inside one."""
    return bool(others) and (element in others or not others.isdisjoint(element.iterancestors()))
