"""Small loci, results and a toy model for the dashboard's tests."""

from dataclasses import replace

import numpy as np
import pytest
import streamlit as st

import creme_core as creme
from creme_core.effects import ENFORMER_CUTOFFS
from creme_core.experiments import context, necessity
from creme_core.locus import Locus
from dashboard import data
from tests.dashboard.pages import finish
from tests.dashboard.toy import TRACKS, ToyModel


@pytest.fixture
def make_locus():
    """A 49 bp window, chr7:996-1045 (0-based half-open), whose TSS is the base at 1020 on either strand."""

    def make(strand="+"):
        return Locus("GENE", "ENSG1", "chr7", 1020, strand, 996, 1045, np.arange(49, dtype=np.uint8) % 4)

    return make


@pytest.fixture
def make_necessity(make_locus):
    """A Necessity Test of three context tiles of 10 bp (one upstream, two downstream), two shuffles and five tracks.

    The wild type is 10 on every track; activity (3, 2) is what the shuffles give on track 0, which is K562.
    """

    def make(activity, strand="+"):
        whole = np.full((7, 5), 10.0, dtype=np.float32)
        whole[1:, 0] = np.asarray(activity, dtype=np.float32).reshape(-1)
        settings = necessity.Settings(tile_size=10, shuffles=2)
        return necessity.summarise(make_locus(strand), settings, TRACKS, whole, {"test": "necessity"})

    return make


@pytest.fixture
def make_context(make_locus):
    """A Context Dependence Test whose wild type is 10 in K562, with given mutant activities."""

    def make(mutants):
        whole = np.full((1 + len(mutants), 5), 10.0, dtype=np.float32)
        whole[1:, 0] = mutants
        settings = context.Settings(tile_size=10, shuffles=len(mutants))
        return context.summarise(make_locus(), settings, TRACKS, whole, {"test": "context_dependence"})

    return make


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A toy in place of the demo model, a store of its own, and nothing kept from the test before."""
    toy = ToyModel()
    monkeypatch.setenv("CREME_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(creme, "load_model", lambda name: toy)
    monkeypatch.setattr("creme_core.motifs.jaspar_motifs", dict)  # reading and compiling the real ones takes seconds
    st.cache_resource.clear()
    st.cache_data.clear()
    yield toy
    finish()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def desk(model):
    """An empty vetting desk; the toy's small effects are called, and its tests are quick enough to run unasked."""
    model.cutoffs = replace(ENFORMER_CUTOFFS, enhancer=0.001, silencer=-0.001)
    data.engines().begin("demo").result().jobs._last_rate = 1000.0
    return data.desk()
