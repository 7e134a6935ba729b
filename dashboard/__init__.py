"""CREME in a browser: a Streamlit dashboard over creme_core."""
