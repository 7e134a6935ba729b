import gzip
import os

import pyfaidx
import pytest
from Bio import bgzf

from creme_core.genome import Genome, other_style

FASTA = ">chr1 first\nACGTACGTAC\nGGGTTTaaaN\n>chr2\nTTTTTTTTTT\n"


@pytest.fixture(params=["plain", "bgzip"])
def fasta_path(request, tmp_path):
    if request.param == "plain":
        path = tmp_path / "small.fa"
        path.write_text(FASTA)
    else:
        path = tmp_path / "small.fa.gz"
        with bgzf.BgzfWriter(str(path)) as file:
            file.write(FASTA.encode())
    return path


def test_letters_are_read_by_position_as_the_file_writes_them(fasta_path):
    genome = Genome(fasta_path)
    assert genome.chrom_sizes == {"chr1": 20, "chr2": 10}
    assert genome.fetch("chr1", 8, 20) == "ACGGGTTTaaaN"
    assert genome.fetch("chr2", 0, 1) == "T"


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, 21), (20, 21)])
def test_an_interval_outside_the_chromosome_is_refused(fasta_path, start, end):
    with pytest.raises(ValueError, match="not within chr1, which has 20 bases"):
        Genome(fasta_path).fetch("chr1", start, end)


def test_a_name_of_the_other_style_is_refused_and_the_right_one_named(fasta_path):
    with pytest.raises(ValueError, match=r"'1' is not in small.*writes it 'chr1'"):
        Genome(fasta_path).fetch("1", 0, 5)


def test_an_absent_chromosome_is_refused_with_what_there_is(fasta_path):
    with pytest.raises(ValueError, match=r"'chr9' is not in small.*it has chr1, chr2\."):
        Genome(fasta_path).fetch("chr9", 0, 5)


@pytest.mark.parametrize(
    ("name", "other"), [("chr3", "3"), ("3", "chr3"), ("chrM", "MT"), ("MT", "chrM"), ("M", "chrM")]
)
def test_the_two_naming_styles(name, other):
    assert other_style(name) == other


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no FASTA file at .*absent\.fa"):
        Genome(tmp_path / "absent.fa")


def test_gzip_that_is_not_bgzip_is_refused(tmp_path):
    path = tmp_path / "small.fa.gz"
    path.write_bytes(gzip.compress(FASTA.encode()))
    with pytest.raises(ValueError, match="not by bgzip"):
        Genome(path)


@pytest.mark.parametrize("content", ["", "no header here\nACGT\n", ">chr1\nACGT\nAC\nACGT\n"])
def test_what_is_no_fasta_is_refused(tmp_path, content):
    path = tmp_path / "small.fa"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"small\.fa is not a FASTA"):
        Genome(path)


def test_binary_that_is_no_fasta_is_refused(tmp_path):
    path = tmp_path / "small.fa"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ValueError, match=r"small\.fa is not a FASTA"):
        Genome(path)


def test_no_index_in_a_folder_that_cannot_be_written(fasta_path, monkeypatch):
    # Tests may run as root, whom no permission stops: refuse the writing itself.
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pyfaidx.Faidx, "build_index", refuse)
    with pytest.raises(ValueError, match=r"no up-to-date index small.*\.fai.*Permission denied.*samtools faidx"):
        Genome(fasta_path)


def test_an_index_older_than_its_fasta_is_made_anew(tmp_path):
    path = tmp_path / "small.fa"
    path.write_text(FASTA)
    Genome(path)
    path.write_text(">chr1\nACGTACGT\n")
    os.utime(tmp_path / "small.fa.fai", (1, 1))
    assert Genome(path).chrom_sizes == {"chr1": 8}
