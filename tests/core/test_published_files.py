"""Published files that are absent, damaged, or of other cell lines: small ones in the public layout, made here."""

import numpy as np
import pandas as pd
import pytest

from creme_core.published import PublishedSource

ENFORMER = "results/summary_csvs/enformer"
GREEDY = f"{ENFORMER}/greedy_search"
STARTS = [804 + 5000 * i for i in range(39) if i != 19]
PLUS, MINUS, QUIET = "AAA1_chr1_500000_+", "BBB1_chr2_600000_-", "CCC_1.2_chr3_700000_+"
CONTEXTS = {PLUS: ("enhancing", 0.97, 100.0), MINUS: ("silencing", -0.5, 50.0), QUIET: ("neutral", 0.01, 80.0)}
LINES = ("K562", "GM12878")


def write(folder, path, rows, index):
    """A file as pandas wrote the public ones, with the numbers of its rows in a column without a name."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, index=index).to_csv(target)
    return target


def per_sequence(make, lines=LINES):
    """Rows of every sequence in every cell line, and the numbers of the rows within a sequence."""
    rows, numbers = [], []
    for line in lines:
        for name, (context, effect, wt) in CONTEXTS.items():
            made = make(name, context, effect, wt)
            rows += [row | {"seq_id": name, "context": context, "cell_line": line} for row in made]
            numbers += range(len(made))
    return rows, numbers


def contexts(folder, line="K562", style="{}"):
    rows = [
        {
            "delta_mean": effect,
            "path": f"../results//test_100/enformer/{name}.pickle",
            "wt": wt,
            "std": 2.0,
            "mean_mut": wt * (1 - effect),
            "seq_id": style.format(name),
            "context": context,
            "cell_line": line,
        }
        for name, (context, effect, wt) in CONTEXTS.items()
    ]
    return write(folder, f"{ENFORMER}/{line}_selected_contexts.csv", rows, range(20000, 20003))


def tiles(folder, path=f"{ENFORMER}/necessity_test.csv"):
    rows, numbers = per_sequence(
        lambda *_: [
            {"Normalized shuffle effect": i / 100, "tile_start": start, "tile_end": start + 5000}
            for i, start in enumerate(STARTS)
        ]
    )
    return write(folder, path, rows, numbers)


def sufficiency(folder, path=f"{ENFORMER}/sufficiency_test.csv"):
    """CONTROL is 10, 11, ... by tile; a tile adds 1, 2, ..., but takes 4 away in the silencing context."""

    def make(_, context, __, wt):
        rows = []
        for i, start in enumerate(STARTS):
            control, change = 10.0 + i, -4.0 if context == "silencing" else i + 1.0
            both = {"(MUT - CONTROL) / WT": change / wt, "(MUT - CONTROL) / CONTROL": change / control}
            places = {"tile_start": start, "tile_end": start + 5000}
            rows.append(both | {"control": control, "wt": wt, "mut": control + change} | places)
        return rows

    rows, numbers = per_sequence(make)
    return write(folder, path, rows, numbers)


def traces(folder):
    rows, numbers = per_sequence(
        lambda *_: [{"trace": 0.9**i, "hypothetical_trace": 1.0, "sorted_effects": -0.1 / (i + 1)} for i in range(25)]
    )
    return write(folder, f"{GREEDY}/min_traces.csv", rows, numbers)


def swap(folder):
    rows = [
        {
            "source": source,
            "source_context": CONTEXTS[source][0],
            "target": target,
            "target_context": CONTEXTS[target][0],
            "normalised": 1.0 if source == target else i + j / 10,
            "cell_line": "K562",
        }
        for i, source in enumerate(CONTEXTS, start=1)
        for j, target in enumerate(CONTEXTS)
    ]
    return write(folder, f"{ENFORMER}/context_swap_test.csv", rows, range(len(rows)))


@pytest.fixture
def folder(tmp_path):
    contexts(tmp_path)
    contexts(tmp_path, "GM12878", style="{{'{}'}}")  # as one revision of the public file writes the names
    tiles(tmp_path)
    return tmp_path


def test_an_empty_folder_says_how_to_get_the_files(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ValueError, match=r"None of the published files is in .*data get published"):
            PublishedSource(folder)


def test_without_a_folder_it_reads_the_download(monkeypatch, folder):
    downloads = pytest.importorskip("creme_core.downloads")
    monkeypatch.setattr(downloads, "folder", lambda name: {"published": folder}[name])
    assert PublishedSource().folder == folder


def test_cell_lines_are_told_apart_and_names_are_read_in_either_style(folder):
    source = PublishedSource(folder)
    assert source.cell_lines == ("K562", "GM12878")
    assert source.loci.groupby("cell_line")["seq_id"].apply(list).to_dict() == {line: list(CONTEXTS) for line in LINES}
    assert source.genes["gene"].tolist() == ["AAA1", "BBB1", "CCC_1.2"]
    assert source.genes["cell_lines"].tolist() == ["K562, GM12878"] * 3
    assert source.genes["tss"].tolist() == [500_000, 599_999, 700_000]
    assert source.loci["tss"].tolist()[:3] == [500_000, 600_000, 700_000]
    assert source.result("context", "CCC_1.2", "GM12878").effects("GM12878")["wild_type"].iloc[0] == 80


def test_a_gene_of_another_cell_line_only_is_told(folder):
    rows = pd.read_csv(folder / f"{ENFORMER}/K562_selected_contexts.csv", index_col=0)
    rows[rows["seq_id"] != MINUS].to_csv(folder / f"{ENFORMER}/K562_selected_contexts.csv")
    source = PublishedSource(folder)
    with pytest.raises(ValueError, match="BBB1 was not published for K562, only for GM12878"):
        source.result("necessity", "BBB1", "K562")
    with pytest.raises(ValueError, match=r"No gene 'AAAA1' in this source; nearest are AAA1"):
        source.tests("AAAA1", "K562")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("necesity", "AAA1", "K562"), r"no test 'necesity'; nearest are necessity"),
        ((None, "AAA1", "K562"), "no test None"),
        (("necessity", "AAA1", "HepG2"), "cell line 'HepG2'"),
        (("necessity", "AAA1", "k562"), "did you mean K562"),
        (("necessity", "AAA1", "PC-3"), "No published loci of PC-3"),
        (("necessity", "", "K562"), "No gene was named"),
        (("necessity", ["AAA1"], "K562"), "Several genes were named"),
        (("swap", [], "K562"), "No gene was named"),
        (("necessity", "chr1:7:+", "K562"), "No published TSS is at chr1:7"),
        (("distance", "AAA1", "K562"), r"distance_test\.csv \(.*\) is not in"),
    ],
)
def test_what_was_not_published_is_one_sentence(folder, asked, told):
    with pytest.raises(ValueError, match=told) as caught:
        PublishedSource(folder).result(*asked)
    assert "\n" not in str(caught.value)


def test_a_wrong_search_or_convention_is_told(folder):
    source = PublishedSource(folder)
    with pytest.raises(ValueError, match="search is 'both'"):
        source.result("interaction", "AAA1", "K562", search="both")
    with pytest.raises(ValueError, match="'left' is not known"):
        source.locus("AAA1", convention="left")
    with pytest.raises(ValueError, match="not of single CREs"):
        source.elements("necessity", "AAA1", "K562")


def test_the_whole_sufficiency_table_is_read_where_it_is_here(folder):
    sufficiency(folder)
    result = PublishedSource(folder).result("sufficiency", "AAA1", "K562")
    found = result.effects("K562")
    np.testing.assert_allclose(found["effect"], (np.arange(38) + 1) / 100)
    np.testing.assert_allclose(found["over_control"], (np.arange(38) + 1) / (np.arange(38) + 10))
    over = PublishedSource(folder).result("sufficiency", "BBB1", "K562").effects("K562")
    np.testing.assert_allclose(over["effect"], over["over_control"])
    headline = PublishedSource(folder).headline("K562")
    assert (headline["sufficient_enhancers"], headline["sufficient_silencers"]) == (8, 4)


def test_called_tiles_stand_in_for_a_damaged_table(folder):
    sufficiency(folder, f"{ENFORMER}/sufficient_CREs.csv")
    (folder / f"{ENFORMER}/sufficiency_test.csv").write_text("<html>404</html>\n")
    result = PublishedSource(folder).result("sufficiency", "AAA1", "K562")
    assert "sufficiency_test.csv has no column '(MUT - CONTROL) / CONTROL'" in result.notes[0]
    assert "UNVERIFIED" in result.notes[0]
    assert result.effects("K562")["effect"].notna().all()


def test_all_rounds_are_read_where_they_are_here(folder):
    traces(folder)
    result = PublishedSource(folder).result("interaction", "AAA1", "K562", search="enhancer")
    found = result.effects()
    np.testing.assert_allclose(found["fold_over_wild_type"], 0.9 ** np.arange(1, 25))
    np.testing.assert_allclose(found["single"], 1 - 0.1 / np.arange(1, 25))
    assert set(found["n"]) == {1}
    assert result.wild_type("K562") == 100


def test_a_swap_of_some_genes_and_of_one_against_all(folder):
    swap(folder)
    source = PublishedSource(folder)
    result = source.result("context_swap", ["AAA1", "BBB1"], "K562")
    np.testing.assert_allclose(result.matrix("K562"), [[1, 1.1], [2, 1]])
    assert result.effects("K562")["source_context"].tolist() == ["enhancing"] * 2 + ["silencing"] * 2
    one = source.result("swap", "CCC_1.2", "K562")
    np.testing.assert_allclose(one.matrix("K562"), [[3, 3.1, 1]])
    assert len({locus.digest for locus in one.targets}) == 3
    assert one.notes
    assert source.tests("AAA1", "K562")["swap"] is None
    assert "was not published" in source.tests("AAA1", "GM12878")["swap"]


def test_the_table_of_all_genes_comes_before_the_authors_count(folder):
    rows = [{"delta_mean": effect, "cell_line": "K562"} for effect in (0.96, 0.99, 0.951, 0.01, -0.31, 0.5)]
    write(folder, f"{ENFORMER}/context_dependence_test.csv", rows, range(6))
    count = {"cell line": "K562", "context category": "enhancing", "Number of contexts": 7}
    path = write(folder, f"{ENFORMER}/N_seqs_per_context_category.csv", [count], [0])
    assert PublishedSource(folder).headline("K562")["contexts"] == {"enhancing": 3, "neutral": 1, "silencing": 1}
    (folder / f"{ENFORMER}/context_dependence_test.csv").unlink()
    assert PublishedSource(folder).headline("K562")["contexts"] == {"enhancing": 7}
    path.unlink()
    assert "contexts" not in PublishedSource(folder).headline("K562")


def test_without_the_contexts_loci_come_from_other_tables(folder):
    for line in LINES:
        (folder / f"{ENFORMER}/{line}_selected_contexts.csv").unlink()
    source = PublishedSource(folder)
    assert len(source.loci) == 6
    assert source.loci["context"].tolist()[:3] == ["enhancing", "silencing", "neutral"]
    assert source.loci["wild_type"].isna().all()
    result = source.result("necessity", "AAA1", "K562")
    np.testing.assert_allclose(result.effects("K562")["effect"], np.arange(38) / 100)
    assert "shares of it" in " ".join(result.notes)
    assert "K562_selected_contexts.csv" in source.tests("AAA1", "K562")["context"]
    assert f"{ENFORMER}/K562_selected_contexts.csv" in source.missing
    assert f"{ENFORMER}/necessity_test.csv" not in source.missing


def test_a_folder_with_nothing_but_other_tables_opens(tmp_path):
    row = {"mark": "GATA1", "enhancer / silencer": 2.0, "log(Max enhancer / Max silencer)": 0.69}
    rows = [row | {"-log10(pvalue)": 1.0, "pvalue": 0.1}]
    path = "results/summary_csvs/CRE_characterization/pvalues_per_TF_for_sufficient_CREs.csv"
    write(tmp_path, path, rows, [0])
    source = PublishedSource(tmp_path)
    assert source.factors("K562")["mark"].tolist() == ["GATA1"]
    assert len(source.loci) == len(source.genes) == 0
    assert source.headline("K562") == {}
    assert source.cell_lines == ("K562", "GM12878", "PC-3")
    with pytest.raises(ValueError, match="No published loci of K562"):
        source.tests("AAA1", "K562")
    with pytest.raises(ValueError, match="No published locus is here"):
        source.locus("AAA1")


def cut(text):
    return text[: len(text) // 2]


DAMAGES = {
    "renamed": (
        lambda text: text.replace("Normalized shuffle effect", "effect"),
        "no column 'Normalized shuffle effect'",
    ),
    "cut": (cut, "last line is cut short"),
    "no number": (
        lambda text: text.replace("0.05", "five", 1),
        r"line 7: 'five' in the column 'Normalized shuffle eff",
    ),
    "infinite": (lambda text: text.replace("0.05", "inf", 1), "'inf' in the column"),
    "gap": (lambda text: text.replace("0.05", "", 1), "'' in the column 'Normalized shuffle effect'"),
    "empty": (lambda _: "", "it is empty"),
    "page": (lambda _: "<html><body>Not found</body></html>\n", "no column"),
    "line": (lambda text: text.replace("K562", "K5", 1), "'K5' in the column of the cell line"),
    "sequence": (lambda text: text.replace(PLUS, "AAA1", 1), "'AAA1' in 'seq_id', which names no sequence"),
    "ragged": (lambda text: text.replace("0.05,", "0.05,7,8,", 1), "in the column of the cell line"),
    "tile": (lambda text: text.replace(",804,", ",805,", 1), "a tile at 805, where there is none"),
    "binary": (lambda _: b"\x00\xff\xfe\x80\n" * 50, "necessity_test.csv"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_one_sentence_and_the_rest_works(folder, name):
    damage, told = DAMAGES[name]
    path = folder / f"{ENFORMER}/necessity_test.csv"
    damaged = damage(path.read_text())
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    source = PublishedSource(folder)
    with pytest.raises(ValueError, match=told) as caught:
        source.result("necessity", "AAA1", "K562")
    assert "\n" not in str(caught.value)
    assert "necessity_test.csv" in str(caught.value)
    assert source.tests("AAA1", "K562")["necessity"] == str(caught.value)
    assert source.result("context", "AAA1", "K562").effects("K562")["call"].iloc[0] == "enhancing"
    headline = source.headline("K562")
    assert headline["sampled_per_context"] == 1
    if name != "tile":
        assert "necessary_enhancers" not in headline
        assert source.problems == {f"{ENFORMER}/necessity_test.csv": str(caught.value)}


def test_a_file_that_ends_between_two_rows_leaves_gaps_that_are_told(folder):
    path = folder / f"{ENFORMER}/necessity_test.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:31]))
    result = PublishedSource(folder).result("necessity", "AAA1", "K562")
    found = result.effects("K562")
    assert found["effect"].notna().sum() == 30
    assert found["n"].tolist() == [10] * 30 + [0] * 8
    assert "necessity_test.csv has 30 of its 38 tiles." in result.notes


def test_a_wild_type_of_zero_gives_no_number(folder):
    path = folder / f"{ENFORMER}/K562_selected_contexts.csv"
    path.write_text(path.read_text().replace(",100.0,", ",0.0,"))
    source = PublishedSource(folder)
    assert source.result("context", "AAA1", "K562").effects("K562")["sem"].isna().all()
    assert source.result("necessity", "AAA1", "K562").effects("K562")["effect"].isna().all()
