"""Kappas and alphas against published worked examples, scikit-learn, and their definitions written out in loops."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from seqtag.evaluation.statistics.agreement import (
    Unitised,
    cohen_kappa,
    draw,
    fleiss_kappa,
    krippendorff_alpha,
    mean_of,
    unitised_alpha,
)

# Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: four observers, twelve units, some of them
# missing.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def published() -> np.ndarray:
    return np.array([[-1 if sign == "." else int(sign) - 1 for sign in row] for row in OBSERVERS])


def value(coefficient):
    [found] = draw([coefficient], resamples=1, seed=0)
    return found.value


def units_of(codes):
    return np.arange(codes.shape[1]), codes.shape[1]


def slow_alpha(codes):
    """Alpha by its definition: how often two values of one unit differ, over how often any two values do."""
    units = [[code for code in column if code >= 0] for column in codes.T.tolist()]
    units = [unit for unit in units if len(unit) > 1]
    values = [code for unit in units for code in unit]
    observed = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(values)
    pairs = list(permutations(values, 2))
    expected = sum(a != b for a, b in pairs) / len(pairs)
    return 1 - observed / expected


def test_alpha_of_the_published_example_with_missing_values():
    assert value(krippendorff_alpha(published(), *units_of(published()))) == pytest.approx(0.743, abs=5e-4)


RATINGS = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(st.integers(-1, 3), min_size=width, max_size=width), min_size=2, max_size=12)
)


@given(RATINGS)
def test_alpha_equals_its_definition(rows):
    codes = np.array(rows).T
    found = value(krippendorff_alpha(codes, *units_of(codes)))
    known = codes[:, (codes >= 0).sum(0) > 1]
    if len(set(known[known >= 0].tolist())) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(slow_alpha(codes))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_cohens_kappa_equals_scikit_learn(pairs):
    first, second = np.array(pairs).T
    found = value(cohen_kappa(first, second, np.arange(len(pairs)) // 2, len(pairs)))
    if len({*first.tolist(), *second.tolist()}) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(cohen_kappa_score(first, second))


def test_cohens_kappa_is_over_items_that_both_know():
    first, second = np.array([0, 1, -1, 1, 0, 1]), np.array([0, -1, 1, 1, 1, 1])
    both = (first >= 0) & (second >= 0)
    expected = cohen_kappa_score(first[both], second[both])
    assert value(cohen_kappa(first, second, np.arange(6), 6)) == pytest.approx(expected)


def test_fleiss_kappa_of_the_example_in_wikipedia():
    # https://en.wikipedia.org/wiki/Fleiss%27_kappa: ten subjects, fourteen raters, five categories
    table = (
        *((0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1)),
        *((7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7)),
    )
    codes = np.array([np.repeat(np.arange(5), counts) for counts in table]).T
    assert value(fleiss_kappa(codes, *units_of(codes))) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_is_over_items_that_all_know():
    codes = published()
    whole = codes[:, (codes >= 0).all(0)]
    assert value(fleiss_kappa(codes, *units_of(codes))) == value(fleiss_kappa(whole, *units_of(whole)))


def test_without_missing_values_alpha_exceeds_fleiss_kappa_by_the_correction_for_few_items():
    codes = np.random.default_rng(0).integers(0, 3, (3, 40))
    kappa, alpha = (value(each(codes, *units_of(codes))) for each in (fleiss_kappa, krippendorff_alpha))
    assert alpha == pytest.approx(1 - (1 - kappa) * (codes.size - 1) / codes.size)


def test_figures_are_those_of_the_drawn_units():
    """The resamples of two units are: the first twice, one of each, the second twice."""
    codes = np.array([[0, 1, 0, 1, 1], [0, 1, 0, 0, 1], [0, 1, 1, 0, 1]])
    unit_N = np.array([0, 0, 0, 1, 1])
    makers = (
        lambda chosen: krippendorff_alpha(codes[:, chosen], np.arange(len(chosen)), len(chosen)),
        lambda chosen: fleiss_kappa(codes[:, chosen], np.arange(len(chosen)), len(chosen)),
        lambda chosen: cohen_kappa(*codes[:2, chosen], np.arange(len(chosen)), len(chosen)),
    )
    whole = (
        krippendorff_alpha(codes, unit_N, 2),
        fleiss_kappa(codes, unit_N, 2),
        cohen_kappa(*codes[:2], unit_N, 2),
    )
    for make, drawn in zip(makers, draw(whole, resamples=300, seed=0)):
        possible = [value(make(np.array(chosen))) for chosen in ([0, 1, 2] * 2, [0, 1, 2, 3, 4], [3, 4] * 2)]
        assert {round(each, 9) for each in drawn.drawn_R} == {round(each, 9) for each in possible}
        assert drawn.value == pytest.approx(possible[1])


def test_an_interval_covers_the_figure_of_the_population_as_often_as_it_says():
    random = np.random.default_rng(0)
    truth, hits, num_trials = None, 0, 200
    for trial in range(num_trials + 1):
        size = 200_000 if trial == 0 else 150  # the first is the population
        gold = random.choice(3, size, p=[0.6, 0.3, 0.1])
        codes = np.where(random.random((2, size)) < 0.85, gold, random.integers(0, 3, (2, size)))
        [found] = draw([krippendorff_alpha(codes, *units_of(codes))], resamples=1 if trial == 0 else 400, seed=trial)
        if truth is None:
            truth = found.value
        else:
            interval = found.interval()
            hits += interval.low <= truth <= interval.high
    assert 0.90 <= hits / num_trials <= 0.99


def test_the_mean_of_pairs_is_taken_in_each_resample():
    codes = published()
    pairs = [cohen_kappa(codes[a], codes[b], *units_of(codes)) for a, b in combinations(range(4), 2)]
    drawn = draw(pairs, resamples=50, seed=1)
    mean = mean_of(drawn)
    assert mean.value == pytest.approx(np.mean([each.value for each in drawn]))
    assert mean.drawn_R == pytest.approx(np.nanmean([each.drawn_R for each in drawn], axis=0))


def test_a_figure_without_ground_has_no_interval():
    codes = np.zeros((2, 4), np.int64)
    assert draw([krippendorff_alpha(codes, *units_of(codes))], resamples=5, seed=0)[0].interval() is None
    assert mean_of([]).interval() is None


# Krippendorff (2004), Content Analysis, section 11.6: two observers, a line of 300, two categories.
CATEGORY_C = [[(225, 295), (370, 400)], [(220, 300), (355, 375), (400, 420)]]
CATEGORY_K = [[(180, 240), (300, 350)], [(180, 240), (300, 350)]]


def unitised(spans, length=300, begin=150):
    return Unitised.of(np.array([length]), [[(0, a - begin, b - begin) for a, b in found] for found in spans])


def test_alpha_of_unitising_of_the_published_example():
    # DKPro Statistics has 0.7285 and 1.0 by category and 0.8587 for both; the book rounds on the way.
    whole, (c, k) = unitised_alpha([unitised(CATEGORY_C), unitised(CATEGORY_K)], resamples=1, seed=0)
    assert c.value == pytest.approx(0.7286, abs=1e-4)
    assert k.value == 1.0
    assert whole.value == pytest.approx(0.8587, abs=1e-4)


def slow_unitised_alpha(spans, length):
    """Krippendorff's definition for one category, with sections that are spans or gaps."""
    sections = []
    for found in spans:
        own, at = [], 0
        for start, end in found:
            own += [(at, start, False)] * (at < start) + [(start, end, True)]
            at = end
        sections.append(own + [(at, length, False)] * (at < length))

    def distance(g, h):
        (a, b, is_span), (c, d, is_other) = g, h
        if is_span and is_other and max(a, c) < min(b, d):
            return (a - c) ** 2 + (b - d) ** 2
        if is_span and not is_other and c <= a and b <= d:
            return (b - a) ** 2
        return (d - c) ** 2 if is_other and not is_span and a <= c and d <= b else 0

    m = len(spans)
    observed = sum(distance(g, h) for i, j in permutations(range(m), 2) for g in sections[i] for h in sections[j])
    observed /= m * (m - 1) * length**2
    sizes = [b - a for own in sections for a, b, is_span in own if is_span]
    gaps = [b - a for own in sections for a, b, is_span in own if not is_span]
    total = sum(
        (len(sizes) - 1) / 3 * (2 * size**3 - 3 * size**2 + size)
        + size**2 * sum(gap - size + 1 for gap in gaps if gap >= size)
        for size in sizes
    )
    line = m * length
    expected = 2 / length * total / (line * (line - 1) - sum(size * (size - 1) for size in sizes))
    return 1 - observed / expected


CUTS = st.lists(st.integers(0, 20), max_size=8, unique=True).map(lambda cuts: sorted(cuts)[: len(cuts) // 2 * 2])


@given(st.lists(CUTS, min_size=2, max_size=3), st.lists(st.integers(0, 20), max_size=3))
def test_alpha_of_unitising_equals_its_definition_wherever_sentences_are_cut(cuts, borders):
    spans = [list(zip(found[::2], found[1::2])) for found in cuts]
    # Sentences are cut where no span is; the line is the same.
    inside = {at for found in spans for start, end in found for at in range(start + 1, end)}
    edges = np.array(sorted({0, 20, *borders} - inside))
    placed = []
    for found in spans:
        unit = [int(np.searchsorted(edges, start, side="right")) - 1 for start, _ in found]
        placed.append([(u, a - int(edges[u]), b - int(edges[u])) for u, (a, b) in zip(unit, found)])
    whole, _ = unitised_alpha([Unitised.of(np.diff(edges), placed)], resamples=1, seed=0)
    if not any(spans):
        assert np.isnan(whole.value)
    else:
        assert whole.value == pytest.approx(slow_unitised_alpha(spans, 20))


def test_resamples_of_unitising_are_lines_of_drawn_sentences():
    found = Unitised.of(np.array([6, 4]), [[(0, 1, 3), (1, 0, 2)], [(0, 1, 4)]])
    whole, _ = unitised_alpha([found], resamples=60, seed=0)
    lines = {
        (0, 0): ([(1, 3), (7, 9)], [(1, 4), (7, 10)], 12),
        (0, 1): ([(1, 3), (6, 8)], [(1, 4)], 10),
        (1, 0): ([(0, 2), (5, 7)], [(5, 8)], 10),
        (1, 1): ([(0, 2), (4, 6)], [], 8),
    }
    expected = {round(slow_unitised_alpha((first, second), size), 9) for first, second, size in lines.values()}
    assert {round(each, 9) for each in whole.drawn_R} == expected
