"""The self-check: does this installation compute what the paper's did?"""

import threading

import streamlit as st

from creme_core.selfcheck import Report, check
from dashboard import data
from dashboard.options import MODEL_NAMES
from dashboard.views.run_panel import follow
from dashboard.widgets import choice, plain

__all__ = ["check_panel"]

ICONS = {"ok": ":green[:material/check_circle:]", "note": ":material/info:", "wrong": ":red[:material/error:]"}
CHECKED_GENES = 20
_turn = threading.Lock()  # a check loads a model of its own; two of them may not fit into memory


class Check:
    """One self-check in a thread of its own; the checks of a process take turns."""

    def __init__(self, model_name: str):
        self.model_name = model_name
        self._model, self._published = data.model_argument(model_name), data.options().published
        self.step = "waiting for the check of another visitor"
        self.report: Report | None = None
        self.error = ""
        self.cancel = threading.Event()
        self._thread = threading.Thread(target=self._work, name="self-check", daemon=True)
        self._thread.start()

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def _work(self) -> None:
        def say(step: str) -> None:
            self.step = step

        with _turn:
            if self.cancel.is_set():
                return
            try:
                self.report = check(
                    self._model,
                    genes=CHECKED_GENES,
                    published=self._published,
                    on_step=say,
                    cancel=self.cancel,
                )
            except BaseException as error:  # the page has to be told, whatever it was
                self.error = str(error) or type(error).__name__


def check_panel() -> None:
    """Choose a model, start, read the findings."""
    st.markdown(
        "Looks at the device and the model, compares incremental with whole forward passes, and, where Enformer, the "
        f"genes and the published results are here, predicts {CHECKED_GENES} published loci: minutes without a GPU."
    )
    names = tuple(dict.fromkeys((*data.models("demo"), *data.models("hg38"))))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = choice("Model", "checked model", names, names[0], format_func=MODEL_NAMES.__getitem__, width=260)
        if st.button("Run the self-check", key="self-check"):
            running = st.session_state.get("check")
            if running is None or not running.unfinished:
                st.session_state["check"] = Check(name)

    def pending() -> bool:
        return "check" in st.session_state and st.session_state["check"].unfinished

    def draw() -> None:
        begun = st.session_state.get("check")
        if begun is None:
            return
        if begun.unfinished:
            with st.container(horizontal=True, vertical_alignment="center"):
                stopping = " Stopping after what is under way." if begun.cancel.is_set() else ""
                st.caption(f":material/hourglass_top: {MODEL_NAMES[begun.model_name]}: {plain(begun.step)} …{stopping}")
                st.button("Cancel", key="cancel self-check", on_click=begun.cancel.set)
            return
        if begun.report is None:
            if begun.cancel.is_set():
                st.caption("The self-check was stopped.")
            else:
                st.error(plain(begun.error), icon=":material/error:")
            return
        for finding in begun.report.findings:
            st.markdown(f"{ICONS[finding.verdict]} **{finding.name}**: {plain(finding.told)}")
        if len(begun.report.genes):
            st.dataframe(
                begun.report.genes,
                hide_index=True,
                column_config={
                    "published": st.column_config.NumberColumn("Published", format="%.2f"),
                    "predicted": st.column_config.NumberColumn("Predicted", format="%.2f"),
                    "relative_difference": st.column_config.NumberColumn("Difference", format="percent"),
                },
            )

    follow(draw, pending)
