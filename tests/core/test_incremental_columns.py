import numpy as np
import pytest
import torch

from creme_core.models.columns import BackgroundCache, ColumnCache, column_keys, touched_columns
from creme_core.models.enformer import frozen_copy
from creme_core.models.trunk import OUTSIDE, Trunk
from tests.core.networks import random_network


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], []),
        ([0], [0]),
        # Bin 1 is bases 8 to 15 and sees 3 more: 5 to 18.
        ([4], [0]),
        ([5], [0, 1]),
        ([10], [0, 1]),
        ([11], [1]),
        ([39], [4]),
        ([4, 36], [0, 4]),
    ],
)
def test_touched_columns_of_five_bins_of_eight(positions, expected):
    touched = touched_columns(np.array(positions, dtype=np.int64), columns=5, bin_size=8, reach=3)
    assert touched.tolist() == expected


def test_touched_columns_are_those_that_change_and_no_others():
    settings = {"dim": 24, "depth": 1, "heads": 1, "num_downsamples": 4, "dim_divisible_by": 4, "target_length": -1}
    network = frozen_copy(random_network(torch.float64, **settings), torch.device("cpu"), torch.float64)
    trunk = Trunk(network, torch.float64)
    assert (trunk.bin_size, trunk.reach) == (16, 7 + 4 + 8 + 16)
    codes = np.random.default_rng(0).integers(0, 4, 16 * 9)

    def columns(codes):
        padded = np.pad(codes, trunk.reach, constant_values=OUTSIDE)
        return trunk.columns(trunk.one_hot(torch.from_numpy(padded))[None], [0], 9)[0]

    before = columns(codes)
    touched_at_all = set()
    for position in range(len(codes)):
        after = codes.copy()
        after[position] = (after[position] + 1) % 4
        changed = torch.nonzero((columns(after) != before).any(dim=1)).flatten().tolist()
        touched = touched_columns(np.array([position]), 9, trunk.bin_size, trunk.reach).tolist()
        # Rectified channels may hide a change at the rim, so a touched column need not change for every base.
        assert set(changed) <= set(touched)
        touched_at_all |= {(position // 16 - column) for column in changed}
    assert touched_at_all == {-3, -2, -1, 0, 1, 2, 3}


def test_keys_are_equal_where_all_bases_in_reach_are():
    codes = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], dtype=np.uint8)
    padded = np.pad(codes, 2, constant_values=OUTSIDE)
    keys = column_keys(padded, np.arange(3), bin_size=4, reach=2)
    assert len(set(keys)) == 3  # The ends see what is outside.
    longer = np.pad(np.tile(codes, 2), 2, constant_values=OUTSIDE)
    assert column_keys(longer, np.array([0, 2, 3, 5]), 4, 2) == [keys[0], keys[1], keys[1], keys[2]]


def rows(*values: int) -> torch.Tensor:
    return torch.tensor([[value, -value] for value in values], dtype=torch.float32)


def cache_of(capacity: int) -> ColumnCache:
    return ColumnCache(capacity, 2, torch.float32, torch.device("cpu"))


def kept(cache: ColumnCache, *keys: bytes) -> dict[bytes, int]:
    slots = dict(zip(keys, cache.slots(keys), strict=True))
    return {key: int(cache.read([slot])[0, 0]) for key, slot in slots.items() if slot is not None}


def test_the_oldest_columns_make_room():
    cache = cache_of(3)
    cache.add([b"a", b"b"], rows(1, 2))
    cache.add([b"c", b"d"], rows(3, 4))
    assert kept(cache, b"a", b"b", b"c", b"d") == {b"b": 2, b"c": 3, b"d": 4}
    assert len(cache) == 3


def test_more_columns_than_fit_leave_the_last():
    cache = cache_of(2)
    cache.add([b"a", b"b", b"c", b"d", b"e"], rows(1, 2, 3, 4, 5))
    assert kept(cache, b"a", b"b", b"c", b"d", b"e") == {b"d": 4, b"e": 5}


def test_a_column_added_again_stays_when_its_old_place_is_reused():
    cache = cache_of(3)
    cache.add([b"a", b"b", b"a"], rows(1, 2, 1))
    cache.add([b"c"], rows(3))
    assert kept(cache, b"a", b"b", b"c") == {b"a": 1, b"b": 2, b"c": 3}


def test_the_least_recently_used_background_makes_room():
    cache = BackgroundCache(max_bytes=2 * rows(1).nbytes)
    cache.put("a", rows(1))
    cache.put("b", rows(2))
    cache.get("a")
    cache.put("c", rows(3))
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_a_background_over_the_cap_is_kept_alone():
    cache = BackgroundCache(max_bytes=1)
    cache.put("a", rows(1))
    cache.put("b", rows(2))
    assert cache.get("a") is None
    torch.testing.assert_close(cache.get("b"), rows(2))
