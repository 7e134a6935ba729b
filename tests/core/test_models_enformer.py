import copy
import math

import numpy as np
import pytest
import torch
from enformer_pytorch import Enformer

from creme_core.effects import ENFORMER_CUTOFFS
from creme_core.models import batched, enformer
from creme_core.models.base import SequenceModel
from creme_core.models.batching import BatchSize
from creme_core.mutant import Background, Edit, Mutant
from creme_core.sequence import one_hot
from tests.core.networks import make_tracks, own_forward, random_network, wrap

SETTINGS = {"dim": 24, "depth": 2, "heads": 1, "num_downsamples": 3, "attn_dim_key": 10, "dim_divisible_by": 4}
SETTINGS |= {"target_length": 14}
LENGTH = 8 * 60


@pytest.fixture
def module() -> Enformer:
    """A copy of its own, that a test may change."""
    return copy.deepcopy(random_network(**SETTINGS))


@pytest.fixture
def mutants() -> list[Mutant]:
    rng = np.random.default_rng(0)
    background = Background(rng.integers(0, 5, LENGTH).astype(np.uint8))
    edits = [Edit(start, rng.integers(0, 4, 40).astype(np.uint8)) for start in (0, 210, 300)]
    return [Mutant(background), *(Mutant(background, [edit]) for edit in edits)]


def test_it_is_a_sequence_model_of_enformers_geometry():
    settings = {"dim": 24, "depth": 1, "heads": 1, "dim_divisible_by": 4, "target_length": 896}
    model = wrap(random_network(**settings), 196_608)
    assert isinstance(model, SequenceModel)
    assert (model.bin_size, model.output_bins, model.tss_bins) == (128, 896, (447, 448))
    assert (model.precision, model.device) == ("float32", torch.device("cpu"))
    assert model.batch_size >= 1


def test_without_a_crop_the_tss_is_still_in_the_middle(module):
    module.set_target_length(-1)
    assert wrap(module, LENGTH).tss_bins == (29, 30)


def test_plain_and_fast_say_the_same(module, mutants):
    model = wrap(module, LENGTH)
    expected = own_forward(module, mutants)
    assert model.tss_activity(mutants).dtype == np.float32
    np.testing.assert_allclose(model.plain_tss_activity(mutants), expected, rtol=1e-5)
    np.testing.assert_allclose(model.tss_activity(mutants), expected, rtol=1e-5)
    full = model.forward_full(np.stack([mutant.render() for mutant in mutants]))
    assert full.shape == (4, 14, 5)
    np.testing.assert_allclose(full[:, 6:8].mean(axis=1), expected, rtol=1e-5)


def test_double_precision_is_double_all_the_way(module, mutants):
    activity = wrap(module, LENGTH, precision="float64").tss_activity(mutants)
    assert activity.dtype == np.float64
    expected = own_forward(copy.deepcopy(module).double(), mutants)
    np.testing.assert_allclose(activity, expected, rtol=1e-12)


def test_another_head(module, mutants):
    model = wrap(module, LENGTH, head="mouse")
    assert model.tss_activity(mutants).shape == (4, 2)
    np.testing.assert_allclose(model.tss_activity(mutants), own_forward(module, mutants, "mouse"), rtol=1e-5)


def test_no_mutants_no_rows(module):
    model = wrap(module, LENGTH)
    assert model.tss_activity([]).shape == (0, 5)
    assert model.plain_tss_activity([]).shape == (0, 5)
    assert model.profile(np.zeros(LENGTH, np.uint8), []).shape == (14, 0)


def test_a_readout_of_several_tracks_is_their_mean(module, mutants):
    table = make_tracks(5).assign(cell_line=["A", "A", "B", "C", "D"])
    model = enformer.EnformerModel(module, table, device="cpu", input_length=LENGTH)
    codes = mutants[0].render()
    profile = model.profile(codes, ["A", 0, 1])
    assert profile.shape == (14, 3)
    assert profile.dtype == np.float32
    np.testing.assert_allclose(profile[:, 0], profile[:, 1:].mean(axis=1), rtol=1e-6)
    singles = (model.gradient(codes, 0) + model.gradient(codes, 1)) / 2
    np.testing.assert_allclose(model.gradient(codes, "A"), singles, rtol=1e-4, atol=1e-6 * np.abs(singles).max())


def test_the_gradient_predicts_a_small_change(module, mutants):
    model = wrap(module, LENGTH, precision="float64")
    codes = mutants[0].render()
    gradient = model.gradient(codes, 2)
    assert gradient.shape == (LENGTH, 4)
    # Directional derivative of the network itself, at the one-hot of codes, towards an N everywhere.
    bases = torch.from_numpy(one_hot(codes, np.float64))
    step = 1e-5 * (0.25 - bases)
    network = copy.deepcopy(module).double()
    with torch.inference_mode():
        ahead, behind = (network(bases[None] + sign * step[None])["human"][0, 6:8, 2].mean() for sign in (1, -1))
    assert float(ahead - behind) / 2 == pytest.approx((gradient * step.numpy()).sum(), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_module_handed_in_is_never_changed(module, mutants, training):
    module.train(training)
    module.stem[0].weight.requires_grad_(False)
    module.use_checkpointing = True
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    flags = [parameter.requires_grad for parameter in module.parameters()]
    modes = [part.training for part in module.modules()]
    model = wrap(module, LENGTH)
    model.tss_activity(mutants)
    model.plain_tss_activity(mutants[:1])
    model.profile(mutants[0].render(), [0])
    model.gradient(mutants[0].render(), 0)
    assert module.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == flags
    assert [part.training for part in module.modules()] == modes
    assert all(parameter.grad is None for parameter in module.parameters())
    assert module.use_checkpointing


def test_a_module_in_train_mode_is_read_in_eval_mode(module, mutants):
    expected = own_forward(module, mutants)
    np.testing.assert_allclose(wrap(module.train(), LENGTH).tss_activity(mutants), expected, rtol=1e-5)


def test_weights_are_shared_not_copied(module):
    model = wrap(module, LENGTH)
    shared = {parameter.data_ptr() for parameter in module.parameters()}
    assert {parameter.data_ptr() for parameter in model._network.parameters()} == shared


def test_the_fingerprint_follows_what_decides_a_prediction(module):
    original = wrap(module, LENGTH).fingerprint
    assert len(original) == 32
    assert wrap(copy.deepcopy(module).train(), LENGTH, precision="float64", name="Other").fingerprint == original

    def after(change) -> str:
        changed = copy.deepcopy(module)
        with torch.no_grad():
            change(changed)
        return wrap(changed, LENGTH).fingerprint

    assert after(lambda network: network._heads["mouse"][0].weight.mul_(2)) == original
    assert after(lambda network: network.stem[2].to_attn_logits.weight[0, 0, 0, 0].add_(1e-3)) != original
    assert after(lambda network: network.conv_tower[0][0][0].running_var.mul_(2)) != original
    assert after(lambda network: network.set_target_length(16)) != original
    assert wrap(module, LENGTH + 16).fingerprint != original
    assert wrap(module, LENGTH, head="mouse").fingerprint != original


def test_the_fingerprint_follows_the_position_features(module):
    before = enformer.fingerprint(module, LENGTH, "human")
    module.transformer[1][0].fn[1].use_tf_gamma = True
    assert enformer.fingerprint(module, LENGTH, "human") != before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_length": 481}, "must be a multiple of 16"),
        ({"input_length": 8 * 61}, "must be a multiple of 16, so that two bins meet at the centre"),
        ({"input_length": 0}, "must be a multiple of 16"),
        ({"input_length": 96}, "keeps 14 of 12 bins"),
        ({"head": "yeast"}, "no head 'yeast'; it has human, mouse"),
        ({"precision": "float8"}, "precision='float8' is not known; it is one of auto, float32"),
        ({"precision": "tf32"}, "needs a CUDA device"),
        ({"device": "tpu"}, "'tpu' is no device; it is 'auto', 'cpu', 'cuda' or 'mps'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(module, settings, message):
    settings = {"device": "cpu", "input_length": LENGTH} | settings
    with pytest.raises(ValueError, match=message):
        enformer.EnformerModel(module, make_tracks(5), **settings)


def test_tensorflows_position_features_are_for_one_size(module):
    for attention in enformer.attentions(module):
        attention.use_tf_gamma = True
    with pytest.raises(ValueError, match=r"only for 1,536 columns and 192 features a head .* here are 60 and 24"):
        wrap(module, LENGTH)


def test_it_says_which_cell_lines_and_cut_offs_are_its_own(module):
    tracks = make_tracks(5).assign(cell_line=["liver", "PC-3", "PC-3", "skin", "K562"])
    model = enformer.EnformerModel(module, tracks, device="cpu", input_length=LENGTH)
    assert model.cell_lines == ("K562", "PC-3", "liver", "skin")
    assert model.cutoffs == ENFORMER_CUTOFFS


def test_only_an_enformer_is_wrapped():
    with pytest.raises(ValueError, match=r"wraps an enformer_pytorch\.Enformer, not a Linear"):
        enformer.EnformerModel(torch.nn.Linear(1, 1), make_tracks(5))


def test_a_sequence_of_another_length_is_refused(module):
    model = wrap(module, LENGTH)
    short = np.zeros(LENGTH - 1, np.uint8)
    for ask in (
        lambda: model.tss_activity([Mutant(Background(short))]),
        lambda: model.forward_full(short[None]),
        lambda: model.profile(short, [0]),
        lambda: model.gradient(short, 0),
    ):
        with pytest.raises(ValueError, match="479 bases but Enformer takes 480; make the locus with length=480"):
            ask()


class Engine:
    """Answers for as many mutants at once as it has room for; remembers the batches."""

    def __init__(self, room: int, error: Exception, caching: bool = False):
        self.room, self.error, self.caching = room, error, caching
        self.batches: list[int] = []

    def tss_activity(self, mutants):
        self.batches.append(len(mutants))
        if len(mutants) > self.room:
            raise self.error
        return torch.tensor([[float(mutant.edits[0].start)] * 5 for mutant in mutants])

    def clear(self):
        self.caching = False


NO_ROOM = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", NO_ROOM, ids=["cuda", "cpu", "python"])
def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(module, error):
    model = wrap(module, LENGTH)
    model._engine = Engine(3, error)
    model._batch = BatchSize(guess=16, limit=16)
    background = Background(np.zeros(LENGTH, np.uint8))
    mutants = [Mutant(background, [Edit(start, np.ones(1, np.uint8))]) for start in range(10)]
    assert model.tss_activity(mutants)[:, 4].tolist() == list(range(10))
    assert model._engine.batches[:3] == [10, 5, 2]
    assert max(model._engine.batches[2:]) == 2
    assert model.batch_size == 2


def test_where_not_even_one_fits_it_says_so_after_freeing_its_caches(module, mutants):
    model = wrap(module, LENGTH, name="Large")
    model._engine = Engine(0, MemoryError(), caching=True)
    with pytest.raises(MemoryError, match="not enough memory on cpu for one sequence of Large; close other programs"):
        model.tss_activity(mutants[:1])
    assert model._engine.batches == [1, 1]


def test_an_error_that_is_not_about_memory_is_passed_on(module, mutants):
    model = wrap(module, LENGTH)
    model._engine = Engine(0, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        model.tss_activity(mutants)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_that_changes_effects_is_given_up(module, mutants, precision):
    model = wrap(module, LENGTH, precision=precision)
    report = model.precision_report
    assert (report["requested"], report["used"], model.precision) == (precision, "float32", "float32")
    assert report["checked"]
    assert report["largest_difference"] > 0.002
    assert "so float32 is used instead" in report["message"]
    np.testing.assert_allclose(model.tss_activity(mutants), own_forward(module, mutants), rtol=1e-5)


def test_half_precision_that_leaves_effects_alone_is_used(module, mutants, monkeypatch):
    monkeypatch.setattr(batched, "LARGEST_EFFECT_ERROR", 10.0)
    model = wrap(module, LENGTH, precision="bfloat16")
    assert model.precision == model.precision_report["used"] == "bfloat16"
    assert 0 < model.precision_report["largest_difference"] < 10
    activity = model.tss_activity(mutants)
    assert activity.dtype == np.float32
    exact = own_forward(module, mutants)
    assert 0 < np.abs(activity / exact - 1).max() < 0.5
    # Gradients are always exact.
    reference = wrap(module, LENGTH).gradient(mutants[0].render(), 1)
    np.testing.assert_array_equal(model.gradient(mutants[0].render(), 1), reference)


def test_half_precision_that_overflows_is_given_up(module, monkeypatch):
    monkeypatch.setattr(batched, "_effects", lambda activity: activity * math.nan)
    assert wrap(module, LENGTH, precision="float16").precision == "float32"
