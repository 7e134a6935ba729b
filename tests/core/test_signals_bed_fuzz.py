"""Whatever bytes come: regions that are in order, or one sentence."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme_core.signals.bed import read_bed

VALID = (
    b"track name=x\n#comment\nchr1\t10\t20\ta\t5\t+\nchr2\t30\t40\tb\t.\t-\t30\t40\t255,0,0\n"
    b"chrM\t1\t5\r\nchr1\t100\t90\tswapped\n1 7 9 blanks\n"
)
NUMBERS = [b"0", b"12", b"-1", b"1e9", b"9" * 30, b"nan", b"inf", "\u2028٣".encode()]
ENDS = [b"\t", b"\n", b"\r", b"\r\n", b" ", b"\0", b","]
WORDS = [b"chr1", b".", b"\xff", b"\xc3", b"#", b"track", b"\xef\xbb\xbf", b"=1+1", b"<b>", b"255,0,0", b"PLS"]
PIECES = st.sampled_from(NUMBERS + ENDS + WORDS)
FILES = st.one_of(
    st.binary(max_size=300),
    st.lists(PIECES, max_size=60).map(b"".join),
    st.lists(st.tuples(st.integers(0, len(VALID) - 1), PIECES), max_size=6).map(
        lambda changes: _changed(VALID, changes)
    ),
    st.lists(PIECES, max_size=60).map(b"".join).map(gzip.compress),
    st.tuples(st.just(gzip.compress(VALID)), st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]]),
)
ANSWERS = st.sampled_from([None, True, False])
SIZES = st.sampled_from([None, {"chr1": 50, "chrM": 3}])


def _changed(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    for place, piece in changes:
        data = data[:place] + piece + data[place + len(piece) // 2 :]
    return data


def check(data, one_based, sizes):
    try:
        bed = read_bed(data, one_based=one_based, chrom_sizes=sizes)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal.startswith("the file")
        assert refusal.endswith(".")
        assert "\n" not in refusal
        return
    table = bed.table
    assert (table["start"] >= 0).all()
    assert (table["start"] < table["end"]).all()
    assert len(table) + bed.bad == bed.lines
    assert table["strand"].isin(["+", "-", "."]).all()
    assert table["colour"].str.fullmatch("(#[0-9A-F]{6})?").all()
    assert len(table) or bed.questions
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in bed.notes + bed.questions)
    if sizes:
        assert set(table["chrom"]) <= set(sizes)
        assert (table["end"] <= table["chrom"].map(sizes)).all()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(FILES, ANSWERS, SIZES)
def test_any_bytes(data, one_based, sizes):
    check(data, one_based, sizes)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(FILES, ANSWERS, SIZES)
def test_any_bytes_at_length(data, one_based, sizes):
    check(data, one_based, sizes)
