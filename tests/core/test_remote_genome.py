"""GRCh38 over the network, from a local server that stands for UCSC and Ensembl."""

import gzip
import json
import threading

import numpy as np
import pytest

from creme_core import remote_genome
from creme_core.genome import Genome
from creme_core.locus import read_locus
from creme_core.remote_genome import RemoteGenome, SequenceUnavailable
from tests.faulty_server import Cut, Drip, Short, Status, Truncate, WrongBytes, WrongType

UCSC = "/api.genome.ucsc.edu/getData/sequence"
ENSEMBL = "/rest.ensembl.org/sequence/region/human/"
SIZE = 16_569
MITOCHONDRION = "".join(np.random.default_rng(3).choice(list("ACGTacgtN"), SIZE))


def ucsc(server, chrom, start, end, dna, changed=None):
    answer = {"downloadTime": "2026:01:01", "genome": "hg38", "chrom": chrom, "start": start, "end": end, "dna": dna}
    path = f"{UCSC}?genome=hg38;chrom={chrom};start={start};end={end}"
    server.add(path, json.dumps(answer | (changed or {})).encode(), "application/json")
    return path


def ensembl(server, chrom, start, end, dna):
    path = f"{ENSEMBL}{chrom}:{start + 1}..{end}:1"
    server.add(path, dna.upper().encode(), "text/plain")
    return path


@pytest.fixture
def both(mirror):
    """A server that has chrM under both names."""
    return mirror, ucsc(mirror, "chrM", 0, SIZE, MITOCHONDRION), ensembl(mirror, "MT", 0, SIZE, MITOCHONDRION)


@pytest.fixture
def genome(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_genome, "TIMEOUT_SECONDS", 0.3)
    return RemoteGenome(tmp_path)


def test_letters_come_by_position_as_served_and_are_kept(both, genome, tmp_path):
    server, ucsc_path, _ = both
    assert genome.fetch("chrM", 100, 400) == MITOCHONDRION[100:400]
    assert genome.fetch("chrM", 0, SIZE) == MITOCHONDRION
    assert RemoteGenome(tmp_path).fetch("chrM", SIZE - 1, SIZE) == MITOCHONDRION[-1]
    assert [path for _, path, _ in server.requests] == [ucsc_path]
    assert not list(tmp_path.rglob("*.part"))


FAULTS = {
    "404": Status(404),
    "400": Status(400, {}, b'{"error": "invalid chrom", "statusCode": 400}'),
    "429": Status(429, {"Retry-After": "0"}),
    "500": Status(500),
    "cut": Cut(100),
    "truncated": Truncate(100),
    "short": Short(5_000),
    "html": WrongType(),
    "json of something else": WrongType("application/json", b'["dna"]'),
    "an error as JSON": WrongType("application/json", b'{"error": "can not find chrom=chrM"}'),
    "no letters": WrongType("text/plain", b"<" * SIZE),
    "drip": Drip(0.2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_where_ucsc_fails_ensembl_answers_and_is_asked_first_from_then_on(both, genome, fault):
    server, ucsc_path, ensembl_path = both
    server.fault(ucsc_path, fault, always=True)
    assert genome.fetch("chrM", 0, SIZE) == MITOCHONDRION.upper()
    before = len(server.requests)
    ensembl(server, "1", 0, remote_genome.BLOCK, "A" * remote_genome.BLOCK)
    assert genome.fetch("chr1", 0, 10) == "A" * 10
    assert [path for _, path, _ in server.requests[before:]] == [
        f"{ENSEMBL}1:1..{remote_genome.BLOCK}:1?content-type=text/plain;coord_system_version=GRCh38"
    ]
    assert server.asked(ensembl_path)[0]["Accept"] == "text/plain"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_where_both_fail_one_sentence_names_both_and_nothing_is_kept(both, genome, tmp_path, fault):
    server, ucsc_path, ensembl_path = both
    for path in (ucsc_path, ensembl_path):
        server.fault(path, fault, always=True)
    with pytest.raises(SequenceUnavailable, match=r"chrM:1-16,569 .*\(UCSC: .*; Ensembl: .*data get hg38") as caught:
        genome.fetch("chrM", 0, 100)
    assert isinstance(caught.value, OSError)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("fault", [Status(503), Status(429, {"Retry-After": "0"}), Cut(1_000), Truncate(1_000)])
def test_a_fault_that_passes_is_met_by_asking_again(both, genome, fault):
    server, ucsc_path, _ = both
    server.fault(ucsc_path, fault)
    assert genome.fetch("chrM", 0, SIZE) == MITOCHONDRION
    assert len(server.asked(ucsc_path)) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"chrom": "chr1"}, "answered for chrom 'chr1' instead of 'chrM'"),
        ({"genome": "hg19"}, "answered for genome 'hg19' instead of 'hg38'"),
        ({"start": 1}, "answered for start 1 instead of 0"),
        ({"end": 7}, "answered for end 7 instead of 16569"),
        ({"dna": MITOCHONDRION[:-1]}, r"sent 16,568 letters instead of 16,569 \(that so many .* is not verified\)"),
        ({"dna": "R" + MITOCHONDRION[1:]}, "sent 'R' at position 1, which is no DNA letter"),
        ({"dna": "?" + MITOCHONDRION[1:]}, "sent '\\?' at position 1, which is no DNA letter"),
        ({"dna": None}, "no text under 'dna', as it is documented to"),
        ({"dna": None, "error": "can not find chrom"}, "it says 'can not find chrom'"),
    ],
)
def test_an_answer_about_something_else_is_not_taken(mirror, genome, changed, message):
    ucsc(mirror, "chrM", 0, SIZE, MITOCHONDRION, changed)
    with pytest.raises(SequenceUnavailable, match=message):
        genome.fetch("chrM", 0, 100)


def test_a_changed_byte_that_is_no_letter_is_noticed(both, genome):
    server, ucsc_path, ensembl_path = both
    middle = SIZE // 2
    ensembl(server, "MT", 0, SIZE, MITOCHONDRION[:middle] + "A" + MITOCHONDRION[middle + 1 :])  # A becomes @
    server.fault(ucsc_path, Status(404), always=True)
    server.fault(ensembl_path, WrongBytes(), always=True)
    with pytest.raises(SequenceUnavailable, match="sent '@' at position 8,285"):
        genome.fetch("chrM", 0, 10)


def test_ensembls_ambiguity_letters_are_letters(mirror, genome):
    ensembl(mirror, "MT", 0, SIZE, "M" + MITOCHONDRION[1:])
    assert genome.fetch("chrM", 0, 2)[0] == "M"


def test_long_windows_are_split_into_blocks_that_overlapping_windows_share(mirror, genome, monkeypatch):
    monkeypatch.setattr(remote_genome, "BLOCK", 1_000)
    for start in range(0, SIZE, 1_000):
        ucsc(mirror, "chrM", start, min(start + 1_000, SIZE), MITOCHONDRION[start : start + 1_000])
    assert genome.fetch("chrM", 2_500, 5_001) == MITOCHONDRION[2_500:5_001]
    assert len(mirror.requests) == 4
    assert genome.fetch("chrM", 1_999, 4_000) == MITOCHONDRION[1_999:4_000]
    assert len(mirror.requests) == 5
    assert genome.fetch("chrM", SIZE - 700, SIZE) == MITOCHONDRION[-700:]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of another place", "no gzip"])
def test_a_damaged_block_is_fetched_again(both, genome, damage):
    server, ucsc_path, _ = both
    genome.fetch("chrM", 0, 10)
    (path,) = (path for path in genome.folder.rglob("*") if path.is_file())
    content = path.read_bytes()
    flipped = content[:2_000] + bytes([content[2_000] ^ 8]) + content[2_001:]
    other = gzip.compress(f"hg38 chr1 0 {SIZE}\n{MITOCHONDRION}".encode())
    damages = {"cut": content[:3_000], "flipped": flipped, "empty": b"", "of another place": other, "no gzip": b"ACGT"}
    path.write_bytes(damages[damage])
    assert genome.fetch("chrM", 0, SIZE) == MITOCHONDRION
    assert len(server.asked(ucsc_path)) == 2
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_costs_a_note_only(both, tmp_path):
    (tmp_path / "file").write_text("in the way")
    genome = RemoteGenome(tmp_path / "file")
    for _ in range(2):
        assert genome.fetch("chrM", 0, SIZE) == MITOCHONDRION
    assert len(both[0].requests) == 1
    (note,) = genome.notes
    assert "can't be kept in" in note


def test_offline_what_is_kept_is_read_and_nothing_is_asked(both, genome, monkeypatch):
    genome.fetch("chrM", 0, 10)
    monkeypatch.setenv("CREME_OFFLINE", "1")
    assert genome.fetch("chrM", 10, 20) == MITOCHONDRION[10:20]
    with pytest.raises(SequenceUnavailable, match=r"chr1:1-131,072 .*because CREME_OFFLINE is set"):
        genome.fetch("chr1", 10, 20)
    assert len(both[0].requests) == 1


def test_threads_that_want_one_block_ask_once(both, genome):
    texts = []
    threads = [threading.Thread(target=lambda: texts.append(genome.fetch("chrM", 0, SIZE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [MITOCHONDRION] * 8
    assert len(both[0].requests) == 1


def test_what_cannot_be_asked_is_refused_without_asking(mirror, genome):
    with pytest.raises(ValueError, match=r"'2' is not in hg38 from UCSC or Ensembl, which writes it 'chr2'"):
        genome.fetch("2", 0, 10)
    with pytest.raises(ValueError, match="'chrUn' is not in hg38"):
        genome.fetch("chrUn", 0, 10)
    with pytest.raises(ValueError, match="not within chrM, which has 16,569 bases"):
        genome.fetch("chrM", 0, SIZE + 1)
    with pytest.raises(ValueError, match=r"at most 2,097,152 are fetched .*data get hg38"):
        genome.fetch("chr1", 0, 3_000_000)
    with pytest.raises(ValueError, match="assembly 'hg19' can't be fetched"):
        RemoteGenome(assembly="hg19")
    assert mirror.requests == []
    assert (genome.chrom_sizes["chr1"], len(genome.chrom_sizes)) == (248_956_422, 25)


def test_a_real_locus_over_the_network_is_the_one_of_the_file(mirror, tmp_path, shared_data):
    """The first 2.3 Mb of GRCh38 chr2, as either service would serve it."""
    local = Genome(shared_data / "grch38" / "chr2_1-2333275.fa.gz")
    block, size = remote_genome.BLOCK, local.chrom_sizes["chr2"]
    for start in range(0, size - block, block):
        ucsc(mirror, "chr2", start, start + block, local.fetch("chr2", start, start + block))
        ensembl(mirror, "2", start, start + block, local.fetch("chr2", start, start + block))
    genome = RemoteGenome(tmp_path / "ucsc")
    tss = {"gene": "ACP1", "gene_id": "ACP1", "chrom": "chr2", "tss": 264_925, "strand": "+"}
    minus = {"gene": "TMEM18", "gene_id": "TMEM18", "chrom": "chr2", "tss": 677_405, "strand": "-"}
    for gene in (tss, minus):
        near, far = (read_locus(which, **gene, length=196_608) for which in (local, genome))
        assert far.digest == near.digest
        assert far.notes == near.notes
    assert len(mirror.requests) == 4  # two blocks a window
    mirror.fault(UCSC, Status(503), always=True)
    far = read_locus(RemoteGenome(tmp_path / "ensembl"), **tss, length=524_288)
    near = read_locus(local, **tss, length=524_288)
    assert far.digest == near.digest
    assert not any("soft-masked" in note for note in far.notes)
