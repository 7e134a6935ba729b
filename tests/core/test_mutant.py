import numpy as np
import pytest

from creme_core.mutant import Background, Edit, Mutant
from creme_core.sequence import decode, encode


def test_edits_apply_in_order_and_the_later_wins():
    mutant = Mutant(Background(encode("AAAAAAAA")), (Edit(1, encode("CCC")), Edit(3, encode("GG"))))
    assert decode(mutant.render()) == "ACCGGAAA"


def test_equal_sequences_have_equal_digests_however_made():
    word = Background(encode("ACGTACGT"))
    edited = Mutant(Background(encode("ACGAACGT")), (Edit(3, encode("T")),))
    assert Mutant(word).digest == edited.digest == word.digest
    assert Mutant(word, (Edit(0, encode("C")),)).digest != word.digest


def test_the_callers_arrays_are_neither_kept_nor_changed():
    codes, edit_codes = encode("ACGTACGT"), encode("GG")
    mutant = Mutant(Background(codes), (Edit(0, edit_codes),))
    mutant.render()[:] = 0
    assert decode(codes) == "ACGTACGT"
    codes[:] = 0
    edit_codes[:] = 0
    assert decode(mutant.render()) == "GGGTACGT"


def test_a_backgrounds_codes_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        Background(encode("ACGT")).codes[0] = 1


def test_an_edit_must_fit():
    with pytest.raises(ValueError, match="must end inside"):
        Mutant(Background(encode("ACGT")), (Edit(3, encode("AA")),))
    with pytest.raises(ValueError, match="starts at -1"):
        Edit(-1, encode("A"))


@pytest.mark.parametrize("codes", [np.zeros(0, np.uint8), np.zeros((2, 4), np.uint8), np.array([0, 9], np.uint8)])
def test_what_is_no_sequence_is_refused(codes):
    with pytest.raises(ValueError, match=r"it must be|codes are"):
        Background(codes)
