import numpy as np
import pytest

from creme_core.genome import Genome
from creme_core.locus import Locus, read_locus
from creme_core.sequence import N, decode, encode, reverse_complement


@pytest.fixture
def chromosome(tmp_path):
    """60 bases; base 0-based i can be told from its neighbours."""
    text = "ACGTTGCAACCGATTACAGGTCAGCATTGAGTCCATGACTTAGGCATCCGATACGTTCAG"
    (tmp_path / "g.fa").write_text(f">chrT\n{text}\n")
    return Genome(tmp_path / "g.fa"), text


def read(genome, tss, strand, length, **options):
    return read_locus(genome, gene="G", gene_id="G", chrom="chrT", tss=tss, strand=strand, length=length, **options)


def test_on_the_plus_strand_the_tss_base_is_in_the_middle(chromosome):
    genome, text = chromosome
    locus = read(genome, 30, "+", 20)
    assert (locus.start, locus.end, locus.tss_index) == (20, 40, 10)
    assert decode(locus.codes) == text[20:40]


def test_on_the_minus_strand_the_window_is_the_other_strand_and_the_tss_base_still_in_the_middle(chromosome):
    genome, text = chromosome
    locus = read(genome, 30, "-", 20)
    assert (locus.start, locus.end, locus.tss_index) == (21, 41, 10)
    assert decode(locus.codes) == decode(reverse_complement(encode(text[21:41])))
    assert locus.codes[10] == 3 - encode(text[30])[0]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("length", [20, 21])
def test_the_tss_base_is_at_half_the_length_for_odd_and_even_windows(chromosome, strand, length):
    assert read(chromosome[0], 30, strand, length).tss_index == length // 2


def test_the_papers_windows_sit_one_base_off_in_each_direction(chromosome):
    genome, _ = chromosome
    assert read(genome, 30, "+", 20, convention="paper").tss_index == 9
    assert read(genome, 30, "-", 20, convention="paper").tss_index == 11


def test_enformers_paper_window_indices():
    # 98303 and 98305 of 196,608, as the published windows have them; no genome needed for the arithmetic.
    from creme_core.locus import _window_start

    start = _window_start(1_000_000, "+", 196_608, "paper")
    assert 1_000_000 - start == 98_303
    start = _window_start(1_000_000, "-", 196_608, "paper")
    assert start + 196_608 - 1 - 1_000_000 == 98_305


@pytest.mark.parametrize("strand", ["+", "-"])
def test_genome_coordinates_there_and_back(chromosome, strand):
    genome, text = chromosome
    locus = read(genome, 30, strand, 20)
    start, end = locus.to_genome(3, 8)
    piece = encode(text[start:end])
    assert decode(locus.codes[3:8]) == decode(piece if strand == "+" else reverse_complement(piece))
    assert locus.from_genome(start, end) == (3, 8)


def test_distance_is_negative_upstream_on_both_strands(chromosome):
    for strand in "+-":
        locus = read(chromosome[0], 30, strand, 20)
        assert locus.distance(0, 4) == -8
        assert locus.distance(12, 16) == 4


@pytest.mark.parametrize(("tss", "strand", "side"), [(9, "+", "left"), (9, "-", "right"), (50, "+", "right")])
def test_beyond_the_chromosomes_end_the_window_is_n_and_says_so(chromosome, tss, strand, side):
    locus = read(chromosome[0], tss, strand, 20)
    unknown = np.flatnonzero(locus.codes == N)
    assert unknown.size == 1 if tss == 9 and strand == "+" else unknown.size <= 1
    if unknown.size:
        assert unknown[0] == (0 if side == "left" else 19)
        assert locus.notes == ("1 bases of the window lie beyond the end of chrT and are N.",)


def test_more_than_a_tenth_of_n_is_refused(chromosome):
    with pytest.raises(ValueError, match=r"holds 3 N \(15\.0%\); at most 10% is allowed.*Choose a TSS further"):
        read(chromosome[0], 7, "+", 20)
    assert read(chromosome[0], 8, "+", 20).n_fraction == 0.1


def test_a_tss_beyond_the_chromosome_is_refused(chromosome):
    with pytest.raises(ValueError, match=r"TSS of G is chrT:61, but chrT has 60 bases.*one assembly"):
        read(chromosome[0], 60, "+", 20)


def test_bad_letters_are_refused_with_the_place_in_the_genome(tmp_path):
    (tmp_path / "g.fa").write_text(">chrT\n" + "ACGTACGTAC" * 3 + "ACRTACGTAC" + "ACGTACGTAC" * 2 + "\n")
    genome = Genome(tmp_path / "g.fa")
    with pytest.raises(ValueError, match=r"chrT:21-40 of g\.fa: .*ambiguity letter, the first 'R' at position 13"):
        read(genome, 30, "+", 20)
    locus = read(genome, 30, "+", 20, ambiguous="N")
    assert locus.notes == ("1 ambiguity letters (such as R or Y) were read as N.",)
    assert locus.codes[12] == N


def test_soft_masked_letters_are_read_and_told(tmp_path):
    (tmp_path / "g.fa").write_text(">chrT\n" + "ACGTacgtACGTACGTACGT" + "\n")
    locus = read(Genome(tmp_path / "g.fa"), 10, "+", 20)
    assert decode(locus.codes) == "ACGT" * 5
    assert locus.notes == ("4 lower-case (soft-masked) letters were read as their upper-case ones.",)


def test_the_codes_cannot_be_written_and_are_a_copy(chromosome):
    codes = encode("ACGTACGTAC")
    locus = Locus("G", "G", "chrT", 5, "+", 0, 10, codes)
    codes[:] = 0
    assert decode(locus.codes) == "ACGTACGTAC"
    with pytest.raises(ValueError, match="read-only"):
        locus.codes[0] = 1


@pytest.mark.parametrize("length", [0, 1, -20, 20.0, "20", True])
def test_a_length_that_is_no_window_is_refused(chromosome, length):
    with pytest.raises(ValueError, match="whole number of bases"):
        read(chromosome[0], 30, "+", length)


def test_an_unknown_convention_is_refused(chromosome):
    with pytest.raises(ValueError, match="'centre' or 'paper'"):
        read(chromosome[0], 30, "+", 20, convention="creme")
