"""What tests of the HTML page share: sections with one text in every place, a large report, and a reader of pages."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from seqtag.reporting.sections import (
    Bar,
    BarRow,
    Bars,
    Curve,
    Example,
    Examples,
    HeatMap,
    Mark,
    Paragraph,
    Place,
    Places,
    Plot,
    Points,
    Section,
    Table,
    Verdict,
)

PLOT = Plot(
    "Reliability",
    "probability",
    "share right",
    (Curve("all", ((0.0, 1.0), (0.5, 0.25), (1.0, 0.0))), Curve("PER", ((0.0, 0.0), (1.0, 1.0)))),
    (Bar(0.0, 0.25, 0.5, "12 of 24"), Bar(0.25, 1.0, 0.9)),
    diagonal=True,
)
SCORES = Table(
    ("label", "strict\nF1", "95% interval", "difference", "conlleval\nF1", "\nsupport"),
    (
        ("PER", "9.50", "0.91 to 0.95", "−0.30", "62.1%", "1,234"),
        ("LOC", "88.00", "0.10 to 0.99", "+1.20", "100.0%", "99"),
        ("group-10", "-", "-", "0.10", "-", "0"),
        ("group-9", "100.00", "0.88 to 0.99", "−12.00", "7.0%", "20,000"),
        ("micro average", "90.00", "0.50 to 0.60", "5.00", "50.0%", "21,333"),
    ),
    "Scores",
    num_totals=1,
)
ENGLISH, CHINESE, ARABIC = (
    "Ada  met Bo in Turin",
    "台大医学人文博物馆是一栋两层楼的建筑",
    "وصل أحمد من القاهرة إلى بيروت اليوم",
)
EXAMPLES = Examples(
    "3 of 12 sentences with an error",
    (("missed", 7), ("wrong type", 1), ("spurious", 4)),
    (
        Example(
            "sentence 3",
            ("missed",),
            ENGLISH,
            (
                ("gold", (Mark(0, 3, "PER"), Mark(9, 11, "PER", "missed"))),
                ("predicted", (Mark(0, 3, "PER", score=0.9),)),
            ),
        ),
        Example(
            "sentence 4",
            ("wrong type", "missed"),
            CHINESE,
            (
                ("gold", (Mark(0, 9, "LOC", "wrong type"), Mark(12, 14, "QUANTITY", "missed"))),
                ("predicted", (Mark(0, 9, "ORG", "wrong type", 0.61),)),
            ),
        ),
        Example(
            "sentence 7",
            ("spurious",),
            ARABIC,
            (
                ("gold", (Mark(4, 8, "PER"), Mark(12, 19, "LOC"))),
                ("predicted", (Mark(4, 8, "PER", score=0.99), Mark(24, 29, "LOC", "spurious", 0.41))),
            ),
        ),
    ),
)
REPORT = [
    Section("Summary", (Paragraph(("F1 90.00",)),)),
    Section("Scores", (SCORES, PLOT)),
    Section("Errors in context", (EXAMPLES,)),
]
# Elements that are never closed
VOID = {"meta", "br", "input"}


def sections_with(word: str) -> list[Section]:
    """Give a section of each kind of block with `word`, which isn't empty, as every text."""
    marks = (Mark(0, len(word), word, word, 0.5),)
    column = word.replace("\n", " ")  # a line break in a header closes the name of its group
    table = Table((f"{column}\n{column}", column), ((word, word), (word, word)), word, num_totals=1)
    plot = Plot(word, word, word, (Curve(word, ((0, 0), (1, 1))),) * 2, (Bar(0, 1, 0.5, word),), diagonal=True)
    bars = Bars(word, (BarRow(word, 0.5, word, 0.25, 0.75, word), BarRow(word, None, word)), ticks=((0.5, word),))
    grid = HeatMap(word, word, word, (word, word), (word,), ((1,), (2,)))
    examples = (
        Example(word, (word,), word, ((word, marks), (word, ())), word),
        Example(word, (), word, choice=word),
    )
    return [
        Section(
            word,
            (
                Verdict(word, word, word, (word, word)),
                Points((word, word), word),
                Paragraph((word, word)),
                table,
                plot,
                bars,
                grid,
                Places((Place(word, word), Place("", word))),
            ),
            (Examples(word, ((word, 2),), examples, word),),
        ),
        Section(word, ()),
    ]


@dataclass(slots=True)
class Node:
    """An element of a page with what stands in it."""

    name: str
    attributes: dict[str, str | None]
    children: list["Node | str"] = field(default_factory=list)

    def all(self, name: str, of_class: str = "") -> list["Node"]:
        """Give the elements of a name below this one, those of a class where one is named, in order."""
        return [node for node in self.below() if node.name == name and (not of_class or of_class in node.classes)]

    def below(self) -> Iterator["Node"]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.below()

    def text(self, *, without: str = "") -> str:
        """Join the text in the element, that of elements of the class `without` left out."""
        return "".join(
            child if isinstance(child, str) else child.text(without=without) if without not in child.classes else ""
            for child in self.children
        )

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()


class PageReader(HTMLParser):
    """Reads a page into nodes and insists that each element is closed, in its turn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("page", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice: {attrs}"
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> where <{self.open[-1].name}> is open, line {self.getpos()[0]}"
        self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(page: str) -> Node:
    """Read a page; an AssertionError names the place where its elements aren't nested well."""
    reader = PageReader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1, f"never closed: {[node.name for node in reader.open[1:]]}"
    return reader.root


def only(items: list) -> Node:
    (item,) = items
    return item


def cells(row: Node) -> list[str]:
    return [cell.text() for cell in row.children if isinstance(cell, Node)]


def skeleton(node: Node) -> list:
    """What stays of a page without its text: elements and the names of their attributes; code points don't count."""
    inner = [child for child in node.children if isinstance(child, Node) and "unseen" not in child.classes]
    return [node.name, sorted(node.attributes), [skeleton(child) for child in inner]]


def strings(node: Node) -> Iterator[str]:
    """Give what a reader or a machine takes for text: the text of each element, and each attribute."""
    for inner in node.below():
        if inner.name not in ("style", "script"):
            yield inner.text()
            yield from (value for value in inner.attributes.values() if value)


def large_report() -> list[Section]:
    """A report of 20,000 sentences as reports sample it: 60 labels, 800 examples of 35 words."""
    chance = random.Random(0)
    labels = [f"label-{number:02d}" for number in range(60)]
    rows = tuple((label, f"{chance.uniform(0, 100):.2f}", f"{chance.randrange(9999):,}") for label in labels)
    pairs = tuple((gold, other, str(chance.randrange(99))) for gold in labels for other in labels if gold < other)
    kinds = ("missed", "spurious", "wrong type", "too long", "too short")
    curve = tuple((step / 199, 1 - (step / 199) ** 2) for step in range(200))
    return [
        Section("Summary", (Paragraph(("F1 71.30, 20,000 sentences",)),)),
        Section("Scores", (Table(("label", "F1", "support"), (*rows, ("micro", "71.30", "99")), num_totals=1),)),
        Section("Confusions", (Table(("gold", "predicted", "number"), pairs, "Pairs", text_columns=2),)),
        Section(
            "Confidence", tuple(Plot("P", "x", "y", tuple(Curve(name, curve) for name in labels[:8])) for _ in "ab")
        ),
        Section(
            "Errors in context",
            (
                Examples(
                    "800 of 10,000 sentences with an error",
                    tuple((kind, 2000) for kind in kinds),
                    tuple(large_example(number, labels, kinds[number % 5], chance) for number in range(800)),
                ),
            ),
        ),
    ]


def large_example(number: int, labels: list[str], kind: str, chance: random.Random) -> Example:
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randrange(2, 9))) for _ in range(35)]
    starts = [len(" ".join(words[:place])) + 1 for place in (3, 9, 17, 22)]
    marks = tuple(
        Mark(start, start + len(words[place]), chance.choice(labels), kind if place == 9 else "right", 0.5)
        for start, place in zip(starts, (3, 9, 17, 22))
    )
    return Example(f"sentence {number + 1}", (kind,), " ".join(words), (("gold", marks), ("predicted", marks)))
