"""Pictures: pure functions from results to plotly figures. No Streamlit in here."""
