"""GENCODE in its official format, a few genes of it."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest

from creme_core import gencode
from creme_core.annotation import GENE_COLUMNS
from creme_core.gencode import (
    EXON_COLUMNS,
    TRANSCRIPT_COLUMNS,
    NoTranscripts,
    one_tss_a_gene,
    paper_candidates,
    read_exons,
    read_gencode,
    tss_choices,
)

HEADER = (
    "##description: evidence-based annotation of the human genome (GRCh38), version 44 (Ensembl 110)\n"
    "##provider: GENCODE\n##contact: gencode-help@ebi.ac.uk\n##format: {}\n##date: 2023-03-01\n"
)
# gene, gene_id, chrom, strand, gene_type; then transcript_id, start, end (1-based, closed), tags, level, exons
GENES = [
    ("AAA1", "ENSG01.3", "chr1", "+", "protein_coding"),
    ("BBB2", "ENSG02.12", "chr2", "-", "protein_coding"),
    ("NONC", "ENSG03.1", "chr2", "+", "lncRNA"),
    ("PAR1", "ENSG04.5", "chrX", "+", "protein_coding"),
    ("PAR1", "ENSG04.5_PAR_Y", "chrY", "+", "protein_coding"),
]
TRANSCRIPTS = {
    "ENSG01.3": [
        ("ENST011.1", 1001, 5000, ["basic"], 2, [(1001, 1100), (4000, 5000)]),
        ("ENST012.2", 1001, 9000, ["basic"], 2, [(1001, 1100), (8000, 9000)]),
        ("ENST013.4", 2001, 9000, ["basic", "Ensembl_canonical", "MANE_Select"], 1, [(2001, 2100), (8000, 9000)]),
    ],
    "ENSG02.12": [
        ("ENST021.1", 301, 900, ["basic"], 3, [(301, 900)]),
        ("ENST022.1", 301, 800, ["basic", "Ensembl_canonical"], 2, [(700, 800), (301, 400)]),
        ("ENST023.1", 201, 800, ["basic"], 2, [(201, 800)]),
    ],
    "ENSG03.1": [("ENST031.1", 5001, 6000, ["basic", "Ensembl_canonical"], 2, [(5001, 6000)])],
    "ENSG04.5": [("ENST041.7", 11, 90, ["basic", "Ensembl_canonical"], 2, [(11, 90)])],
    "ENSG04.5_PAR_Y": [("ENST041.7_PAR_Y", 11, 90, ["basic", "Ensembl_canonical", "PAR"], 2, [(11, 90)])],
}


def line(chrom, feature, start, end, strand, attributes):
    return f"{chrom}\tHAVANA\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


def gtf(genes=GENES):
    text = HEADER.format("gtf")
    for gene, gene_id, chrom, strand, kind in genes:
        common = f'gene_type "{kind}"; gene_name "{gene}";'
        text += line(chrom, "gene", 1, 9000, strand, f'gene_id "{gene_id}"; {common} level 2; hgnc_id "HGNC:1";')
        for transcript_id, start, end, tags, level, exons in TRANSCRIPTS[gene_id]:
            ids = f'gene_id "{gene_id}"; transcript_id "{transcript_id}"; {common} transcript_type "{kind}"; '
            rest = f"level {level}; " + "".join(f'tag "{tag}"; ' for tag in tags) + 'havana_gene "OTTHUMG1.1";'
            text += line(chrom, "transcript", start, end, strand, ids + rest)
            for number, (left, right) in enumerate(exons, start=1):
                text += line(chrom, "exon", left, right, strand, f"{ids}exon_number {number}; {rest}")
                text += line(chrom, "CDS", left, right, strand, f"{ids}exon_number {number}; {rest}")
    return text


def gff3(genes=GENES, bare_ids=False):
    """bare_ids: as in some releases, gene_id and transcript_id lack the _PAR_Y that ID and Parent have."""
    text = "##gff-version 3\n" + HEADER.format("gff3").replace("##", "#") + "##sequence-region chr1 1 248956422\n"
    for gene, gene_id, chrom, strand, kind in genes:
        shown = gene_id.removesuffix("_PAR_Y") if bare_ids else gene_id
        common = f"gene_type={kind};gene_name={gene}"
        text += line(chrom, "gene", 1, 9000, strand, f"ID={gene_id};gene_id={shown};{common};level=2")
        for transcript_id, start, end, tags, level, exons in TRANSCRIPTS[gene_id]:
            name = transcript_id.removesuffix("_PAR_Y") if bare_ids else transcript_id
            ids = f"gene_id={shown};transcript_id={name};{common};transcript_type={kind};level={level}"
            rest = f"{ids};tag={','.join(tags)}"
            text += line(chrom, "transcript", start, end, strand, f"ID={transcript_id};Parent={gene_id};{rest}")
            for number, (left, right) in enumerate(exons, start=1):
                head = f"ID=exon:{transcript_id}:{number};Parent={transcript_id}"
                text += line(chrom, "exon", left, right, strand, f"{head};{rest}")
    return text


def write(folder, name, text):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path, "gencode.v44.basic.annotation.gtf.gz", gtf())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.gtf.gz", gtf()),
        ("g.gtf", gtf()),
        ("g.gtf", gtf().replace("\n", "\r\n")),
        ("g.gff3.gz", gff3()),
        ("g.gff3", gff3(bare_ids=True)),
    ],
)
def test_every_form_gives_the_same_transcripts_of_protein_coding_genes(tmp_path, name, text):
    table = read_gencode(write(tmp_path, name, text))
    assert table.columns.tolist() == TRANSCRIPT_COLUMNS
    assert table.columns[:5].tolist() == GENE_COLUMNS
    ids = "ENST011.1 ENST012.2 ENST013.4 ENST021.1 ENST022.1 ENST023.1 ENST041.7 ENST041.7_PAR_Y"
    assert table["transcript_id"].tolist() == ids.split()
    assert table["gene_id"].tolist()[-2:] == ["ENSG04.5", "ENSG04.5_PAR_Y"]
    assert table["tss"].tolist() == [1000, 1000, 2000, 899, 799, 799, 10, 10]
    assert table["transcripts"].tolist() == [2, 2, 1, 1, 2, 2, 1, 1]
    assert table["canonical"].tolist() == [False, False, True, False, True, False, True, True]
    assert table["tag"].tolist()[:5] == ["basic", "basic", "MANE_Select", "basic", "Ensembl_canonical"]
    assert table["level"].tolist() == [2, 2, 1, 3, 2, 2, 2, 2]
    assert table[["start", "end", "gene_start", "gene_end"]].iloc[4].tolist() == [300, 800, 200, 900]
    assert table["par"].tolist() == [False] * 7 + [True]
    assert (table["alias"] == "").all()
    exons = read_exons(tmp_path / name)
    assert exons.columns.tolist() == EXON_COLUMNS
    assert exons[exons["gene"] == "BBB2"][["start", "end", "transcript_id"]].values.tolist() == [
        [300, 400, "ENST022.1"],
        [699, 800, "ENST022.1"],
    ]
    assert exons["transcript_id"].nunique() == 4


def test_the_second_reading_is_from_small_files_beside_it(path, monkeypatch):
    first, exons = read_gencode(path), read_exons(path)
    monkeypatch.setattr(gencode, "_parse", lambda *_: pytest.fail("parsed again"))
    again = read_gencode(path)
    pd.testing.assert_frame_equal(again, first)
    pd.testing.assert_frame_equal(read_exons(path), exons)
    names = [f"{path.name}.{ending}" for ending in ("exons.parquet", "tables.json", "transcripts.parquet")]
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, *names]


def test_a_changed_file_is_parsed_anew(path):
    read_gencode(path)
    path.write_bytes(gzip.compress(gtf(GENES[:1]).encode()))
    assert read_gencode(path)["gene"].unique().tolist() == ["AAA1"]
    stat = path.stat()
    path.write_bytes(gzip.compress(gtf([("CCC3", *GENES[0][1:])]).encode()))  # as long as before
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
    assert read_gencode(path)["gene"].unique().tolist() == ["CCC3"]


@pytest.mark.parametrize("ending", ["transcripts.parquet", "tables.json"])
def test_damaged_tables_beside_it_are_made_anew(path, ending):
    first = read_gencode(path)
    kept = path.with_name(f"{path.name}.{ending}")
    content = kept.read_bytes()
    damages = [content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :] for place in range(3, 99, 7)]
    for damaged in (b"", b"PAR1", b"[1]", b"{}", content[: len(content) // 2], *damages):
        kept.write_bytes(damaged)
        pd.testing.assert_frame_equal(read_gencode(path), first)
        assert kept.read_bytes() == content


def test_a_folder_that_cannot_be_written_costs_time_only(path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(gencode.Path, "write_bytes", refuse)
    assert len(read_gencode(path)) == len(read_gencode(path)) == 8
    assert [file.name for file in path.parent.iterdir()] == [path.name]


BROKEN = {
    "cut.gtf.gz": (gzip.compress(gtf().encode())[:-30], r"cut\.gtf\.gz is damaged, cut short"),
    "page.gtf.gz": (b"<!DOCTYPE html><html></html>", r"page\.gtf\.gz is damaged, .*download it again"),
    "page.gtf": (b"<!DOCTYPE html><html></html>", r"page\.gtf holds no transcript of a protein-coding gene"),
    "none.gtf": (gtf(GENES[2:3]).encode(), "holds no transcript of a protein-coding gene"),
    "cut.gtf": (gtf().encode()[: gtf().index("BBB2") + 2], "is cut short: its last line ends in '.*BB'"),
    "exon.gtf": (gtf().replace("exon\t1001\t", "exon\tx\t").encode(), "line 8: no nine columns with an interval"),
    "strand.gtf": (gtf(GENES[:1]).replace("\t+\t", "\t.\t").encode(), r"line 7: the strand is '\.'"),
    "start.gtf": (gtf().replace("\t1001\t", "\tx\t").encode(), "line 7: start 'x' and end '5000' must be whole"),
    "ids.gtf": (gtf().replace("transcript_id", "name").encode(), "line 7: no gene_id or no transcript_id"),
    "text.gtf": (gtf().replace("AAA1", "\udcff").encode("utf-8", "surrogateescape"), "is damaged"),
    "g.bed": (b"", r"ends in \.bed; a GENCODE annotation is \.gtf or \.gff3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_refused_in_a_sentence_and_nothing_is_kept(tmp_path, name):
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_gencode(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with pytest.raises(ValueError, match="no annotation at"):
        read_gencode(tmp_path / "absent.gtf.gz")


def test_an_annotation_without_gene_types_can_be_told(tmp_path):
    text = gtf().replace("gene_type", "kind").replace("transcript_type", "kind2")
    with pytest.raises(NoTranscripts):
        read_gencode(write(tmp_path, "g.gtf", text))


def test_one_tss_a_gene_is_the_canonical_one_else_the_one_most_transcripts_share(path):
    table = read_gencode(path)
    chosen = one_tss_a_gene(table)
    assert chosen["gene_id"].tolist() == ["ENSG01.3", "ENSG02.12", "ENSG04.5", "ENSG04.5_PAR_Y"]
    assert chosen["transcript_id"].tolist()[:2] == ["ENST013.4", "ENST022.1"]
    untagged = table.assign(tag="basic")
    assert one_tss_a_gene(untagged)["tss"].tolist() == [1000, 799, 10, 10]
    assert one_tss_a_gene(untagged)["transcript_id"].tolist()[:2] == ["ENST011.1", "ENST022.1"]


def test_one_tss_a_gene_by_activity_is_the_highest(path):
    table = read_gencode(path)
    activity = np.array([1, 5, 3, np.nan, 2, 2, np.nan, 7])
    assert one_tss_a_gene(table, activity)["transcript_id"].tolist() == [
        "ENST012.2",
        "ENST022.1",
        "ENST041.7",
        "ENST041.7_PAR_Y",
    ]
    by_symbol = one_tss_a_gene(table, pd.Series(activity), by="gene")
    assert by_symbol["transcript_id"].tolist() == ["ENST012.2", "ENST022.1", "ENST041.7_PAR_Y"]
    with pytest.raises(ValueError, match=r"activity has shape \(2,\) for 8 rows"):
        one_tss_a_gene(table, [1, 2])
    with pytest.raises(ValueError, match="by='symbol' is not known"):
        one_tss_a_gene(table, by="symbol")


def test_the_papers_filter_keys_on_the_wrong_end_of_the_minus_strand(path):
    """+: one row a Start. -: ENST022 shares its 3' end with ENST021 and is dropped; ENST023 keeps its TSS, 800."""
    kept = paper_candidates(read_gencode(path))
    assert kept["transcript_id"].tolist() == [
        "ENST011.1",
        "ENST013.4",
        "ENST021.1",
        "ENST023.1",
        "ENST041.7",
        "ENST041.7_PAR_Y",
    ]
    assert kept["paper_tss"].tolist() == [1000, 2000, 900, 800, 10, 10]
    assert kept["tss"].tolist() == [1000, 2000, 899, 799, 10, 10]
    assert kept["paper_id"].tolist()[1:3] == ["AAA1_chr1_2000_+", "BBB2_chr2_900_-"]
    assert one_tss_a_gene(kept, [1, 2, 3, 1, 1, 1], by="gene")["paper_tss"].tolist() == [2000, 900, 10]


def test_the_tsss_of_a_gene_stand_with_its_own_first_then_in_its_direction(path):
    table = read_gencode(path)
    choices = tss_choices(table[table["gene"] == "BBB2"])
    assert choices["tss"].tolist() == [799, 899]
    assert choices["transcript_id"].tolist() == ["ENST022.1", "ENST021.1"]
    assert choices["transcript_ids"].tolist() == ["ENST022.1, ENST023.1", "ENST021.1"]
    assert choices["transcripts"].tolist() == [2, 1]
    assert tss_choices(table[table["gene"] == "AAA1"])["tss"].tolist() == [2000, 1000]
