import json

import numpy as np
import pandas as pd
import pytest

import creme_core as creme
from creme_core import cli
from creme_core.sequence import decode


@pytest.fixture
def run(tmp_path, monkeypatch, toy_model, capsys):
    """Run a test on a 400 bp chromosome with a gene on each strand, with the toy model; give code, output, folder."""
    codes = np.random.default_rng(1).integers(0, 4, 400).astype(np.uint8)
    (tmp_path / "g.fa").write_text(f">chr1\n{decode(codes)}\n")
    (tmp_path / "g.bed").write_text("chr1\t100\t150\tAAA1\t0\t+\nchr1\t250\t300\tBBB2\t0\t-\n")
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(creme, "load_model", lambda name, device: toy_model)
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)
    toy_model.gradient = lambda codes, readout: np.zeros((len(codes), 4))

    def start(test, *options, gene="AAA1", line="K562", files=True):
        own = ["--fasta", str(tmp_path / "g.fa"), "--genes", str(tmp_path / "g.bed")] if files else []
        code = cli.main(
            [test, "--gene", gene, "--cell-line", line, "--out", str(tmp_path / "out"), "--tile-size", "13",
             "--shuffles", "2", *own, *options]
        )  # fmt: skip
        return code, capsys.readouterr(), tmp_path / "out"

    return start


@pytest.mark.parametrize(
    ("test", "options"),
    [
        ("necessity", []),
        ("context_dependence", []),
        ("sufficiency", []),
        ("distance", ["--tile", "0"]),
        ("interaction", ["--rounds", "2"]),
        ("set_sufficiency", ["--tiles", "2,0"]),
        ("multiplicity", ["--cre", "1-14", "--copies", "2", "--search", "silencer"]),
        ("fine_tile_search", ["--tile", "2"]),
        ("context_swap", ["--targets", "BBB2"]),
    ],
)
def test_every_test_writes_its_table_and_provenance(run, test, options):
    code, output, folder = run(test, *options, "--json")
    assert code == 0
    summary = json.loads(output.out)
    assert summary["test"] == test
    assert summary["computed"] > 0
    table = pd.read_csv(summary["files"]["effects"], sep="\t")
    assert len(table)
    provenance = json.loads((folder / f"{test}.provenance.json").read_text())
    assert "toy-1" in json.dumps(provenance)


def test_the_numbers_are_those_of_the_library(run, tmp_path, toy_model):
    run("necessity", "--seed", "5", "--json")
    source = creme.open_source(tmp_path / "g.fa", genes=tmp_path / "g.bed")
    expected = creme.necessity(
        creme.Predictor(toy_model), source.locus("AAA1", length=40), tile_size=13, shuffles=2, seed=5
    )
    table = pd.read_csv(tmp_path / "out" / "necessity.tsv", sep="\t")
    np.testing.assert_allclose(table["effect"], expected.effects("K562")["effect"], rtol=1e-6)


def test_a_second_run_and_another_cell_line_come_from_the_store(run):
    run("necessity", "--json")
    code, output, _ = run("necessity", "--json", line="PC-3")
    assert code == 0
    assert json.loads(output.out)["computed"] == 0


def test_without_a_store_nothing_is_kept(run, tmp_path):
    run("necessity", "--no-store", "--json")
    assert not (tmp_path / "home").exists()


def test_people_get_a_bar_and_the_files(run, tmp_path):
    code, output, folder = run("necessity")
    assert code == 0
    assert "100%" in output.err
    assert str(folder / "necessity.tsv") in output.out.splitlines()
    assert "effect" in (folder / "necessity.tsv").read_text()
    track = (folder / "necessity.bedgraph").read_text().splitlines()
    assert [line.split("\t")[:3] for line in track] == [["chr1", "81", "94"], ["chr1", "107", "120"]]


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        ([], {"gene": "AAA9"}, "No gene 'AAA9'"),
        ([], {"line": "K563"}, "K563"),
        (["--shuffles", "0"], {}, "shuffles is 0"),
        (["--tile-size", "1000"], {}, "does not fit"),
        (["--fasta", "nowhere.fa"], {}, "no FASTA file at nowhere.fa"),
        (["--fasta", "nowhere.fa"], {"files": False}, "both --fasta and --genes"),
        (["--source", "hg38"], {}, "Give --source, or --fasta with --genes, not both"),
    ],
)
def test_what_is_refused_ends_in_one_sentence_and_code_2(run, options, settings, message):
    code, output, _ = run("necessity", *options, **settings)
    assert code == 2
    assert message in output.err
    assert len(output.err.strip().splitlines()) == 1
    assert "Traceback" not in output.err


@pytest.mark.parametrize(
    ("test", "options", "message"),
    [
        ("distance", [], "needs a CRE"),
        ("distance", ["--tile", "7"], "There is no tile 7; the window has tiles 0 to 2"),
        ("distance", ["--tile", "1"], "overlaps the TSS tile"),
        ("set_sufficiency", [], "needs tiles"),
    ],
)
def test_a_missing_or_impossible_cre_is_refused(run, test, options, message):
    code, output, _ = run(test, *options)
    assert code == 2
    assert message in output.err


@pytest.mark.parametrize("options", [["--cre", "5"], ["--tile", "x"], ["--nonsense"]])
def test_what_cannot_be_parsed_ends_with_code_2(run, options, capsys):
    with pytest.raises(SystemExit) as ended:
        run("distance", *options)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "opened", "loaded"),
    [
        ([], "demo", "demo"),
        (["--source", "demo"], "demo", "demo"),
        (["--source", "hg38"], "hg38", "enformer"),
        (["--source", "hg38", "--model", "borzoi"], "hg38", "borzoi"),
    ],
)
def test_the_source_brings_its_model_unless_another_is_named(run, monkeypatch, toy_model, options, opened, loaded):
    asked = []
    own = creme.open_source
    monkeypatch.setattr(creme, "open_source", lambda name: asked.append(name) or own("demo"))
    monkeypatch.setattr(creme, "load_model", lambda name, device: asked.append(name) or toy_model)
    run("necessity", *options, files=False)
    assert asked == [opened, loaded]


def test_an_interruption_ends_with_code_130(run, monkeypatch, toy_model):
    def interrupt(mutants):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy_model, "tss_activity", interrupt)
    code, output, _ = run("necessity", "--json")
    assert code == 130
    assert "the same command goes on from there" in output.err
