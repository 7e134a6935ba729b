"""Worklists of the vetting desk: making, bringing, taking along, and how far two reviewers agree."""

import pandas as pd
import streamlit as st

from creme_core.vetting.decisions import Desk
from creme_core.vetting.exchange import export_bed, export_json, export_tsv, import_json, import_tsv
from creme_core.vetting.worklist import elements_from_effects, elements_from_table, read_worklist
from dashboard.engine import Engine
from dashboard.state import PageState
from dashboard.widgets import Download, download_row, plain, put

__all__ = ["lists_box"]

ENDINGS = ["bed", "tsv", "txt", "csv", "bedpe", "gz", "json"]


def lists_box(desk: Desk, state: PageState, opened, engine: Engine | None) -> None:
    """Tabs to make a worklist, to bring one, to take one along, and to compare reviewers."""
    calls, bring, take, agree = st.tabs(["New list", "Bring a file", "Take along", "Agreement"])
    with calls:
        _from_calls(desk, state, opened, engine)
        _from_published(desk, state, opened)
    with bring:
        _bring(desk, opened)
    with take:
        _take(desk, state, engine)
    with agree:
        _agree(desk, state)


def _add(desk: Desk, name: str, elements: pd.DataFrame, origin: dict) -> None:
    identity = desk.add_worklist(name, elements, origin)
    put("worklist", identity)
    st.session_state["desk said"] = f"The list {name} has {len(elements):,} elements."


def _from_calls(desk: Desk, state: PageState, opened, engine: Engine | None) -> None:
    """Tiles that tests of this session called."""
    if engine is None:
        return
    st.markdown("**From a test's calls**: every tile that the Necessity or Sufficiency Test of a gene calls.")
    done = [
        run
        for run in engine.finished(("necessity", "sufficiency"))
        if opened.chrom_sizes.get(run.result.locus.chrom) is not None
    ]
    if not done:
        st.caption("No such test has been run yet: run one on the page Explore a locus, and it is offered here.")
        return
    names = [f"{run.result.locus.gene}, {run.result.test}" for run in done]
    number = st.selectbox("Test", range(len(done)), format_func=names.__getitem__, key="calls of")
    elements = elements_from_effects(
        done[number].result.effects(state.cell_line),
        done[number].result.locus.gene,
        state.cell_line,
        done[number].result.test,
    )
    if elements.empty:
        st.caption(f"It calls no tile in {plain(state.cell_line)}.")
        return
    st.button(
        f"Make a list of its {len(elements)} calls",
        on_click=_add,
        args=(desk, f"{names[number]}, {state.cell_line}", elements, done[number].result.provenance),
    )


def _from_published(desk: Desk, state: PageState, opened) -> None:
    """The paper's sufficient CREs."""
    if not hasattr(opened, "cres"):
        return
    st.markdown("**From the paper**: its sufficient enhancers and silencers.")
    try:
        worklist = elements_from_table(
            opened.cres(state.cell_line), "published sufficient CREs", cell_line=state.cell_line
        )
    except (ValueError, OSError) as error:
        st.caption(plain(str(error)))
        return
    st.button(
        f"Make a list of {len(worklist.elements)} CREs in {state.cell_line}",
        on_click=_add,
        args=(desk, f"Published CREs, {state.cell_line}", worklist.elements, {"source": opened.label}),
    )


def _bring(desk: Desk, opened) -> None:
    """A file of elements, or an export of this desk."""
    st.markdown("A BED, a table with a header, a bedpe of element and gene, or an export of this desk (JSON, TSV).")
    file = st.file_uploader("Elements or decisions", type=ENDINGS, key="worklist file")
    if file is None:
        return
    content = file.getvalue()
    if file.name.lower().endswith(".json") or _is_export(content):
        reader = import_json if file.name.lower().endswith(".json") else import_tsv
        if st.button("Bring its decisions in", type="primary", key="import"):
            try:
                brought = reader(desk, content)
            except (ValueError, OSError) as error:
                st.error(plain(str(error)), icon=":material/error:")
                return
            put("worklist", brought.worklist_id)
            st.session_state["desk said"] = " ".join(brought.notes) or "It is here now."
            st.rerun()
        return
    answers = st.session_state.setdefault("answers", {}).setdefault(file.file_id, {})
    gene = st.text_input("Gene of every element that names none", key="default gene")
    try:
        worklist = read_worklist(content, file.name, gene=gene.strip(), chrom_sizes=opened.chrom_sizes, **answers)
    except (ValueError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    for note in worklist.notes:
        st.caption(plain(note))
    for question in worklist.questions:
        _ask(question, answers)
    st.dataframe(worklist.elements.head(100), hide_index=True, height=180)
    st.button(
        f"Make a list of its {len(worklist.elements):,} elements",
        type="primary",
        on_click=_add,
        args=(desk, file.name, worklist.elements, {"source": file.name, "notes": list(worklist.notes)}),
    )


def _ask(question, answers: dict) -> None:
    st.warning(plain(question.text))
    with st.container(horizontal=True):
        for answer, words in question.choices.items():
            st.button(
                words,
                key=f"answer {question.argument} {answer}",
                on_click=answers.update,
                args=({question.argument: answer},),
            )


def _is_export(content: bytes) -> bool:
    return content[:200].lstrip(b"\xef\xbb\xbf").startswith(b"element_id\t")


def _take(desk: Desk, state: PageState, engine: Engine | None) -> None:
    """Files of the list on the desk."""
    if not state.worklist:
        st.caption("Choose a list first.")
        return
    name = desk.provenance(state.worklist)["name"]
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    model = None
    if engine is not None:
        model = {
            "name": engine.model.name,
            "fingerprint": engine.model.fingerprint,
            "precision": engine.model.precision,
        }
    identity, reviewer = state.worklist, state.reviewer
    files = [
        Download(
            "Everybody's (JSON)", f"{stem}.json", "application/json", lambda: export_json(desk, identity, model=model)
        ),
        Download("Everybody's (TSV)", f"{stem}.tsv", "text/tab-separated-values", lambda: export_tsv(desk, identity)),
    ]
    if reviewer:
        files.append(Download("Mine (BED9)", f"{stem}.bed", "text/plain", lambda: export_bed(desk, identity, reviewer)))
    download_row(files)
    st.caption("The JSON holds every version of every decision; bring it in elsewhere to go on there.")
    with st.popover("Delete this list"):
        st.markdown(plain(desk.deletion(identity)))
        if st.button("Delete it with its decisions", key="delete list"):
            st.session_state["desk said"] = desk.delete_worklist(identity)
            put("worklist", "")
            st.rerun()


def _agree(desk: Desk, state: PageState) -> None:
    """Cohen's kappa of two reviewers."""
    reviewers = desk.reviewers(state.worklist) if state.worklist else []
    if len(reviewers) < 2:
        st.caption("Two reviewers of one list can be compared once both have decided something on it.")
        return
    left, right = st.columns(2)
    first = left.selectbox("First reviewer", reviewers, index=0, key="first reviewer")
    second = right.selectbox("Second reviewer", reviewers, index=1, key="second reviewer")
    if first == second:
        st.caption("Choose two different reviewers.")
        return
    found = desk.agreement(state.worklist, first, second)
    st.markdown(plain(found.sentence))
    for note in found.notes:
        st.caption(plain(note))
    st.dataframe(found.table)
