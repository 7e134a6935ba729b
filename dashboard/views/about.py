"""How to read this: what the tests mean, on one page."""

import streamlit as st

from creme_core.effects import ENFORMER_CUTOFFS
from dashboard.figures.diagram import shuffle_diagram
from dashboard.widgets import compact, palette

STILL = {"displayModeBar": False, "staticPlot": True}

compact()
st.markdown("## How to read this")
st.markdown(
    "A sequence-to-expression network reads 196,608 bases around a gene's transcription start site (TSS) and predicts "
    "how active the start site is, for every cell line at once. CREME asks what the network relies on: change a "
    "stretch of the sequence, predict again, compare. **WT** is the prediction for the sequence as it is, **MUT** the "
    "prediction with the stretch shuffled. A shuffle keeps how often each pair of neighbouring bases occurs and loses "
    "their order, so what the stretch said is gone while what it is made of stays."
)
left, right = st.columns(2, gap="large")
with left:
    st.markdown("### Necessity Test")
    st.markdown("**Which stretches does the gene need?** One tile is shuffled at a time; the TSS tile stays.")
    st.plotly_chart(shuffle_diagram("necessity", palette()), theme=None, key="necessity diagram", config=STILL)
    st.markdown(
        f"""
- Effect = (WT − MUT) / WT, the mean over shuffles.
- **Above 0**: activity dropped without the tile, so the tile was helping. Above {ENFORMER_CUTOFFS.enhancer:+g} it is
  called an **enhancer**; +1 means everything was lost.
- **Below 0**: activity rose without the tile, so the tile was holding it back. Below {ENFORMER_CUTOFFS.silencer:+g} it
  is called a **silencer**.
- **Near 0** does not mean empty: where two elements replace each other, losing either alone changes little.
"""
    )
with right:
    st.markdown("### Context Dependence Test")
    st.markdown("**How much comes from the surroundings?** Everything but the TSS tile is shuffled.")
    st.plotly_chart(shuffle_diagram("context", palette()), theme=None, key="context diagram", config=STILL)
    st.markdown(
        f"""
- Effect = (WT − MUT) / WT again, for the surroundings as a whole.
- **Enhancing** (above {ENFORMER_CUTOFFS.enhancing:g}): without them next to nothing is left.
- **Neutral** (within {ENFORMER_CUTOFFS.neutral:g} of 0): the promoter does it alone.
- **Silencing** (below {ENFORMER_CUTOFFS.silencing:g}): without them the gene is more active.
- In between the paper gives no class, and neither does this page: *unclassified*.
"""
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
