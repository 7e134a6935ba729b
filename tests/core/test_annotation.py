import gzip

import pandas as pd
import pytest

from creme_core.annotation import declared_assembly, find_tss, parse_position, read_genes, search_genes

BED = (
    "#chr\tstart\tend\tname\tscore\tstrand\tEnsembl_ID\tgene_type\n"
    "track name=genes\n"
    "chr1\t100\t200\tAAA1\t0\t+\tENSG01\tprotein_coding\n"
    "chr2\t300\t400\tBBB2\t0\t-\tENSG02\tlincRNA\n"
)
GTF = (
    "##description: small\n"
    'chr1\tHAVANA\tgene\t101\t200\t.\t+\t.\tgene_id "ENSG01.3"; gene_type "protein_coding"; gene_name "AAA1";\n'
    'chr1\tHAVANA\ttranscript\t101\t180\t.\t+\t.\tgene_id "ENSG01.3"; transcript_id "ENST01"; gene_name "AAA1";\n'
    'chr2\tHAVANA\tgene\t301\t400\t.\t-\t.\tgene_id "ENSG02.1"; gene_name "BBB2";\n'
)
GFF3 = (
    "##gff-version 3\n"
    "chr1\tensembl\tgene\t101\t200\t.\t+\t.\tID=gene:ENSG01;Name=AAA1;biotype=protein_coding\n"
    "chr2\tHAVANA\tgene\t301\t400\t.\t-\t.\tID=ENSG02;gene_id=ENSG02;gene_name=BBB2\n"
)
TSV = "gene\tgene_id\tchrom\ttss\tstrand\tdescription\nAAA1\tENSG01\tchr1\t100\t+\tNA\nBBB2\tENSG02\tchr2\t399\t-\tx\n"


def write(folder, name, text):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("g.bed", BED, ["ENSG01", "ENSG02"]),
        ("g.gtf", GTF, ["ENSG01.3", "ENSG02.1"]),
        ("g.gff3", GFF3, ["ENSG01", "ENSG02"]),
        ("g.tsv", TSV, ["ENSG01", "ENSG02"]),
        ("g.bed", BED.replace("\n", "\r\n"), ["ENSG01", "ENSG02"]),
    ],
)
def test_every_format_gives_the_same_zero_based_tss_on_both_strands(tmp_path, name, text, ids, ending):
    genes = read_genes(write(tmp_path, name + ending, text))
    assert list(genes.columns[:5]) == ["gene", "gene_id", "chrom", "tss", "strand"]
    assert genes["gene"].tolist() == ["AAA1", "BBB2"]
    assert genes["gene_id"].tolist() == ids
    assert genes["chrom"].tolist() == ["chr1", "chr2"]
    assert genes["tss"].tolist() == [100, 399]
    assert genes["strand"].tolist() == ["+", "-"]


def test_transcripts_stand_in_where_there_is_no_gene_line(tmp_path):
    text = "\n".join(line for line in GTF.splitlines() if "\tgene\t" not in line)
    assert read_genes(write(tmp_path, "g.gtf", text))["tss"].tolist() == [100]


def test_six_column_bed_names_its_genes_by_their_symbol(tmp_path):
    genes = read_genes(write(tmp_path, "g.bed", "chr1\t5\t9\tAAA1\t0\t-\n"))
    assert genes.iloc[0].tolist() == ["AAA1", "AAA1", "chr1", 8, "-"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.bed", "chr1\t5\t9\tAAA1\n", r"g\.bed, line 1: 4 tab-separated columns"),
        ("g.bed", "chr1\tx\t9\tAAA1\t0\t+\n", r"line 1: start 'x' and end '9' must be whole numbers"),
        ("g.bed", "\nchr1\t9\t9\tAAA1\t0\t+\n", r"line 2: start 9 must come before end 9"),
        ("g.bed", "chr1\t5\t9\tAAA1\t0\t.\n", r"line 1: the strand is '\.'"),
        ("g.gtf", "chr1\tgene\t5\n", r"line 1: 3 tab-separated columns; this format has nine"),
        ("g.gtf", "chr1\tx\tgene\t5\t9\t.\t+\t.\tnote\n", r"line 1: no gene_id"),
        ("g.gff3", "chr1\tx\tgene\t0\t9\t.\t+\t.\tID=a\n", r"line 1: start 0 must come before"),
        ("g.tsv", "gene\tchrom\nA\tchr1\n", r"no column gene_id, tss, strand"),
        ("g.tsv", TSV.replace("100", "1e2"), r"whole numbers"),
        ("g.tsv", "", r"g\.tsv can't be read"),
        ("g.bed", "#nothing\n", r"g\.bed holds no gene"),
        ("g.txt", BED, r"ends in \.txt"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_the_line(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_genes(write(tmp_path, name, text))


def test_a_missing_or_binary_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no gene table at"):
        read_genes(tmp_path / "absent.bed")
    (tmp_path / "g.bed").write_bytes(b"\xff\xfe\x00\x01" * 30)
    with pytest.raises(ValueError, match="can't be read as BED"):
        read_genes(tmp_path / "g.bed")
    (tmp_path / "g.gtf.gz").write_bytes(gzip.compress(GTF.encode())[:40])
    with pytest.raises(ValueError, match="can't be read as GTF"):
        read_genes(tmp_path / "g.gtf.gz")


@pytest.fixture
def genes():
    rows = [
        ("GATA2", "ENSG10.4", "chr3", 50, "-"),
        ("GATA1", "ENSG11.2", "chrX", 60, "+"),
        ("BGATA", "ENSG12.1", "chr1", 70, "+"),
        ("TWICE", "ENSG13.1", "chr1", 80, "+"),
        ("TWICE", "ENSG14.1", "chr1", 90, "-"),
    ]
    return pd.DataFrame(rows, columns=["gene", "gene_id", "chrom", "tss", "strand"])


@pytest.mark.parametrize("text", ["GATA2", " gata2 ", "ENSG10.4", "ENSG10", "ENSG10.7", "ensg10.4"])
def test_a_gene_is_found_by_symbol_or_id_with_or_without_version(genes, text):
    assert find_tss(genes, text) == ("GATA2", "ENSG10.4", "chr3", 50, "-")


def test_a_typed_position_is_one_based(genes):
    assert find_tss(genes, "chr2:264,926:+") == ("chr2:264926:+", "chr2:264926:+", "chr2", 264_925, "+")


def test_an_unknown_gene_is_refused_with_the_nearest(genes):
    with pytest.raises(ValueError, match=r"No gene 'GATA9'.*nearest are GATA2, GATA1, BGATA|nearest are GATA1, GATA2"):
        find_tss(genes, "GATA9")
    with pytest.raises(ValueError, match=r"No gene 'zzz'.*5 genes, such as GATA2"):
        find_tss(genes, "zzz")


def test_a_name_of_two_genes_is_refused_with_their_places(genes):
    with pytest.raises(ValueError, match=r"'TWICE' names 2 TSSs.*chr1:81:\+ \(ENSG13\.1\); chr1:91:- \(ENSG14\.1\)"):
        find_tss(genes, "TWICE")
    assert find_tss(genes, "ENSG14")[3] == 90


@pytest.mark.parametrize("text", ["", "   ", None, 7])
def test_no_name_is_refused(genes, text):
    with pytest.raises(ValueError, match="No gene was named"):
        find_tss(genes, text)


@pytest.mark.parametrize("text", ["chr2:264926", "chr2:264926:*", "chr2:26x:+", "chr2:1-5:+"])
def test_half_a_position_is_refused_with_the_form(text):
    with pytest.raises(ValueError, match="write chromosome:position:strand"):
        parse_position(text)


def test_position_zero_is_refused_since_people_count_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        parse_position("chr1:0:+")


def test_search_puts_the_exact_gene_first_then_starts_then_the_rest(genes):
    assert search_genes(genes, "gata1")["gene"].tolist() == ["GATA1"]
    assert search_genes(genes, "gata")["gene"].tolist() == ["GATA2", "GATA1", "BGATA"]
    assert search_genes(genes, "gata", limit=2)["gene"].tolist() == ["GATA2", "GATA1"]
    assert search_genes(genes, "ensg11")["gene"].tolist() == ["GATA1"]
    assert search_genes(genes, "[.*").empty


def test_an_alias_is_found_after_symbols(genes):
    genes["alias"] = ["NFE1B, GATA1", "NFE1", None, "", ""]
    assert find_tss(genes, "nfe1b")[0] == "GATA2"
    assert find_tss(genes, "GATA1")[0] == "GATA1"
    assert search_genes(genes, "NFE1")["gene"].tolist() == ["GATA1", "GATA2"]
    with pytest.raises(ValueError, match="No gene 'NFE'"):
        find_tss(genes, "NFE")


def test_a_position_that_is_a_genes_tss_has_its_name(genes):
    assert find_tss(genes, "chr3:51:-") == ("GATA2", "ENSG10.4", "chr3", 50, "-")
    assert find_tss(genes, "chr3:51:+")[0] == "chr3:51:+"


@pytest.mark.parametrize(
    ("text", "found"),
    [("chr1:85", ["TWICE", "TWICE", "BGATA"]), ("chr1:81-91", ["TWICE", "TWICE"]), ("chr1:1-9", []), ("chr8:1", [])],
)
def test_search_by_place_is_one_based(genes, text, found):
    assert search_genes(genes, text)["gene"].tolist() == found


@pytest.mark.parametrize(
    ("head", "assembly"),
    [
        ("##description: evidence-based annotation of the human genome (GRCh38), version 44 (Ensembl 110)", "hg38"),
        ("##description: ... genome (GRCh38), version 24 (Ensembl 83) - mapped to GRCh37 with gencode-backmap", "hg19"),
        ("#!genome-build GRCh38.p14\n#!genome-version GRCh38", "hg38"),
        ("##description: evidence-based annotation of the mouse genome (GRCm39), version M33", "mm39"),
        ("# lifted from hg19 to hg38", None),
        ("# genes", None),
        ("AAA1 GRCh38", None),
    ],
)
def test_the_assembly_that_a_table_names_at_its_head(tmp_path, head, assembly):
    for name in ("g.gtf", "g.gtf.gz"):
        assert declared_assembly(write(tmp_path, name, f"{head}\n{GTF}")) == assembly
    assert declared_assembly(tmp_path / "absent.bed") is None
    (tmp_path / "g.bed").write_bytes(b"\xff\xfe\x00")
    assert declared_assembly(tmp_path / "g.bed") is None
