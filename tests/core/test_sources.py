import pytest

from creme_core.sources import open_source

SEQUENCE = "ACGTTGCAACCGATTACAGGTCAGCATTGAGTCCATGACTTAGGCATCCGATACGTTCAG"


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "mini.fa"
    path.write_text(f">chr1\n{SEQUENCE}\n>chr2\n{SEQUENCE[::-1]}\n")
    return path


def bed(folder, *rows):
    path = folder / "genes.bed"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


def test_any_fasta_with_a_gene_table_is_a_source(fasta, tmp_path):
    genes = bed(tmp_path, ("chr1", 30, 40, "AAA1", 0, "+"), ("chr2", 20, 31, "BBB2", 0, "-"))
    source = open_source(fasta, genes=genes)
    assert source.genes.columns[:5].tolist() == ["gene", "gene_id", "chrom", "tss", "strand"]
    assert source.chrom_sizes == {"chr1": 60, "chr2": 60}
    assert not source.synthetic
    locus = source.locus("AAA1", 20)
    assert (locus.chrom, locus.tss, locus.strand, locus.tss_index) == ("chr1", 30, "+", 10)
    assert source.locus("bbb2", 20).tss == 30
    assert source.locus("chr2:31:-", 20).digest == source.locus("BBB2", 20).digest
    assert source.search("a1")["gene"].tolist() == ["AAA1"]


def test_a_gene_table_of_the_other_naming_style_is_refused(fasta, tmp_path):
    genes = bed(tmp_path, ("1", 30, 40, "AAA1", 0, "+"))
    with pytest.raises(ValueError, match=r"the table writes '1' where the genome writes 'chr1'"):
        open_source(fasta, genes=genes)


def test_a_gene_table_of_another_genome_is_refused(fasta, tmp_path):
    with pytest.raises(ValueError, match="the table has 'scaffold9', the genome 'chr1'"):
        open_source(fasta, genes=bed(tmp_path, ("scaffold9", 30, 40, "AAA1", 0, "+")))


def test_a_gene_on_an_absent_chromosome_is_refused_when_asked_for(fasta, tmp_path):
    genes = bed(tmp_path, ("chr1", 30, 40, "AAA1", 0, "+"), ("chr7", 30, 40, "CCC3", 0, "+"))
    with pytest.raises(ValueError, match=r"'chr7' is not in mini\.fa; it has chr1, chr2"):
        open_source(fasta, genes=genes).locus("CCC3", 20)


def test_a_typed_chromosome_of_the_other_style_is_refused(fasta, tmp_path):
    source = open_source(fasta, genes=bed(tmp_path, ("chr1", 30, 40, "AAA1", 0, "+")))
    with pytest.raises(ValueError, match=r"'1' is not in mini\.fa, which writes it 'chr1'"):
        source.locus("1:31:+", 20)


def test_a_fasta_without_genes_is_refused(fasta):
    with pytest.raises(ValueError, match="add genes=PATH"):
        open_source(fasta)


@pytest.mark.parametrize("name", ["hg99", "/no/such/file.fa"])
def test_an_unknown_source_is_refused(name):
    with pytest.raises(ValueError, match=r"no source .*it is 'demo', 'hg38', 'published', or the path of a FASTA"):
        open_source(name)


def test_ambiguity_letters_are_refused_or_read_as_n(tmp_path):
    (tmp_path / "r.fa").write_text(f">chr1\n{SEQUENCE[:29]}R{SEQUENCE[30:]}\n")
    genes = bed(tmp_path, ("chr1", 30, 40, "AAA1", 0, "+"))
    with pytest.raises(ValueError, match="ambiguity letter"):
        open_source(tmp_path / "r.fa", genes=genes).locus("AAA1", 20)
    assert open_source(tmp_path / "r.fa", genes=genes, ambiguous="N").locus("AAA1", 20).codes[9] == 4
    with pytest.raises(ValueError, match="'skip' is not known"):
        open_source(tmp_path / "r.fa", genes=genes, ambiguous="skip")
