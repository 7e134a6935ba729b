"""Real GRCh38 sequence, where it stands beside the checkout: the first 2.3 Mb of chr2."""

import json

import numpy as np
import pytest

import creme_core as creme
from creme_core.remote_genome import BLOCK
from creme_core.sequence import decode


@pytest.fixture
def grch38(shared_data):
    folder = shared_data / "grch38"
    return creme.open_source(folder / "chr2_1-2333275.fa.gz", genes=folder / "gene-bounds.hg38.bed")


def test_loci_hold_the_bases_around_their_tss_on_both_strands(grch38):
    # ACP1 starts at chr2:264,869 in this table; its bases are read from the FASTA by position, upper-cased.
    plus = grch38.locus("ACP1")
    assert plus.strand == "+"
    around = grch38.genome.fetch("chr2", plus.tss - 5, plus.tss + 6).upper()
    assert decode(plus.codes[98_304 - 5 : 98_304 + 6]) == around
    minus = grch38.locus("TMEM18")
    assert minus.strand == "-"
    around = grch38.genome.fetch("chr2", minus.tss - 5, minus.tss + 6).upper()
    assert decode(minus.codes[98_304 - 5 : 98_304 + 6]) == around[::-1].translate(str.maketrans("ACGTN", "TGCAN"))


@pytest.mark.parametrize(("position", "strand", "index"), [(264_926, "+", 98_303), (677_406, "-", 98_305)])
def test_published_windows_are_one_base_off(grch38, position, strand, index):
    """The paper lists ACP1 at 264925 (0-based start) and TMEM18 at 677406 (end, so the base is 677405)."""
    locus = grch38.locus(f"chr2:{position}:{strand}", convention="paper")
    assert locus.tss_index == index


def test_the_telomeres_n_are_met_with_a_sentence(grch38):
    with pytest.raises(ValueError, match=r"holds 28,304 N \(14\.4%\); at most 10% is allowed"):
        grch38.locus("chr2:80001:+")


def test_soft_masking_is_told(grch38):
    assert any("soft-masked" in note for note in grch38.locus("ACP1").notes)


def test_the_other_naming_style_is_refused(grch38):
    with pytest.raises(ValueError, match=r"'2' is not in .* which writes it 'chr2'"):
        grch38.locus("2:264926:+")


def test_a_gene_elsewhere_in_the_genome_is_refused(grch38):
    with pytest.raises(ValueError, match=r"'chr3' is not in chr2_1-2333275\.fa\.gz; it has chr2"):
        grch38.locus("GATA2")


@pytest.mark.parametrize("gene", ["ACP1", "TMEM18"])
def test_necessity_runs_end_to_end_with_the_demo_model(grch38, gene):
    model = creme.load_model("demo", device="cpu")
    predict = creme.Predictor(model)
    locus = grch38.locus(gene, length=model.input_length)
    result = creme.necessity(predict, locus, shuffles=2)
    effects = result.effects("K562")
    assert len(effects) == 38
    assert effects["n"].eq(2).all()
    assert np.isfinite(effects["effect"]).all()
    assert predict.computed == 1 + 38 * 2
    # Tiles run upstream to downstream in the gene's direction, whatever the strand.
    assert effects["distance"].iloc[0] == -95_000
    assert effects["genome_start"].is_monotonic_increasing == (locus.strand == "+")
    assert (effects["genome_end"] - effects["genome_start"]).eq(5_000).all()


def test_hg38_over_the_network_gives_the_loci_of_the_file(grch38, shared_data, mirror, tmp_path, monkeypatch):
    """The same bases, served as UCSC's service serves them."""
    monkeypatch.setenv("CREME_HOME", str(tmp_path))
    for start in range(0, 6 * BLOCK, BLOCK):
        end = start + BLOCK
        answer = {"genome": "hg38", "chrom": "chr2", "start": start, "end": end}
        content = json.dumps(answer | {"dna": grch38.genome.fetch("chr2", start, end)}).encode()
        query = f"genome=hg38;chrom=chr2;start={start};end={end}"
        mirror.add(f"/api.genome.ucsc.edu/getData/sequence?{query}", content, "application/json")
    source = creme.open_source("hg38", genes=shared_data / "grch38" / "gene-bounds.hg38.bed")
    for gene in ("ACP1", "TMEM18", "SH3YL1"):
        near, far = grch38.locus(gene), source.locus(gene)
        assert (far.digest, far.name, far.notes) == (near.digest, near.name, near.notes)
