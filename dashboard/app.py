"""Entry point: `streamlit run dashboard/app.py`."""

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts this file's folder on the path; the packages are one up.
ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

st.set_page_config(page_title="CREME", page_icon="🧬", layout="wide")
st.navigation(
    [
        st.Page("views/locus.py", title="Explore a locus", icon=":material/bar_chart:", default=True),
        st.Page("views/swap.py", title="Swap contexts", icon=":material/swap_horiz:", url_path="swap"),
        st.Page(
            "views/characterise.py",
            title="Chromatin of many",
            icon=":material/stacked_bar_chart:",
            url_path="characterise",
        ),
        st.Page("views/vetting.py", title="Vetting desk", icon=":material/fact_check:", url_path="vetting"),
        st.Page("views/downloads.py", title="Data and models", icon=":material/download:", url_path="downloads"),
        st.Page("views/about.py", title="How to read this", icon=":material/menu_book:", url_path="about"),
    ],
    position="top",
).run()
