"""Tables, and figures with their table. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from advisor.report.html.markup import Markup, join, tag


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text: Collection[int] = (),
    kinds: Sequence[str] = (),
) -> Markup:
    """A table whose first column heads its rows. Columns hold figures, except the first and those listed in `text`.

    `kinds` are the rows' classes, by their index. It scrolls by itself where it is too wide.
    """
    left = {0, *text}
    head = tag(
        "tr", *(tag("th", each, scope="col", class_=None if at in left else "n") for at, each in enumerate(headings))
    )
    body = [
        tag(
            "tr",
            *(
                tag("th", cell, scope="row") if at == 0 else tag("td", cell, class_=None if at in left else "n")
                for at, cell in enumerate(row)
            ),
            class_=(kinds[index] or None) if index < len(kinds) else None,
        )
        for index, row in enumerate(rows)
    ]
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return scrolling(made, caption)


def scrolling(content: Markup, name: str) -> Markup:
    """Content that scrolls sideways by itself, with the keyboard too."""
    return tag("div", content, class_="scroll", tabindex=0, role="group", aria_label=name)


def figure(drawing: Markup, *, name: str, caption: str | None, data: Markup | None) -> Markup:
    """A drawing with its caption, and its data as a table to unfold."""
    return tag(
        "figure",
        scrolling(drawing, name),
        None if caption is None else tag("figcaption", caption),
        None if data is None else tag("details", tag("summary", "The figures as a table"), data),
    )


def section(name: str, heading: str, *content: str | None, kind: str | None = None) -> Markup | None:
    """A part of the page; None where it has no content."""
    parts = [each for each in content if each]
    if not parts:
        return None
    return tag("section", tag("h2", heading, id=name), *parts, aria_labelledby=name, class_=kind)


def paragraph(text: str, *, kind: str | None = None) -> Markup:
    """A paragraph."""
    return tag("p", text, class_=kind)


def items(texts: Sequence[str]) -> Markup | None:
    """A list; None where it is empty."""
    return tag("ul", *(tag("li", each) for each in texts)) if texts else None


def terms(entries: Sequence[tuple[str, str]]) -> Markup:
    """Terms with what they are; those that are empty are left out."""
    return tag("dl", join(tag("div", tag("dt", name), tag("dd", value)) for name, value in entries if value))
