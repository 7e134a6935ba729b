"""How to read this: what the tests mean, on one page."""

import streamlit as st

from dashboard.catalogue import ENTRIES
from dashboard.widgets import compact

compact()
st.markdown("## How to read this")
st.markdown(
    "A sequence-to-expression network reads 196,608 bases around a gene's transcription start site (TSS) and predicts "
    "how active the start site is, for every cell line at once. CREME asks what the network relies on: change a "
    "stretch of the sequence, predict again, compare. **WT** is the prediction for the sequence as it is, **MUT** the "
    "prediction with the stretch shuffled. A shuffle keeps how often each pair of neighbouring bases occurs and loses "
    "their order, so what the stretch said is gone while what it is made of stays."
)
for entry in ENTRIES.values():
    words, drawing = st.columns([5, 4], gap="large", vertical_alignment="center")
    with words:
        st.markdown(f"### {entry.title}")
        st.markdown(f"**{entry.question}** {entry.what}")
        st.markdown(entry.reading())
    with drawing:
        st.image(str(entry.picture), width="stretch", alt=f"What the {entry.title} shuffles and what it keeps")
st.markdown(
    "Cut-offs and classes are the paper's. An effect near 0 in the Necessity Test does not mean an empty tile: where "
    "two elements replace each other, losing either alone changes little."
)
st.markdown("### How sure is a number?")
st.markdown(
    "Each shuffle is one draw, so an effect is a mean with a **95% t interval**, drawn as an error bar. Where the "
    "interval holds a cut-off the call could go either way: the bar is pale and the call is marked **uncertain**. More "
    "shuffles narrow the interval. The seed fixes every draw: the same seed gives the same numbers anywhere."
)
st.markdown("### What it does not say")
st.markdown(
    "The results are what *the model* says about a sequence. They are hypotheses about a gene, not measurements, and "
    "networks of this kind are known to underrate distant elements. The predicted activity and its percentile tell "
    "whether the gene is active in the chosen cell line at all; effects of a silent gene are ratios of small numbers."
)
st.markdown("### The demo world")
st.markdown(
    "The demo source is **synthetic**: a made-up genome with planted enhancers and silencers, and a small Enformer "
    "made for it. Its cell lines are named K562, GM12878 and PC-3 for familiarity only; nothing here tells anything "
    "about the real ones. What was planted is known, so **Show planted truth** is an answer key: guess, look, compare."
)
st.markdown("### Positions")
st.markdown(
    "The page shows positions as genome browsers do, counted from 1 with both ends included. Downloaded tables and "
    "tracks count from 0 with the end left out, as BED does. Distances follow the gene: upstream is negative on either "
    "strand."
)
