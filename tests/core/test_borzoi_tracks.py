from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from borzoi_pytorch import AnnotatedBorzoi

from creme_core.models.base import list_cell_lines, resolve_readout
from creme_core.models.borzoi_tracks import BorzoiOutputs
from tests.core.borzoi_networks import targets, unsquashed


@pytest.fixture(scope="module")
def outputs() -> BorzoiOutputs:
    return BorzoiOutputs(targets())


def table(*rows) -> pd.DataFrame:
    """Rows of (identifier, assay, clip_soft, scale, sum_stat, strand_pair)."""
    names = ["identifier", "assay", "clip_soft", "scale", "sum_stat", "strand_pair"]
    frame = pd.DataFrame(rows, columns=names)
    strands = [name[-1] if name[-1] in "+-" else "." for name in frame["identifier"]]
    return frame.assign(index=range(len(frame)), cell_line="liver", strand=strands, description="CAGE:liver")


PAIR = (("A+", "CAGE", 384, 1, "sum", 1), ("A-", "CAGE", 384, 1, "sum", 0))
RNA = (("R+", "RNA", 384, 0.3, "sum_sqrt", 3), ("R-", "RNA", 384, 0.3, "sum_sqrt", 2))


def test_the_public_table_gives_one_track_a_cage_sample(outputs):
    tracks = outputs.tracks
    assert len(outputs) == 7611
    assert len(tracks) == 7611 - 638
    assert tracks["assay"].value_counts().to_dict() == {
        "CHIP": 3886, "RNA": 1543, "DNASE": 674, "CAGE": 638, "ATAC": 232,
    }  # fmt: skip
    assert tracks["index"].tolist() == list(range(6973))
    cage = tracks[tracks["assay"] == "CAGE"]
    assert set(cage["strand"]) == {"."}
    assert not cage["identifier"].str.endswith(("+", "-")).any()
    assert cage["cell_line"].is_unique
    assert tracks["identifier"].is_unique
    # RNA keeps its strands.
    assert (tracks.loc[tracks["assay"] == "RNA", "strand"] == "+").sum() == 588


@pytest.mark.parametrize(
    ("cell_line", "identifier", "members"),
    [("K562", "CNhs12336", "872&873"), ("GM12878", "CNhs12332", "870&871"), ("PC-3", "CNhs11243", "298&299")],
)
def test_the_papers_cell_lines_are_the_papers_tracks(outputs, cell_line, identifier, members):
    (index,) = resolve_readout(outputs.tracks, cell_line)
    row = outputs.tracks.iloc[index]
    assert (row["identifier"], row["targets"]) == (identifier, members)
    assert resolve_readout(outputs.tracks, identifier).tolist() == [index]


def test_they_stand_first_and_an_older_k562_is_told_apart(outputs):
    lines = list_cell_lines(outputs.tracks)
    assert lines[:3] == ("K562", "GM12878", "PC-3")
    older = outputs.tracks[outputs.tracks["targets"] == "306&307"].iloc[0]
    assert "K562" in older["cell_line"]
    assert older["cell_line"] != "K562"


def test_squashing_is_undone_as_worked_out_by_hand():
    outputs = BorzoiOutputs(table(*PAIR, *RNA, ("C", "CHIP", 32, 2.0, "mean", 4)))
    raw = torch.tensor([[10.0, 394.0, 2.4, 0.3 * 394, 80.0]], dtype=torch.float64)
    # CAGE below and above 384; RNA 8 and 394 after its scale, then to the power of 4/3; ChIP 40 is 8 above 32.
    expected = [10.0, 384 + 10**2, 8 ** (4 / 3), (384 + 10**2) ** (4 / 3), 32 + 8**2]
    np.testing.assert_allclose(outputs.undo_squashing(raw)[0], expected, rtol=1e-12)
    some = torch.tensor([4, 1])
    np.testing.assert_allclose(outputs.undo_squashing(raw[:, some], some)[0], [96.0, 484.0], rtol=1e-12)
    np.testing.assert_allclose(outputs.sum_strands(raw)[0], [404.0, 2.4, 0.3 * 394, 80.0])


def test_squashing_is_undone_as_borzoi_pytorch_does_it(outputs):
    rows = targets()
    raw = torch.from_numpy(np.random.default_rng(0).gamma(1.0, 150.0, size=(2, len(rows))))

    def column(values):
        return torch.from_numpy(np.array(values, float))[None, :, None]

    theirs = SimpleNamespace(
        clip_values=column(rows["clip_soft"]),
        scale_values=column(rows["scale"]),
        track_transform=column(np.where(rows["sum_stat"] == "sum_sqrt", 0.75, 1.0)),
    )
    expected = AnnotatedBorzoi._undo_squashed_scale(theirs, raw[:, :, None])[:, :, 0]
    torch.testing.assert_close(outputs.undo_squashing(raw), expected, rtol=1e-10, atol=0)
    np.testing.assert_allclose(unsquashed(raw.numpy()), expected.numpy(), rtol=1e-10)


def test_readouts_as_weights_of_outputs():
    outputs = BorzoiOutputs(table(*PAIR, *RNA))
    # Track 0 is both strands of CAGE, tracks 1 and 2 are those of RNA.
    numbers, weights = outputs.weigh([np.array([0]), np.array([1, 2]), np.array([2])])
    assert numbers.tolist() == [0, 1, 2, 3]
    assert weights.T.tolist() == [[1, 1, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]]
    assert outputs.weigh([np.array([2])])[0].tolist() == [3]


def test_the_strands_of_cage_are_summed_whichever_comes_first():
    outputs = BorzoiOutputs(table(("A-", "CAGE", 384, 1, "sum", 1), ("A+", "CAGE", 384, 1, "sum", 0)))
    assert outputs.tracks[["identifier", "strand", "targets"]].to_numpy().tolist() == [["A", ".", "1&0"]]
    assert outputs.sum_strands(torch.tensor([[1.0, 2.0]])).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("A+", "CAGE", 384, 1, "sum", 1), ("B-", "CAGE", 384, 1, "sum", 0)], "is not its other strand"),
        ([("A+", "CAGE", 384, 1, "sum", 1), ("A-", "CAGE", 384, 1, "sum", 1)], "is not its other strand"),
        ([("A+", "CAGE", 384, 1, "sum", 7)], r"Output 0 \(A\+\) has strand_pair 7"),
        ([("C", "CHIP", 32, 0, "sum", 0)], "Output 0 has scale=0; it must be a number above 0"),
        ([("C", "CHIP", float("nan"), 1, "sum", 0)], "Output 0 has clip_soft=nan"),
        ([("C", "CHIP", 32, 1, "median", 0)], "sum_stat is 'median'"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        BorzoiOutputs(table(*rows))


def test_a_table_of_another_model_is_refused():
    with pytest.raises(ValueError, match="no column clip_soft, scale, sum_stat, strand_pair; give Borzoi's"):
        BorzoiOutputs(table(*PAIR)[["index", "identifier", "assay", "cell_line", "strand", "description"]])
