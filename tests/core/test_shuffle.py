from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from creme_core.sequence import decode, encode
from creme_core.shuffle import dinucleotide_shuffle, shuffle_rng


def dinucleotides(text: str) -> Counter:
    return Counter(pairwise(text))


def words_with_the_same_steps(text: str) -> set[str]:
    """Every word with the dinucleotide counts and first letter of `text`, by depth-first search."""
    found = set()

    def extend(word: str, left: Counter) -> None:
        if len(word) == len(text):
            found.add(word)
            return
        for (a, b), count in left.items():
            if a == word[-1] and count:
                extend(word + b, left - Counter({(a, b): 1}))

    extend(text[0], dinucleotides(text))
    return found


def test_the_list_of_words_is_right_on_a_case_done_by_hand():
    # A-C-A-G-A: the loops through C and G may come in either order.
    assert words_with_the_same_steps("ACAGA") == {"ACAGA", "AGACA"}


@pytest.mark.parametrize("text", ["ACAGATA", "AACCAACA", "ACACGTAGACCGTA", "ANNANCAN", "TGTAGTCGGT"])
def test_every_word_is_drawn_equally_often(text):
    words = sorted(words_with_the_same_steps(text))
    draws = 200 * len(words)
    rng = shuffle_rng(1, 0, len(text), 0)
    counts = Counter(decode(dinucleotide_shuffle(encode(text), rng)) for _ in range(draws))
    assert set(counts) <= set(words)
    assert chisquare([counts[word] for word in words]).pvalue > 1e-4


def test_the_words_include_those_that_change_the_last_exits():
    # Where a letter is left for the last time differs between these; a shuffle with fixed last exits reaches one only.
    lasts = {tuple(sorted(dict(pairwise(w)).items())) for w in words_with_the_same_steps("ACAGATA")}
    assert len(lasts) == 3


@given(st.text("ACGTN", max_size=200), st.integers(0, 2**40))
@settings(max_examples=300, deadline=None)
def test_dinucleotide_counts_and_both_ends_are_kept(text, seed):
    codes = encode(text)
    shuffled = decode(dinucleotide_shuffle(codes, shuffle_rng(seed, 0, 10, 0)))
    assert dinucleotides(shuffled) == dinucleotides(text)
    assert len(shuffled) == len(text)
    assert shuffled[:1] == text[:1]
    assert shuffled[-1:] == text[-1:]
    assert decode(codes) == text


def test_a_long_sequence_is_rearranged_nearly_everywhere():
    codes = np.random.default_rng(3).integers(0, 4, 196_608).astype(np.uint8)
    shuffled = dinucleotide_shuffle(codes, shuffle_rng(0, 0, codes.size, 0))
    assert 0.70 < (shuffled != codes).mean() < 0.80
    np.testing.assert_array_equal(
        np.bincount(shuffled[:-1] * 4 + shuffled[1:]), np.bincount(codes[:-1] * 4 + codes[1:])
    )


@pytest.mark.parametrize("seed", [0, 1, 12345678901234567890])
def test_a_seed_repeats_its_shuffle_zero_included(seed):
    codes = encode("ACGTTGCAACCGATTACAGGTCAGCATTGA")
    first, second = (dinucleotide_shuffle(codes, shuffle_rng(seed, 3, 9, 2)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_every_part_of_the_key_changes_the_draw():
    keys = [(0, 3, 9, 2), (1, 3, 9, 2), (0, 4, 9, 2), (0, 3, 10, 2), (0, 3, 9, 3)]
    draws = {tuple(shuffle_rng(*key).integers(0, 1000, 5)) for key in keys}
    assert len(draws) == len(keys)


@pytest.mark.parametrize(("position", "name"), list(enumerate(["seed", "start", "end", "replicate"])))
@pytest.mark.parametrize("value", [-1, 1.0, None, "1", True])
def test_a_key_that_is_no_whole_number_is_refused_by_name(position, name, value):
    key = [0, 3, 9, 2]
    key[position] = value
    with pytest.raises(ValueError, match=f"The {name} is"):
        shuffle_rng(*key)


def test_what_is_no_sequence_is_refused():
    rng = shuffle_rng(0, 0, 1, 0)
    with pytest.raises(ValueError, match=r"shape \(2, 5\)"):
        dinucleotide_shuffle(np.zeros((2, 5), np.uint8), rng)
    with pytest.raises(ValueError, match="code 5"):
        dinucleotide_shuffle(np.array([0, 5, 1, 2], np.uint8), rng)


def test_words_without_a_choice_come_back_as_a_new_array():
    for text in ("", "A", "AC", "ACG", "AAAAAA"):
        codes = encode(text)
        shuffled = dinucleotide_shuffle(codes, shuffle_rng(0, 0, 1, 0))
        assert decode(shuffled) == text
        assert not np.shares_memory(shuffled, codes) or not text


def test_all_orders_of_three_loops_appear():
    loops = ("AC", "AG", "AT")
    rng = shuffle_rng(7, 0, 7, 0)
    seen = {decode(dinucleotide_shuffle(encode("ACAGATA"), rng)) for _ in range(300)}
    assert seen == {"".join(order) + "A" for order in permutations(loops)}
