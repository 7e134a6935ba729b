"""GRCh38 with GENCODE: from downloads, over the network, and from files of one's own; wrong assemblies refused."""

import dataclasses
import gzip
import json

import numpy as np
import pytest

from creme_core import downloads
from creme_core.annotation import find_tss
from creme_core.genome import ASSEMBLIES
from creme_core.remote_genome import RemoteGenome, SequenceUnavailable
from creme_core.sequence import decode
from creme_core.sources import Hg38Source, open_source
from tests.core.two_bit import two_bit

CHROM_M = "".join(np.random.default_rng(8).choice(list("ACGTacgt"), 16_569))


def transcript(chrom, start, end, strand, gene, gene_id, transcript_id, tag="basic"):
    ids = f'gene_id "{gene_id}"; transcript_id "{transcript_id}"; gene_type "protein_coding"; gene_name "{gene}";'
    body = f'{start}\t{end}\t.\t{strand}\t.\t{ids} level 2; tag "basic"; tag "{tag}";\n'
    return f"{chrom}\tHAVANA\ttranscript\t{body}{chrom}\tHAVANA\texon\t{body}"


HEADER = "##description: evidence-based annotation of the human genome (GRCh38), version 44 (Ensembl 110)\n"
GENES = (
    transcript("chrM", 8001, 9000, "+", "MT-A", "ENSG01.3", "ENST011.1")
    + transcript("chrM", 8101, 9000, "+", "MT-A", "ENSG01.3", "ENST012.4", "MANE_Select")
    + transcript("chrM", 8101, 8900, "+", "MT-A", "ENSG01.3", "ENST013.1")
    + transcript("chrM", 7001, 8501, "-", "MT-B", "ENSG02.7", "ENST021.1", "Ensembl_canonical")
    + transcript("chrX", 10_001, 20_000, "+", "PAR1", "ENSG03.5", "ENST031.7")
    + transcript("chrY", 10_001, 20_000, "+", "PAR1", "ENSG03.5_PAR_Y", "ENST031.7_PAR_Y")
)


@pytest.fixture
def fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def put(monkeypatch, name, content):
    """Make a download complete with this content."""
    entry = downloads.CATALOGUE[name]
    file = dataclasses.replace(entry.files[0], size=len(content), checksum=None, checksum_list=None)
    monkeypatch.setitem(downloads.CATALOGUE, name, dataclasses.replace(entry, files=(file,)))
    downloads.folder(name).mkdir(parents=True)
    (downloads.folder(name) / file.name).write_bytes(content)


@pytest.fixture
def gencode_here(fresh_home, monkeypatch):
    put(monkeypatch, "gencode", gzip.compress((HEADER + GENES).encode()))


@pytest.fixture
def source(gencode_here, mirror):
    query = f"genome=hg38;chrom=chrM;start=0;end={len(CHROM_M)}"
    answer = {"genome": "hg38", "chrom": "chrM", "start": 0, "end": len(CHROM_M), "dna": CHROM_M}
    mirror.add(f"/api.genome.ucsc.edu/getData/sequence?{query}", json.dumps(answer).encode(), "application/json")
    return open_source("hg38")


def test_without_a_genome_on_disk_windows_come_over_the_network(source, mirror, fresh_home):
    assert isinstance(source, Hg38Source)
    assert (source.name, source.model_name, source.synthetic, source.ambiguous) == ("hg38", "enformer", False, "N")
    assert source.label == (
        "GRCh38 (fetched window by window from UCSC or Ensembl) with genes of gencode.v44.basic.annotation.gtf.gz"
    )
    assert mirror.requests == []
    locus = source.locus("MT-A", 1_000)
    assert (locus.tss, locus.tss_index) == (8_100, 500)
    assert decode(locus.codes) == CHROM_M[7_600:8_600].upper()
    assert len(mirror.requests) == 1
    assert [path.name for path in (fresh_home / "sequence" / "hg38").iterdir()] == [f"chrM.0-{len(CHROM_M)}.gz"]


def test_no_network_is_one_sentence(gencode_here, mirror, monkeypatch):
    with pytest.raises(SequenceUnavailable, match=r"UCSC: .*Ensembl: .*data get hg38"):
        open_source("hg38").locus("MT-A", 1_000)
    monkeypatch.setenv("CREME_OFFLINE", "1")
    with pytest.raises(SequenceUnavailable, match="CREME_OFFLINE is set"):
        open_source("hg38").locus("MT-A", 1_000)


def test_the_download_is_read_where_it_is_here(gencode_here, monkeypatch):
    put(monkeypatch, "hg38", two_bit({"chrM": CHROM_M}))
    opened = open_source("hg38")
    assert opened.label == "GRCh38 (hg38.2bit) with genes of gencode.v44.basic.annotation.gtf.gz"
    assert opened.genome.fetch("chrM", 5, 900) == CHROM_M[5:900]
    downloads.folder("hg38").joinpath("hg38.2bit").write_bytes(b"not whole")
    assert isinstance(open_source("hg38").genome, RemoteGenome)


def test_a_damaged_download_is_refused_with_what_to_do(fresh_home, monkeypatch):
    put(monkeypatch, "gencode", b"<html>")
    with pytest.raises(
        ValueError, match=r"gencode.v44\S* is damaged.*: `python -m creme_core data check gencode` sets"
    ):
        open_source("hg38")
    put(monkeypatch, "hg38", b"<html>" * 50)
    with pytest.raises(ValueError, match=r"hg38\.2bit is no 2bit file.*: `python -m creme_core data check hg38` sets"):
        open_source("hg38")


def test_without_genes_one_sentence_says_how_to_get_them(fresh_home, monkeypatch):
    with pytest.raises(ValueError, match=r"GENCODE 44.* is not here; get it with `python -m .* get gencode`"):
        open_source("hg38")
    put(monkeypatch, "gencode-50", gzip.compress((HEADER + GENES).encode()))
    assert "gencode.v50" in open_source("hg38").label


def test_one_row_a_gene_and_every_tss_to_choose(source):
    assert source.genes["gene"].tolist() == ["MT-A", "MT-B", "PAR1", "PAR1"]
    assert source.genes["tss"].tolist() == [8_100, 8_500, 10_000, 10_000]
    choices = source.tss_choices("MT-A")
    assert choices["name"].tolist() == ["chrM:8101:+", "chrM:8001:+"]
    assert choices["transcript_ids"].tolist() == ["ENST012.4, ENST013.1", "ENST011.1"]
    for name, tss in zip(choices["name"], choices["tss"], strict=True):
        locus = source.locus(name, 1_000)
        assert (locus.gene, locus.gene_id, locus.tss) == ("MT-A", "ENSG01.3", tss)
    for other in ("ENST011", "chrM:8001:+"):  # not the gene's first: what was named comes first
        assert source.tss_choices(other)["name"].tolist() == ["chrM:8001:+", "chrM:8101:+"]
        assert source.locus(other, 1_000).tss == 8_000
    with pytest.raises(ValueError, match=r"'chrM:500:\+' is no known TSS"):
        source.tss_choices("chrM:500:+")
    exons = source.exons
    assert exons.set_index("gene").loc["MT-A", ["start", "end", "transcript_id"]].tolist() == [
        8_100,
        9_000,
        "ENST012.4",
    ]


@pytest.mark.parametrize(
    ("text", "tss"),
    [
        ("mt-a", 8_100),
        ("ENSG01", 8_100),
        ("ENSG01.3", 8_100),
        ("ENST011", 8_000),
        ("enst011.1", 8_000),
        ("ENST011.9", 8_000),
        ("chrM:8,501:-", 8_500),
    ],
)
def test_a_tss_is_found_by_symbol_gene_transcript_or_place(source, text, tss):
    assert source.locus(text, 1_000).tss == tss


def test_a_pseudoautosomal_gene_is_the_one_on_chrx_unless_the_other_is_named(source):
    for text, chrom in (("PAR1", "chrX"), ("ENSG03", "chrX"), ("ENSG03.5_PAR_Y", "chrY"), ("ENST031", "chrX")):
        assert find_tss(source.genes, text, source.transcripts)[2] == chrom


def test_search_finds_by_part_transcript_and_place(source):
    assert source.search("mt")["gene"].tolist() == ["MT-A", "MT-B"]
    assert source.search("ENST021")["gene"].tolist() == ["MT-B"]
    assert source.search("ENST0")["gene"].tolist() == ["MT-A", "MT-B", "PAR1", "PAR1"]
    assert source.search("chrM:8,450")["gene"].tolist() == ["MT-B", "MT-A"]
    assert source.search("chrM:8001-8200")["gene"].tolist() == ["MT-A"]


def test_a_position_of_another_assembly_is_refused_with_the_one_it_fits(source):
    with pytest.raises(ValueError, match=r"chr10 has 133,797,422 bases in hg38 .*one assembly \(chr10 .* in hg19\)"):
        source.locus("chr10:135,000,000:+", 1_000)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """FASTAs with the chromosome lengths of hg38 and hg19, without writing their letters; and gene tables."""
    for name in ("hg38", "hg19"):
        index, place = "", 6
        for chrom, size in ASSEMBLIES[name].items():
            index += f"{chrom}\t{size}\t{place}\t{size}\t{size + 1}\n"
            place += size + 8
        (tmp_path / f"{name}.fa").write_text(">chr1\nACGT\n")
        (tmp_path / f"{name}.fa.fai").write_text(index)
    (tmp_path / "hg38.gtf").write_text(HEADER + GENES)
    (tmp_path / "hg19.gtf").write_text(HEADER.replace("GRCh38", "GRCh37") + GENES)
    (tmp_path / "lift.gtf").write_text(HEADER.rstrip() + " - mapped to GRCh37 with gencode-backmap\n" + GENES)
    rows = {"hg38": ("chr17", 82_752_064, "TBCD"), "hg19": ("chr1", 249_200_441, "PGBD2")}
    for name, (chrom, tss, gene) in rows.items():
        text = f"chr2\t500\t900\tAAA1\t0\t+\n{chrom}\t{tss}\t{tss + 900}\t{gene}\t0\t+\n"
        (tmp_path / f"{name}.bed").write_text(text)
    return tmp_path


@pytest.mark.parametrize("table", ["hg38.gtf", "hg38.bed"])
def test_genes_of_hg38_go_with_a_fasta_of_hg38(files, table):
    own = open_source(files / "hg38.fa", genes=files / table)
    assert (own.chrom_sizes, own.ambiguous) == (ASSEMBLIES["hg38"], "N")
    opened = open_source("hg38", genome=files / "hg38.fa", genes=files / table)
    assert opened.label == f"GRCh38 (hg38.fa) with genes of {table}"
    assert (opened.transcripts is None) == table.endswith(".bed")
    assert opened.exons.empty == table.endswith(".bed")
    assert opened.tss_choices(opened.genes["gene"].iloc[0])["name"].str.endswith("+").all()


@pytest.mark.parametrize(
    ("fasta", "table", "message"),
    [
        ("hg19", "hg38.gtf", r"hg19\.fa is of hg19 \(its chr1 has 249,250,621 bases\), but hg38\.gtf says .* of hg38"),
        ("hg38", "hg19.gtf", r"hg38\.fa is of hg38 \(its chr1 has 248,956,422 bases\), but hg19\.gtf says .* of hg19"),
        ("hg38", "lift.gtf", r"hg38\.fa is of hg38 .*lift\.gtf says .* of hg19"),
        (
            "hg19",
            "hg38.bed",
            r"1 of the 2 genes of hg38\.bed lie beyond .* hg19's .*TBCD at chr17:82,752,065, which",
        ),
        ("hg38", "hg19.bed", r"1 of the 2 genes of hg19\.bed lie beyond .* hg38's .*chr1:249,200,442, which .* hg19\)"),
    ],
)
def test_a_genome_and_genes_of_two_assemblies_are_refused(files, fasta, table, message):
    with pytest.raises(ValueError, match=message) as caught:
        open_source(files / f"{fasta}.fa", genes=files / table)
    assert "\n" not in str(caught.value)


def test_a_fasta_with_gencode_has_every_tss_to_choose_and_the_other_genes_too(tmp_path):
    other = 'chrM\tHAVANA\tgene\t3001\t4000\t.\t-\t.\tgene_id "ENSG09.1"; gene_type "lncRNA"; gene_name "LNC9";\n'
    (tmp_path / "own.gtf").write_text(GENES + other)
    (tmp_path / "own.fa").write_text(f">chrM\n{CHROM_M}\n")
    opened = open_source(tmp_path / "own.fa", genes=tmp_path / "own.gtf")
    assert opened.genes["gene"].tolist() == ["MT-A", "MT-B", "PAR1", "PAR1", "LNC9"]
    assert opened.tss_choices("MT-A")["name"].tolist() == ["chrM:8101:+", "chrM:8001:+"]
    assert opened.tss_choices("LNC9")["name"].tolist() == ["chrM:4000:-"]
    assert opened.locus("LNC9", 100).tss == 3_999
    assert set(opened.exons["gene"]) == {"MT-A", "MT-B", "PAR1"}


def test_hg38_refuses_genomes_and_genes_of_other_assemblies(files):
    with pytest.raises(ValueError, match=r"hg19\.fa has the chromosome lengths of hg19, not of hg38"):
        open_source("hg38", genome=files / "hg19.fa", genes=files / "hg38.gtf")
    for table in ("hg19.gtf", "hg19.bed"):
        with pytest.raises(ValueError, match=r"give a gen(om)?e"):
            open_source("hg38", genes=files / table)
    styled = files / "styled.gtf"
    styled.write_text(GENES.replace("chr", ""))
    with pytest.raises(ValueError, match=r"the table writes 'M' where the genome writes|writes 'X' where"):
        open_source("hg38", genes=styled)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("demo", {"genes": "g.bed"}, "'demo' takes no genes="),
        ("hg38", {"path": "x"}, "'hg38' takes no path="),
        ("published", {"genome": "x"}, "'published' takes no genome="),
        ("own.fa", {"path": "x"}, "takes no path="),
        ("hg38", {"genes": "/none/g.gtf"}, "no annotation at"),
        ("hg38", {"genome": "/none/g.fa"}, "no FASTA file at"),
    ],
)
def test_options_that_do_not_go_together_are_refused(fresh_home, name, options, message):
    with pytest.raises(ValueError, match=message):
        open_source(name, **options)


def test_published_without_its_files_says_how_to_get_them(fresh_home):
    pytest.importorskip("creme_core.published")
    with pytest.raises(ValueError, match=r"not here; get it with `python -m creme_core data get published`"):
        open_source("published")


def test_the_real_gene_bounds_lie_within_hg38_and_not_within_hg19(files, shared_data):
    """Whole-genome tables are told apart by their ends alone."""
    bounds = shared_data / "grch38" / "gene-bounds.hg38.bed"
    opened = open_source("hg38", genes=bounds)
    assert open_source(files / "hg38.fa", genes=bounds).genes.equals(opened.genes)
    with pytest.raises(ValueError, match=r"of gene-bounds\.hg38\.bed lie beyond the ends of hg19's chromosomes"):
        open_source(files / "hg19.fa", genes=bounds)
