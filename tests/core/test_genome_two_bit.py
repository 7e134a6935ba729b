"""UCSC's 2bit format, read by the product and by py2bit."""

import random
import threading

import py2bit
import pytest

from creme_core.genome import Genome
from tests.core.two_bit import two_bit


@pytest.fixture
def sequences():
    draw = random.Random(4)
    long = "".join(draw.choice("ACGT") for _ in range(997))
    return {
        "chr1": f"NNNNN{long[:300]}{long[300:400].lower()}NN{long[400:].upper()}NNN",
        "chr2": "acgtTTGCAAC",
        "chrM": "G",
    }


@pytest.fixture
def path(tmp_path, sequences):
    path = tmp_path / "small.2bit"
    path.write_bytes(two_bit(sequences))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_letter_is_read_with_its_case_in_either_byte_order(path, sequences, order):
    path.write_bytes(two_bit(sequences, order))
    genome = Genome(path)
    assert genome.chrom_sizes == {name: len(text) for name, text in sequences.items()}
    assert {name: genome.fetch(name, 0, len(text)) for name, text in sequences.items()} == sequences


def test_any_interval_is_what_py2bit_reads(path, sequences):
    genome, reference = Genome(path), py2bit.open(str(path), True)
    draw = random.Random(5)
    for _ in range(300):
        start, end = sorted(draw.sample(range(len(sequences["chr1"]) + 1), 2))
        assert genome.fetch("chr1", start, end) == reference.sequence("chr1", start, end)
    reference.close()


def test_what_is_not_there_is_refused_as_in_a_fasta(path):
    genome = Genome(path)
    with pytest.raises(ValueError, match=r"'1' is not in small\.2bit, which writes it 'chr1'"):
        genome.fetch("1", 0, 1)
    with pytest.raises(ValueError, match="not within chr2, which has 11 bases"):
        genome.fetch("chr2", 0, 12)


def test_threads_read_one_genome(path, sequences):
    genome, texts = Genome(path), []
    threads = [threading.Thread(target=lambda: texts.append(genome.fetch("chr1", 1, 900))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [sequences["chr1"][1:900]] * 16


@pytest.mark.parametrize("content", [b"", b"CRAZ", b">chr1\nACGTACGTACGTACGT\n", b"<html>" * 9])
def test_what_is_no_2bit_is_refused(tmp_path, content):
    (tmp_path / "small.2bit").write_bytes(content)
    with pytest.raises(ValueError, match=r"small\.2bit is (no 2bit file|damaged).*give a FASTA"):
        Genome(tmp_path / "small.2bit")


def test_a_file_cut_anywhere_is_refused(path):
    content = path.read_bytes()
    for size in [*range(4, 120), *range(120, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"small\.2bit is (no 2bit file|damaged)"):
            Genome(path)


def test_a_changed_header_is_refused_or_read_and_never_ends_the_process(path, sequences):
    content, draw = path.read_bytes(), random.Random(6)
    refused = 0
    for _ in range(400):
        place = draw.randrange(120)
        path.write_bytes(content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :])
        try:
            genome = Genome(path)
            for name, size in genome.chrom_sizes.items():
                assert len(genome.fetch(name, 0, size)) == size
        except ValueError:
            refused += 1
    assert refused > 200
