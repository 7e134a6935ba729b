"""Cohen's kappa against cases worked out by hand and an interval against a derivative taken numerically."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creme_core.vetting.agreement import CATEGORIES, agreement


def reviewers(table):
    """Two mappings whose confusion table, over CATEGORIES, is the given one."""
    first, second = {}, {}
    for i, counts in enumerate(table):
        for j, count in enumerate(counts):
            for _ in range(count):
                name = f"el-{len(first):05d}"
                first[name], second[name] = CATEGORIES[i], CATEGORIES[j]
    return first, second


def compare(table, **more):
    first, second = reviewers(table)
    return agreement("Ann", first, "Bo", second, **more)


def kappa_of(shares):
    """(po - pe) / (1 - pe), written anew."""
    po = sum(shares[i][i] for i in range(len(shares)))
    pe = sum(sum(shares[i]) * sum(row[i] for row in shares) for i in range(len(shares)))
    return (po - pe) / (1 - pe)


def test_a_case_worked_out_by_hand():
    # 50 elements: 20 + 15 alike; Ann says enhancer 25 times, Bo 30 times.
    # po = 35 / 50 = 0.7; pe = 0.5 * 0.6 + 0.5 * 0.4 = 0.5; kappa = 0.2 / 0.5 = 0.4.
    # A = 0.4 (1 - 1.1 * 0.6)^2 + 0.3 (1 - 0.9 * 0.6)^2 = 0.04624 + 0.06348 = 0.10972
    # B = 0.36 (0.1 (0.6 + 0.5)^2 + 0.2 (0.4 + 0.5)^2) = 0.36 (0.121 + 0.162) = 0.10188
    # C = (0.4 - 0.5 * 0.6)^2 = 0.01; sem = sqrt(0.2016) / (0.5 sqrt(50)) = 0.1269961
    found = compare([[20, 5], [10, 15]])
    assert (found.n, found.observed, found.expected) == (50, pytest.approx(0.7), pytest.approx(0.5))
    assert found.kappa == pytest.approx(0.4)
    assert found.sem == pytest.approx(0.1269961, abs=1e-7)
    assert (found.low, found.high) == (
        pytest.approx(0.4 - 1.959964 * 0.1269961),
        pytest.approx(0.4 + 1.959964 * 0.1269961),
    )
    assert found.table.loc["enhancer", "silencer"] == 5
    assert found.table.loc["silencer", "enhancer"] == 10
    assert len(found.disagreements) == 15
    assert found.sentence == (
        "Ann and Bo decided 50 elements both, 35 of them alike: Cohen's kappa 0.40 (95% interval 0.15 to 0.65)."
    )


def test_three_categories_by_hand():
    # Shares 0.75 0.01 0.04 / 0.05 0.04 0.01 / 0 0 0.10: po = 0.89,
    # pe = 0.8 * 0.8 + 0.1 * 0.05 + 0.1 * 0.15 = 0.66, kappa = 0.23 / 0.34.
    found = compare([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert (found.observed, found.expected) == (pytest.approx(0.89), pytest.approx(0.66))
    assert found.kappa == pytest.approx(0.23 / 0.34)


tables = st.lists(st.lists(st.integers(1, 30), min_size=3, max_size=3), min_size=3, max_size=3)


@settings(deadline=None)
@given(tables)
def test_the_standard_error_is_that_of_the_delta_method(table):
    """Variance of kappa by its numerical derivative in each share and the shares' multinomial covariance."""
    found = compare(table)
    n = sum(map(sum, table))
    shares = np.array(table) / n
    gradient = np.zeros_like(shares)
    for place in np.ndindex(shares.shape):
        step = np.zeros_like(shares)
        step[place] = 1e-6
        gradient[place] = (kappa_of((shares + step).tolist()) - kappa_of((shares - step).tolist())) / 2e-6
    variance = ((shares * gradient**2).sum() - (shares * gradient).sum() ** 2) / n
    assert found.kappa == pytest.approx(kappa_of(shares.tolist()))
    assert found.sem == pytest.approx(math.sqrt(max(variance, 0)), rel=1e-4, abs=1e-6)
    assert -1 <= found.low <= found.kappa <= found.high <= 1


def test_full_agreement_has_no_width():
    found = compare([[5, 0], [0, 7]])
    assert (found.kappa, found.low, found.high) == (1, 1, 1)
    assert "standard error is 0" in found.notes[0]


def test_one_category_only_leaves_kappa_undefined():
    found = compare([[12]])
    assert math.isnan(found.kappa)
    assert math.isnan(found.low)
    assert (found.observed, found.expected) == (1, 1)
    assert "decided enhancer every time, so agreement by chance is certain and kappa is not defined" in found.notes[0]
    assert found.sentence == "Ann and Bo decided 12 elements both, 12 of them alike; Cohen's kappa is not defined."


def test_one_reviewer_with_one_category_has_kappa_0():
    found = compare([[8, 4]])
    assert found.kappa == pytest.approx(0)
    assert found.sem == 0
    assert found.notes[0] == "Ann decided enhancer every time, so kappa is 0 whatever the share of equal decisions."
    opposite = compare([[0, 6]])
    assert (opposite.kappa, opposite.observed) == (0, 0)
    assert len(opposite.notes) == 3


def test_only_elements_that_both_decided_count():
    found = agreement(
        "Ann", {"a": "enhancer", "b": "unsure", "c": ""}, "Bo", {"b": "unsure", "c": "neither", "d": "neither"}
    )
    assert (found.n, found.only_first, found.only_second) == (1, 1, 2)
    none = agreement("Ann", {"a": "enhancer"}, "Bo", {})
    assert none.n == 0
    assert math.isnan(none.kappa)
    assert "no element" in none.sentence
    assert "nothing to compare" in none.notes[0]


def test_unsure_can_be_left_out():
    found = compare([[5, 0, 0, 3], [0, 5, 0, 0], [0] * 4, [0, 2, 0, 4]], leave_out=("unsure",))
    assert found.n == 10
    assert list(found.table.index) == ["enhancer", "silencer", "neither"]


def test_what_is_no_comparison_is_refused():
    with pytest.raises(ValueError, match="compares two reviewers"):
        agreement("Ann", {}, "Ann", {})
    with pytest.raises(ValueError, match="'maybe' is not known; it can be enhancer"):
        agreement("Ann", {"a": "maybe"}, "Bo", {})
