"""What the public servers answer for a small Enformer and three genes of chr2 with their real sequence."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

from creme_core.downloads import CATALOGUE
from creme_core.genome import Genome
from creme_core.remote_genome import BLOCK
from tests.core.official_files import enformer_targets, gamma_network, save_pickle
from tests.core.small_downloads import Small, serve
from tests.faulty_server import FaultyServer

__all__ = [
    "CHR2",
    "ENSEMBL",
    "GENCODE",
    "LOCI",
    "UCSC",
    "gencode_sample",
    "serve_chr2",
    "serve_download",
    "serve_enformer",
]

SHARED = Path(__file__).parents[3] / "shared" / "data"
CHR2 = SHARED / "grch38" / "chr2_1-2333275.fa.gz"
UCSC = "/api.genome.ucsc.edu/getData/sequence"
ENSEMBL = "/rest.ensembl.org/sequence/region/human/"
# As the paper's tables name them: on the - strand the number is one more than the TSS base, 0-based.
LOCI = ("ACP1_chr2_264925_+", "SH3YL1_chr2_264810_-", "TMEM18_chr2_677406_-")
# chrom, start and end (1-based, inclusive), strand, gene, gene id, transcript id, tag.
TRANSCRIPTS = (
    ("chr2", 264_926, 278_283, "+", "ACP1", "ENSG00000143727.17", "ENST00000272065.10", "MANE_Select"),
    ("chr2", 264_873, 277_100, "+", "ACP1", "ENSG00000143727.17", "ENST00000272067.11", "basic"),
    ("chr2", 272_000, 278_283, "+", "ACP1", "ENSG00000143727.17", "ENST00000484464.2", "basic"),
    ("chr2", 218_138, 264_810, "-", "SH3YL1", "ENSG00000035115.22", "ENST00000356150.10", "MANE_Select"),
    ("chr2", 667_973, 677_406, "-", "TMEM18", "ENSG00000151353.15", "ENST00000281017.8", "MANE_Select"),
    ("chr3", 128_479_427, 128_493_187, "-", "GATA2", "ENSG00000179348.13", "ENST00000341105.7", "MANE_Select"),
)
GENCODE = "gencode.v44.basic.annotation.gtf.gz"


def gencode_sample(assembly: str = "GRCh38") -> bytes:
    """A GENCODE annotation of four genes, gzipped; ACP1 has three TSSs, and an alias as some annotations give."""
    lines = [f"##description: evidence-based annotation of the human genome ({assembly}), version 44 (Ensembl 110)"]
    for chrom, start, end, strand, gene, gene_id, transcript_id, tag in TRANSCRIPTS:
        alias = ' gene_alias "HAAP,LMW-PTP";' if gene == "ACP1" else ""
        ids = f'gene_id "{gene_id}"; transcript_id "{transcript_id}"; gene_type "protein_coding"; gene_name "{gene}";'
        rest = f'{start}\t{end}\t.\t{strand}\t.\t{ids} level 2;{alias} tag "basic"; tag "{tag}";'
        lines += [f"{chrom}\tHAVANA\t{feature}\t{rest}" for feature in ("transcript", "exon")]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def serve_download(mirror: FaultyServer, name: str, contents: dict[str, bytes]) -> None:
    """Serve the files of a download of the real catalogue: contents by file name."""
    for file in CATALOGUE[name].files:
        at = f"/cdn.example/{file.name}" if file.on_hub else f"/{file.url.partition('://')[2]}"
        serve(mirror, Small("", replace(CATALOGUE[name], files=(file,)), contents[file.name], at))


def serve_enformer(mirror: FaultyServer, scratch: Path, targets: str | None = None) -> None:
    """Serve a small randomised Enformer of 5,313 human tracks as Hugging Face does, and its table of tracks."""
    made = save_pickle(scratch / "official", gamma_network(5_313))
    contents = {name: (made / name).read_bytes() for name in ("config.json", "pytorch_model.bin")}
    serve_download(mirror, "enformer", contents)
    serve_download(mirror, "enformer-tracks", {"targets_human.txt": (targets or enformer_targets()).encode()})


def serve_chr2(mirror: FaultyServer, fasta: Path = CHR2) -> None:
    """Serve the real first bases of chr2, block by block, as UCSC (soft-masked JSON) and Ensembl (plain text) do."""
    genome = Genome(fasta)
    for start in range(0, genome.chrom_sizes["chr2"] - BLOCK, BLOCK):
        end, dna = start + BLOCK, genome.fetch("chr2", start, start + BLOCK)
        answer = {
            "downloadTime": "2026:01:01",
            "genome": "hg38",
            "chrom": "chr2",
            "start": start,
            "end": end,
            "dna": dna,
        }
        query = f"genome=hg38;chrom=chr2;start={start};end={end}"
        mirror.add(f"{UCSC}?{query}", json.dumps(answer).encode(), "application/json")
        mirror.add(f"{ENSEMBL}2:{start + 1}..{end}:1", dna.upper().encode(), "text/plain")
