"""From nothing to a real gene: everything downloaded from a mirror of the public servers, checked, and run.

The sequence is GRCh38's own; the Enformer is small and randomised, in the published form and with all 5,313 tracks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import creme_core as creme
from creme_core import downloads, selfcheck
from creme_core.cli import main
from creme_core.models.official import load_official
from creme_core.mutant import Background, Mutant
from tests.core import public_servers
from tests.core.networks import wrap
from tests.core.official_files import enformer_targets, gamma_network, save_pickle
from tests.faulty_server import Status, WrongType

ROOT = Path(__file__).parents[2]
DOWNLOADS = ("gencode", "enformer", "enformer-tracks")
TEST = ("necessity", "--source", "hg38", "--cell-line", "K562", "--tile-size", "40000", "--shuffles", "1", "--json")

pytestmark = pytest.mark.skipif(not public_servers.CHR2.is_file(), reason="the real sequence is not here")


@pytest.fixture
def public(mirror, tmp_path, monkeypatch):
    """Every server that is needed, and an empty home."""
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    public_servers.serve_enformer(mirror, tmp_path / "served")
    public_servers.serve_download(mirror, "gencode", {public_servers.GENCODE: public_servers.gencode_sample()})
    public_servers.serve_chr2(mirror)
    return mirror


@pytest.fixture
def everything(public):
    """The downloads are here; the sequence is not."""
    for name in DOWNLOADS:
        downloads.get(name)
    return public


def by_hand(position: str, tile_size: int = 40_000):
    """The same test on the local FASTA and on the network itself, never saved or loaded."""
    source = creme.open_source(public_servers.CHR2, genes=bounds())
    model = wrap(gamma_network(5_313), 196_608)
    locus = source.locus(position, length=196_608)
    return creme.necessity(creme.Predictor(model), locus, tile_size=tile_size, shuffles=1)


def bounds() -> Path:
    return public_servers.SHARED / "grch38" / "gene-bounds.hg38.bed"


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize("own_processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_three_commands_lead_from_nothing_to_a_gene(public, tmp_path, capsys, own_processes):
    """As a person types them, in processes of their own or in this one; a fourth computes nothing again."""

    def shell(*arguments: str) -> str:
        if not own_processes:
            code, output, errors = run(capsys, *arguments)
        else:
            command = [sys.executable, "-m", "creme_core", *arguments]
            done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=120)
            code, output, errors = done.returncode, done.stdout, done.stderr
        assert code == 0, errors
        return output

    folders = json.loads(shell("data", "get", *DOWNLOADS, "--json"))["folders"]
    assert set(folders) == set(DOWNLOADS)
    report = json.loads(shell("check", "--json"))
    found = {finding["name"]: finding for finding in report["findings"]}
    assert "Enformer" in found["Model"]["told"]
    assert "5,313 tracks" in found["Model"]["told"]
    assert found["Incremental inference"]["verdict"] == "ok"
    assert "data get published" in found["Published values"]["told"]
    asked = (*TEST, "--gene", "ACP1", "--out", str(tmp_path / "results"))
    first = json.loads(shell(*asked))
    assert (first["computed"], first["reused"]) == (3, 0)
    table = pd.read_csv(first["files"]["effects"], sep="\t")
    expected = by_hand("chr2:264926:+").effects(5_111)
    np.testing.assert_allclose(table["effect"], expected["effect"], rtol=1e-3, atol=1e-5)
    assert table["effect"].abs().max() > 1e-3
    assert table[["chrom", "genome_start", "genome_end"]].equals(expected[["chrom", "genome_start", "genome_end"]])
    second = json.loads(shell(*asked))
    assert (second["computed"], second["reused"]) == (0, 3)
    assert len(public.asked(public_servers.UCSC)) == 2  # two blocks, kept


@pytest.mark.parametrize(
    ("gene", "position"),
    [("ENSG00000035115", "chr2:264810:-"), ("chr2:272,000:+", "chr2:272000:+"), ("haap", "chr2:264926:+")],
)
def test_a_gene_is_found_by_id_place_or_alias_and_read_from_either_service(everything, tmp_path, gene, position):
    locus = creme.open_source("hg38").locus(gene)
    local = creme.open_source(public_servers.CHR2, genes=bounds()).locus(position)
    assert (locus.digest, locus.tss, locus.strand) == (local.digest, local.tss, local.strand)
    everything.fault(public_servers.UCSC, Status(503), always=True)
    for kept in (tmp_path / "home" / "sequence" / "hg38").iterdir():
        kept.unlink()
    assert creme.open_source("hg38").locus(gene).digest == local.digest


def test_without_either_service_it_is_one_sentence_and_the_demo_goes_on(everything, tmp_path, capsys):
    everything.fault(public_servers.UCSC, Status(503), always=True)
    code, output, errors = run(capsys, *TEST, "--gene", "GATA2", "--out", str(tmp_path / "out"))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert "UCSC: " in errors
    assert "Ensembl: " in errors
    assert "data get hg38" in errors
    settings = ("--gene", "SOLO1", "--cell-line", "K562", "--shuffles", "1", "--tile-size", "20000", "--no-store")
    assert run(capsys, "context_dependence", *settings, "--out", str(tmp_path / "demo"))[0] == 0


@pytest.mark.parametrize(
    ("gene", "told"),
    [
        ("chr10:135000000:+", r"are of one assembly (chr10 is long enough for it in hg19"),
        ("chr21_KI270872v1_alt:500:+", "'chr21_KI270872v1_alt' is not in hg38"),
        ("2:264926:+", "which writes it 'chr2'"),
        ("chr2:80001:+", "holds 28,304 N"),
        ("ACP9", "nearest are ACP1"),
        ("chr2:264926", "write chromosome:position:strand"),
    ],
)
def test_places_and_names_that_are_not_there_are_one_sentence(everything, tmp_path, capsys, gene, told):
    code, output, errors = run(capsys, *TEST, "--gene", gene, "--out", str(tmp_path))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert told in errors


def test_genes_of_another_assembly_are_refused(public, capsys, tmp_path):
    public_servers.serve_download(public, "gencode", {public_servers.GENCODE: public_servers.gencode_sample("GRCh37")})
    downloads.get("gencode")
    code, _, errors = run(capsys, *TEST, "--gene", "ACP1", "--out", str(tmp_path))
    assert (code, errors.count("\n")) == (2, 1)
    assert "says that it is of hg19" in errors


def test_a_model_that_is_not_here_says_how_to_get_it(public, capsys, tmp_path):
    downloads.get("gencode")
    code, _, errors = run(capsys, *TEST, "--gene", "ACP1", "--out", str(tmp_path))
    assert (code, errors.count("\n")) == (2, 1)
    assert "data get enformer" in errors


def test_a_track_table_of_another_length_is_refused_when_it_comes_and_when_it_lies_there(public, capsys, tmp_path):
    short = "".join(enformer_targets().splitlines(keepends=True)[:-1])
    public_servers.serve_download(public, "enformer-tracks", {"targets_human.txt": short.encode()})
    code, _, errors = run(capsys, "data", "get", "enformer-tracks", "--json")
    assert code == 2
    assert "has 5,313 lines where 5,314 are expected" in errors
    assert not list(downloads.folder("enformer-tracks").glob("*.txt"))
    downloads.get("gencode")
    downloads.get("enformer")
    downloads.folder("enformer-tracks").mkdir(parents=True, exist_ok=True)
    (downloads.folder("enformer-tracks") / "targets_human.txt").write_text(short)
    code, _, errors = run(capsys, *TEST, "--gene", "ACP1", "--out", str(tmp_path))
    assert (code, errors.count("\n")) == (2, 1)
    assert "has 5,312 tracks but the model predicts 5,313" in errors


def test_weights_behind_a_login_page_leave_nothing_under_their_name(public, capsys):
    public.fault("/cdn.example/pytorch_model.bin", WrongType(), always=True)
    code, _, errors = run(capsys, "data", "get", "enformer", "--json")
    assert code == 2
    assert "web page" in errors
    assert not (downloads.folder("enformer") / "pytorch_model.bin").exists()
    public.heal("/cdn.example/pytorch_model.bin")
    assert run(capsys, "data", "get", "enformer", "--json")[0] == 0


def test_removing_the_weights_removes_what_was_made_of_them(everything, tmp_path, capsys):
    creme.load_model("enformer", device="cpu")
    made = tmp_path / "home" / "models"
    assert [folder for folder in made.iterdir() if folder.is_dir()]
    assert run(capsys, "data", "remove", "enformer")[0] == 0
    assert not [folder for folder in made.iterdir() if folder.is_dir()]


def test_a_folder_of_one_s_own_is_the_same_model(everything, tmp_path):
    """`--model FOLDER`: laid out as on Hugging Face, with the public table taken from the download."""
    own = load_official(save_pickle(tmp_path / "Mine", gamma_network(5_313)), device="cpu")
    named = creme.load_model("enformer", device="cpu")
    assert own.fingerprint == named.fingerprint
    assert own.cell_lines[:3] == named.cell_lines[:3] == ("K562", "GM12878", "PC-3")
    assert len(own.cell_lines) == 638


@pytest.fixture
def published(everything, tmp_path):
    """Write the paper's table of contexts with these activities; give the folder."""

    def write(activities) -> Path:
        folder = tmp_path / f"published {len(list(tmp_path.iterdir()))}"
        rows = [
            (-0.1, float(activity), 1.0, 0.1, name, "neutral", "K562")
            for activity, name in zip(activities, public_servers.LOCI, strict=True)
        ]
        columns = ["delta_mean", "wt", "mean_mut", "std", "seq_id", "context", "cell_line"]
        path = folder / "results" / "summary_csvs" / "enformer" / "K562_selected_contexts.csv"
        path.parent.mkdir(parents=True)
        pd.DataFrame(rows, columns=columns).to_csv(path)
        return folder

    return write


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(selfcheck, "exactness", lambda model: selfcheck.Finding("Incremental inference", "skipped"))


def activities_by_hand(shift: int = 0) -> np.ndarray:
    """What the network says of the paper's windows of LOCI in K562, read so many bases further on."""
    source = creme.open_source(public_servers.CHR2, genes=bounds())
    mutants = []
    for name in public_servers.LOCI:
        _, chrom, number, strand = name.split("_")
        base = int(number) - (strand == "-")
        locus = source.locus(f"{chrom}:{base + 1 + shift}:{strand}", convention="paper")
        mutants.append(Mutant(Background(locus.codes)))
    return wrap(gamma_network(5_313), 196_608).tss_activity(mutants)[:, 5_111]


def test_the_self_check_agrees_with_published_values_and_not_with_those_of_other_windows(published, capsys, quick):
    steps = []
    folder = published(activities_by_hand())
    report = selfcheck.check("enformer", device="cpu", published=folder, on_step=steps.append)
    assert report.verdict == "ok", report.findings
    assert list(report.genes["gene"].sort_values()) == ["ACP1", "SH3YL1", "TMEM18"]
    assert report.genes["relative_difference"].max() < 1e-3
    assert "predicting published loci, 3 of 3" in steps
    shifted = published(activities_by_hand(shift=500))
    code, output, _ = run(capsys, "check", "--device", "cpu", "--published", str(shifted))
    assert code == 1
    assert "do not agree with the published ones" in output


def test_a_self_check_without_the_sequence_is_a_note(published, everything, quick):
    everything.fault(public_servers.UCSC, Status(503), always=True)
    everything.fault(f"{public_servers.ENSEMBL}2:131073..262144:1", Status(503), always=True)
    everything.fault(f"{public_servers.ENSEMBL}2:524289..655360:1", Status(503), always=True)
    report = selfcheck.check("enformer", device="cpu", published=published([1, 2, 3]))
    assert report.verdict == "note"
    assert "UCSC: " in report.findings[-1].told


def test_a_self_check_with_a_damaged_published_table_is_a_note(published, quick):
    folder = published([1, 2, 3])
    (table,) = folder.rglob("*.csv")
    table.write_text("seq_id,context\nACP1_chr2_264925_+,neutral\n")
    report = selfcheck.check("enformer", device="cpu", published=folder)
    assert report.verdict == "note"
    assert "K562_selected_contexts.csv" in report.findings[-1].told


def test_windows_that_a_genome_refuses_are_left_out_of_the_check(published, monkeypatch):
    """The first bases of chr2 are N; whole chromosomes end in N."""
    source = creme.open_source(public_servers.CHR2, genes=bounds())
    rows = [("NEAR", "chr2", 80_000, "+", "K562", 1.0), ("ACP1", "chr2", 264_925, "+", "K562", 2.0)]
    loci = pd.DataFrame(rows, columns=["gene", "chrom", "tss_base", "strand", "cell_line", "wild_type"])
    model = wrap(gamma_network(5_313), 196_608)
    model.tracks.loc[5_111, "cell_line"] = "K562"
    monkeypatch.setattr(model, "tss_activity", lambda mutants: np.ones((len(mutants), 5_313), np.float32))
    assert selfcheck.compare(creme.Predictor(model), source, loci, genes=2)["gene"].tolist() == ["ACP1"]
    with pytest.raises(ValueError, match=r"holds 28,\d+ N"):
        selfcheck.compare(creme.Predictor(model), source, loci.head(1), genes=2)
