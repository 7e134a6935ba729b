"""Dinucleotide shuffling, uniform over all sequences that keep the counts.

A sequence is a walk over its letters; keeping every dinucleotide means keeping every step of the walk. The words with
the same steps, first and last letter are the Eulerian trails of one multigraph, and drawing them evenly takes two
draws (Altschul & Erickson 1985; Kandel, Matias, Unger & Winkler 1996; Wilson 1996): the letters' last exits, a random
arborescence towards the last letter, by Wilson's loop-erased walks; then the order of all other exits.
"""

import numba
import numpy as np

from creme_core.sequence import ALPHABET

__all__ = ["dinucleotide_shuffle", "shuffle_rng"]

_LETTERS = len(ALPHABET)


def shuffle_rng(seed: int, start: int, end: int, replicate: int) -> np.random.Generator:
    """The generator of one shuffle, keyed by what is shuffled.

    Two tests that shuffle the same piece of a window with the same seed and replicate draw the same sequence, in
    whatever order or batch they ask.

    Args:
        seed: whole number, 0 or more, as the user gave it.
        start, end: the shuffled piece of the oriented window, 0-based half-open.
        replicate: 0, 1, 2, ...

    Raises:
        ValueError: when a number is negative or no whole number.
    """
    for name, value in (("seed", seed), ("start", start), ("end", end), ("replicate", replicate)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"The {name} is {value!r}; it must be a whole number, 0 or more.")
    sequence = np.random.SeedSequence(entropy=int(seed), spawn_key=(int(start), int(end), int(replicate)))
    return np.random.Generator(np.random.Philox(sequence))


def dinucleotide_shuffle(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a sequence with the same dinucleotide counts, first base and last base, all such sequences equally likely.

    Args:
        codes: uint8 (length,), codes of `creme_core.sequence`; N counts as a fifth letter. Not changed.
        rng: where the randomness comes from.

    Returns:
        A new uint8 array (length,).

    Raises:
        ValueError: when codes is not one-dimensional or holds a value above 4.
    """
    codes = np.ascontiguousarray(codes, dtype=np.uint8)
    if codes.ndim != 1:
        raise ValueError(f"A sequence to shuffle has the shape {codes.shape}; it must be (length,).")
    if codes.size and int(codes.max()) >= _LETTERS:
        raise ValueError(f"A sequence to shuffle holds the code {int(codes.max())}; codes are 0 to {_LETTERS - 1}.")
    if codes.size < 4:
        return codes.copy()  # with the first and last base fixed there is one word only
    # Drawn in one go: ten times faster than a call a number.
    words = rng.integers(0, 1 << 32, size=codes.size, dtype=np.uint32)
    return _random_walk(codes, words, rng)


@numba.njit(cache=True)
def _below(bound: int, word: int, rng: np.random.Generator) -> int:
    """A whole number evenly in [0, bound) from a 32-bit word; a word in the uneven rest is redrawn (Lemire 2019)."""
    product = np.uint64(word) * np.uint64(bound)
    low = product & np.uint64(0xFFFFFFFF)
    if low < np.uint64(bound) and low < (np.uint64(1) << np.uint64(32)) % np.uint64(bound):
        return rng.integers(0, bound)
    return np.int64(product >> np.uint64(32))


@numba.njit(cache=True)
def _random_walk(codes: np.ndarray, words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = codes.size
    # exits[first[a]:first[a] + count[a]] are the letters that follow letter a, in order.
    count = np.zeros(_LETTERS, np.int64)
    for i in range(length - 1):
        count[codes[i]] += 1
    first = np.zeros(_LETTERS, np.int64)
    for a in range(1, _LETTERS):
        first[a] = first[a - 1] + count[a - 1]
    exits = np.empty(length - 1, np.uint8)
    filled = first.copy()
    for i in range(length - 1):
        exits[filled[codes[i]]] = codes[i + 1]
        filled[codes[i]] += 1

    # Wilson: from each letter walk at random until the tree is hit; the last exit taken from a letter is its edge.
    root = codes[length - 1]
    in_tree = np.zeros(_LETTERS, np.bool_)
    in_tree[root] = True
    last_exit = np.zeros(_LETTERS, np.int64)
    for start in range(_LETTERS):
        if count[start] == 0:
            continue
        a = start
        while not in_tree[a]:
            last_exit[a] = first[a] + rng.integers(0, count[a])
            a = exits[last_exit[a]]
        a = start
        while not in_tree[a]:
            in_tree[a] = True
            a = exits[last_exit[a]]

    for a in range(_LETTERS):
        shuffled = count[a]
        if a != root and shuffled > 0:
            # The tree's edge goes to the end, where the walk uses it last.
            end = first[a] + count[a] - 1
            exits[end], exits[last_exit[a]] = exits[last_exit[a]], exits[end]
            shuffled -= 1
        for i in range(shuffled - 1, 0, -1):
            x = first[a] + i
            y = first[a] + _below(i + 1, words[x], rng)
            exits[x], exits[y] = exits[y], exits[x]

    result = np.empty(length, np.uint8)
    used = first.copy()
    a = codes[0]
    result[0] = a
    for i in range(1, length):
        a = exits[used[a]]
        used[result[i - 1]] += 1
        result[i] = a
    return result
