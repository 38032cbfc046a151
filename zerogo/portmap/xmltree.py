# -*- test-case-name: zerogo.test.portmap.test_xmltree -*-
"""XML from a gateway, read with bounds: no document type, hence no entities; few elements, not deep, not long.

Names are without their prefix: gateways differ in namespaces, and the names we look for are unmistakable.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

from attrs import define, field

from zerogo.errors import ParseError

DOCUMENT_BYTES_LIMIT = 96 * 1024
ELEMENTS_LIMIT = 2000
DEPTH_LIMIT = 40


@define
class Element:
    """One element; `text` is what stands directly in it, without space around it."""

    name: str
    text: str = ""
    children: list[Element] = field(factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the document."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def find_text(self, name: str) -> str | None:
        """The text of the first element of that name, here or below."""
        return next((each.text for each in self.walk() if each.name == name), None)


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: object) -> None:
        self._count += 1
        if self._count > ELEMENTS_LIMIT or len(self._open) >= DEPTH_LIMIT:
            raise ParseError("an XML document with too many elements")
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def refuse(self, *declaration: object) -> None:
        raise ParseError("an XML document with a document type")


def parse_xml(data: bytes) -> Element:
    """The root of a document; raises `ParseError`."""
    if len(data) > DOCUMENT_BYTES_LIMIT:
        raise ParseError(f"an XML document of {len(data)} bytes")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        # The last two are of an encoding that is unknown, or not what it says.
        raise ParseError("an XML document that is none") from error
    if builder.root is None:
        raise ParseError("an XML document without an element")
    return builder.root
