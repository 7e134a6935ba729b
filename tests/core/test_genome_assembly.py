"""Telling assemblies apart by the lengths of their chromosomes."""

import pytest

from creme_core.genome import ASSEMBLIES, assembly, fitting_assemblies, other_style


@pytest.mark.parametrize("name", ASSEMBLIES)
def test_an_assembly_is_known_by_its_lengths_in_either_style_and_by_single_chromosomes(name):
    sizes = ASSEMBLIES[name]
    assert assembly(sizes) == name
    assert assembly({other_style(chrom): size for chrom, size in sizes.items()}) == name
    assert assembly(sizes | {"chrUn_1": 1_000}) == name
    for chrom, size in sizes.items():
        assert assembly({chrom: size}) == (None if chrom == "chrM" else name)


def test_lengths_of_no_known_assembly_say_nothing():
    assert assembly({"chr2": 2_333_275}) is None
    assert assembly({"chrT": 60}) is None
    assert assembly({}) is None
    assert assembly(ASSEMBLIES["hg38"] | dict.fromkeys(list(ASSEMBLIES["hg38"])[:12], 5)) is None


def test_the_lengths_are_those_of_the_official_file(shared_data):
    rows = (shared_data / "grch38" / "chrom.sizes.tsv").read_text().split("\n")
    assert {name: int(size) for name, size in (row.split("\t") for row in rows if row)} == ASSEMBLIES["hg38"]


def test_assemblies_in_which_a_position_exists():
    assert fitting_assemblies("chr10", 135_000_000) == ["hg19"]
    assert fitting_assemblies("17", 83_000_000) == ["hg38", "mm10", "T2T-CHM13"]
    assert fitting_assemblies("chr1", 300_000_000) == []
