import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme_core.sequence import decode, digest, encode, one_hot, reverse_complement


def test_letters_become_codes_whatever_their_case():
    np.testing.assert_array_equal(encode("ACGTNacgtn"), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])


def test_codes_become_upper_case_letters():
    assert decode(encode("acGTn")) == "ACGTN"


@pytest.mark.parametrize("text", ["ACGR", "ACGr"])
def test_an_ambiguity_letter_is_refused_with_its_place_and_a_way_out(text):
    with pytest.raises(ValueError, match=r"ambiguity letter.*position 4.*ambiguous='N'"):
        encode(text)


def test_ambiguity_letters_are_read_as_n_on_request():
    np.testing.assert_array_equal(encode("ARYt", ambiguous="N"), [0, 4, 4, 3])


@pytest.mark.parametrize(
    ("text", "shown"), [("ACGE", "'E'"), ("AC-T", "'-'"), ("RC>T", "'>'"), ("ACé", "'é'"), ("AC→", "'→'")]
)
@pytest.mark.parametrize("ambiguous", ["error", "N"])
def test_what_is_no_dna_letter_is_always_refused(text, shown, ambiguous):
    with pytest.raises(ValueError, match=shown):
        encode(text, ambiguous=ambiguous)


def test_an_unknown_ambiguity_mode_is_refused():
    with pytest.raises(ValueError, match="'drop' is not known"):
        encode("ACGT", ambiguous="drop")


def test_one_hot_gives_n_a_quarter_of_each_base():
    np.testing.assert_array_equal(one_hot(encode("GNA")), [[0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]])


def test_one_hot_keeps_leading_axes_and_the_dtype_asked():
    encoded = one_hot(np.zeros((2, 3, 7), np.uint8), np.float64)
    assert encoded.shape == (2, 3, 7, 4)
    assert encoded.dtype == np.float64


def test_reverse_complement_of_a_word_with_n():
    assert decode(reverse_complement(encode("AACGN"))) == "NCGTT"


@given(st.text("ACGTN", max_size=30))
def test_reverse_complement_twice_is_the_word(text):
    assert decode(reverse_complement(reverse_complement(encode(text)))) == text


def test_the_digest_tells_sequences_apart_and_not_their_memory_layout():
    codes = encode("ACGTACGT")
    assert digest(codes) == digest(np.repeat(codes, 2)[::2])
    assert digest(codes) != digest(encode("ACGTACGA"))
    assert digest(encode("A")) != digest(encode("AA"))
