"""Put counts and figures into plain sentences, which stay true for the odd cases: nothing in gold, no error, one label.

This module knows numbers and names; the reports say which numbers, and next_steps.py what to do about them.
"""

from collections.abc import Iterable, Mapping, Sequence

from seqtag.reporting.figures import listed, printable

Pair = tuple[object, object, int]  # gold, predicted, how often


def out_of(part: int, whole: int) -> str:
    """Write a part of a whole as a share of 100 with the counts; a share that rounding would make all or none says so.

    >>> out_of(3, 7), out_of(7, 7), out_of(0, 7), out_of(605, 1079)
    ('3 of 7', 'all 7', 'none of the 7', '56 of 100 (605 of 1,079)')
    >>> out_of(999, 1000), out_of(1, 1000)
    ('more than 99 of 100 (999 of 1,000)', 'fewer than 1 of 100 (1 of 1,000)')
    """
    if whole > 1 and part in (0, whole):
        return f"all {whole:,}" if part else f"none of the {whole:,}"
    if whole <= 100:
        return f"{part} of {whole}"
    counts = f"({part:,} of {whole:,})"
    if 200 * part <= whole:
        return f"fewer than 1 of 100 {counts}"
    if 200 * part >= 199 * whole:
        return f"more than 99 of 100 {counts}"
    return f"{round(100 * part / whole)} of 100 {counts}"


def times(number: int) -> str:
    """Say how often.

    >>> times(1), times(1200)
    ('once', '1,200 times')
    """
    return "once" if number == 1 else f"{number:,} times"


def quoted(names: Iterable[object], *, most: int = 3) -> str:
    """List names of the data in quotation marks, and count those beyond the first.

    >>> quoted(["PER"]), quoted("abcd", most=2)
    ('“PER”', '“a”, “b” and 2 more')
    """
    return listed([f"“{printable(name)}”" for name in names], most=most)


def found_sentence(right: int, gold: int, predicted: int, noun: str) -> str:
    """Say how much of gold was found, and how much of what was predicted is right.

    >>> found_sentence(605, 1079, 890, "spans")
    'Finds 56 of 100 (605 of 1,079) spans of gold, and of those predicted 68 of 100 (605 of 890) are right.'
    >>> found_sentence(0, 0, 0, "spans"), found_sentence(0, 0, 1, "spans")
    ('Gold has no spans, and none are predicted.', 'Gold has no spans, so what is predicted, 1 in all, is wrong.')
    >>> found_sentence(0, 12, 0, "spans")
    'Finds none of the 12 spans of gold: nothing is predicted.'
    """
    if not gold:
        wrong = f"so what is predicted, {predicted:,} in all, is wrong" if predicted else "and none are predicted"
        return f"Gold has no {noun}, {wrong}."
    if not predicted:
        return f"Finds none of the {gold:,} {noun} of gold: nothing is predicted."
    are = "is" if predicted == right == 1 else "are"
    return f"Finds {out_of(right, gold)} {noun} of gold, and of those predicted {out_of(right, predicted)} {are} right."


def errors_sentence(
    counts: Mapping[str, int], names: Mapping[str, str], labels: Mapping[str, Sequence[tuple[object, int]]]
) -> str:
    """Say which kind of error is the most frequent, and which label has most of its errors.

    `names` puts a kind into words; `labels` gives the labels of some kinds, each with how many of the errors it has.

    >>> named = {"missed": "missed spans", "too long": "spans that are too long"}
    >>> errors_sentence({"missed": 6, "too long": 4}, named, {"missed": [("PER", 5), ("LOC", 1)]})
    'More than half of the 10 errors are missed spans (6), most of them “PER”.'
    >>> errors_sentence({"missed": 2, "too long": 2}, named, {})
    'The most frequent of the 4 errors are missed spans (2) and spans that are too long (2).'
    >>> errors_sentence({"missed": 0}, named, {})
    'There are no errors.'
    """
    total = sum(counts.values())
    if not total:
        return "There are no errors."
    top = max(counts.values())
    leaders = [kind for kind, count in counts.items() if count == top]
    if len(leaders) > 1:
        kinds = " and ".join(f"{names.get(kind, kind)} ({top:,})" for kind in leaders)
        return f"The most frequent of the {total:,} errors are {kinds}."
    (kind,) = leaders
    name = names.get(kind, kind)
    if top == total:
        share = f"All {total:,} errors are" if total > 1 else "The only error is among the"
    elif 2 * top == total:
        share = f"Half of the {total:,} errors are"
    else:
        share = f"{'More than half' if 2 * top > total else 'The largest part'} of the {total:,} errors are"
    number = f" ({top:,})" if top < total else ""
    most = next((label for label, count in labels.get(kind, ()) if 2 * count > top and top > 1), None)
    return f"{share} {name}{number}{'' if most is None else f', most of them “{printable(most)}”'}."


def confused_sentence(pairs: Iterable[Pair], noun: str = "label") -> str:
    """Say which two labels are taken for each other most often.

    >>> confused_sentence([("PER", "LOC", 4), ("LOC", "ORG", 3), ("ORG", "LOC", 2)])
    '“LOC” is taken for “ORG” 3 times, and “ORG” for “LOC” 2 times.'
    >>> confused_sentence([("PER", "PER", 4), (None, "PER", 2)])
    'No label is taken for another.'
    """
    found: dict[tuple[object, object], int] = {}
    for gold, predicted, count in pairs:
        if gold is not None and predicted is not None and gold != predicted and count:
            found[gold, predicted] = found.get((gold, predicted), 0) + count
    if not found:
        return f"No {noun} is taken for another."
    # the most frequent direction comes first; of equal pairs the first by name
    both = {pair: count + found.get(pair[::-1], 0) for pair, count in found.items()}
    a, b = min(found, key=lambda pair: (-both[pair], -found[pair], str(pair)))
    back = found.get((b, a), 0)
    a_name, b_name = quoted([a]), quoted([b])
    other = f", and {b_name} for {a_name} {times(back)}" if back else ""
    return f"{a_name} is taken for {b_name} {times(found[a, b])}{other}."


def weakest_sentence(scores: Iterable[tuple[object, float, int]], noun: str = "label") -> str:
    """Say which label has the lowest F1, given its F1 and its examples in gold; labels without any don't count.

    >>> weakest_sentence([("PER", 0.9, 20), ("LOC", 0.125, 8)])
    'The lowest F1, 12.50, is that of “LOC” (8 examples).'
    >>> weakest_sentence([("PER", 1.0, 20), ("LOC", 1.0, 8)])
    'Every label is found without error.'
    """
    rows = [(label, f1, support) for label, f1, support in scores if support]
    if not rows:
        return f"Gold has no {noun}."
    low = min(f1 for _, f1, _ in rows)
    if low == 1:
        return f"Every {noun} is found without error."
    lowest = [(label, support) for label, f1, support in rows if f1 == low]
    if len(lowest) > 1:
        return f"The lowest F1, {100 * low:.2f}, is that of {quoted(label for label, _ in lowest)}."
    (label, support) = lowest[0]
    examples = "1 example" if support == 1 else f"{support:,} examples"
    return f"The lowest F1, {100 * low:.2f}, is that of {quoted([label])} ({examples})."
