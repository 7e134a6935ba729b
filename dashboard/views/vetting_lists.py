"""Worklists of the vetting desk: making, bringing, taking along, and how far two reviewers agree."""

from functools import partial

import pandas as pd
import streamlit as st

from creme_core.vetting.decisions import Desk
from creme_core.vetting.exchange import export_bed, export_json, export_tsv, import_json, import_tsv
from creme_core.vetting.worklist import Worklist, elements_from_effects, elements_from_table, read_worklist
from dashboard import data
from dashboard.desk import Bench
from dashboard.state import PageState
from dashboard.views.vetting_decision import SAID, attempt
from dashboard.views.vetting_runs import every_gene, stop_runs_of
from dashboard.widgets import Download, choice, download_row, plain, put

__all__ = ["lists_box"]

ENDINGS = ["bed", "tsv", "txt", "csv", "bedpe", "gz", "json"]
TESTS = ("necessity", "sufficiency")
ALL = -1  # of the tests that ended
MOST_SHOWN = 200


def lists_box(desk: Desk, state: PageState, bench: Bench) -> None:
    """Tabs to make a worklist, to bring one, to take one along, and to compare reviewers; run while it is open."""
    box = st.expander(
        "Lists: make, bring, take along, compare",
        expanded=not state.worklist,
        icon=":material/checklist:",
        key=f"lists {bool(state.worklist)}",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        new, bring, take, agree = st.tabs(
            ["New list", "Bring a file", "Take along", "Agreement"], key="list tabs", on_change="rerun"
        )
        if new.open:
            with new:
                _from_calls(desk, state, bench)
                _from_published(desk, state, bench)
        if bring.open:
            with bring:
                _bring(desk, state, bench)
        if take.open:
            with take:
                _take(desk, state, bench)
        if agree.open:
            with agree:
                _agree(desk, state)


def _add(desk: Desk, name: str, origin: dict, elements: pd.DataFrame) -> None:
    def add() -> None:
        identity = desk.add_worklist(name, elements, origin)
        put("worklist", identity)
        kept = desk.provenance(identity)["name"]
        st.session_state[SAID] = f"The list {kept} has {desk.progress(identity, '').total:,} elements."
        # A file that has become a list is done with.
        st.session_state["files brought"] = st.session_state.get("files brought", 0) + 1

    attempt(add)


def _from_calls(desk: Desk, state: PageState, bench: Bench) -> None:
    """Tiles that tests called."""
    if bench.engine is None:
        return
    line = state.cell_line
    st.markdown("**From a test's calls**: every tile that the Necessity or Sufficiency Test of a gene calls.")
    done = [run.result for run in bench.engine.finished(TESTS) if run.result.locus.chrom in bench.opened.chrom_sizes]
    if done:
        names = {number: f"{result.locus.gene}, {result.test}" for number, result in enumerate(done)}
        if len(done) > 1:
            names = {ALL: f"All {len(done)} of these tests"} | names
        chosen = st.selectbox("Test", list(names), format_func=names.get, key="calls of")
        results = done if chosen == ALL else [done[chosen]]
        calls = [elements_from_effects(one.effects(line), one.locus.gene, line, one.test) for one in results]
        # A tile that both tests call is one element.
        elements = pd.concat(calls, ignore_index=True).drop_duplicates("element_id")
        if elements.empty:
            st.caption(f"No tile is called in {plain(line)}.")
        else:
            origin = results[0].provenance if len(results) == 1 else {"tests": [one.provenance for one in results]}
            st.button(
                f"Make a list of {len(elements):,} calls",
                key="list of calls",
                on_click=_add,
                args=(desk, f"{names[chosen]}, {line}", origin, elements),
            )
    else:
        st.caption("No such test has been run yet: run one on the page Explore a locus, and it is offered here.")
    origin = {"source": bench.opened.label, "test": "necessity", "cell_line": line}
    origin["settings"] = {"tile_size": bench.tile_size, "shuffles": bench.shuffles, "seed": bench.seed}
    make = partial(_add, desk, f"Every gene, necessity, {line}", origin)
    every_gene(bench, list(data.gene_names(state.source)), make)


def _from_published(desk: Desk, state: PageState, bench: Bench) -> None:
    """The paper's sufficient CREs."""
    if not hasattr(bench.opened, "cres"):
        return
    st.markdown("**From the paper**: its sufficient enhancers and silencers.")
    line = state.cell_line
    try:
        worklist = elements_from_table(bench.opened.cres(line), "published sufficient CREs", cell_line=line)
    except (ValueError, OSError) as error:
        st.caption(plain(str(error)))
        return
    st.button(
        f"Make a list of {len(worklist.elements):,} CREs in {plain(line)}",
        key="list of CREs",
        on_click=_add,
        args=(desk, f"Published CREs, {line}", {"source": bench.opened.label}, worklist.elements),
    )


def _bring(desk: Desk, state: PageState, bench: Bench) -> None:
    """A file of elements, or an export of this desk."""
    st.markdown("A BED, a table with a header, a bedpe of element and gene, or an export of this desk (JSON, TSV).")
    file = st.file_uploader(
        "Elements or decisions", type=ENDINGS, key=f"worklist file {st.session_state.get('files brought', 0)}"
    )
    if file is None:
        return
    content = file.getvalue()
    is_json = file.name.lower().endswith(".json")
    if is_json or content[:200].lstrip(b"\xef\xbb\xbf").startswith(b"element_id\t"):
        _bring_export(desk, state, file.name, content, is_json)
        return
    answers = st.session_state.setdefault("answers", {}).setdefault(file.file_id, {})
    gene = st.text_input(
        "Gene of every element that names none",
        key="default gene",
        help="A symbol, an Ensembl id, or chromosome:position:strand. Left empty, each is judged on its nearest TSS.",
    )
    worklist = _read(file.file_id, file.name, content, gene.strip(), bench, answers)
    if isinstance(worklist, str):
        st.error(plain(worklist), icon=":material/error:")
        return
    for note in worklist.notes:
        st.caption(plain(note))
    # A question without choices is that for the gene, which has its box.
    asked = [question for question in worklist.questions if question.choices]
    for question in asked:
        _ask(question, answers)
    st.dataframe(worklist.elements.drop(columns="element_id").head(100), hide_index=True, height=180)
    if asked:
        st.caption("Answer the question first; a list is made of what is read then.")
    elif worklist.elements.empty:
        st.caption("No element is left to make a list of.")
    else:
        st.button(
            f"Make a list of its {len(worklist.elements):,} elements",
            key="list of a file",
            type="primary",
            on_click=_add,
            args=(desk, file.name, {"source": file.name, "notes": list(worklist.notes)}, worklist.elements),
        )


def _bring_export(desk: Desk, state: PageState, name: str, content: bytes, is_json: bool) -> None:
    """Decisions that were taken along come back, or come from somebody else."""
    st.caption("An export of a vetting desk. Newer decisions count, and nothing that is here is lost.")
    here = ""
    if not is_json and state.worklist:
        # A table does not say which list it was of.
        current = desk.provenance(state.worklist)["name"]
        into = {"": "A new list", state.worklist: f"The list on the desk: {current}"}
        here = st.radio("Bring it into", list(into), format_func=into.get, key="import into")

    def bring() -> None:
        if is_json:
            brought = import_json(desk, content)
        else:
            brought = import_tsv(desk, content, here or None, name)
        put("worklist", brought.worklist_id)
        st.session_state[SAID] = " ".join(brought.notes) or "It is here now."
        st.session_state["files brought"] = st.session_state.get("files brought", 0) + 1

    st.button("Bring its decisions in", type="primary", key="import", on_click=attempt, args=(bring,))


def _read(identity: str, name: str, content: bytes, gene: str, bench: Bench, answers: dict) -> Worklist | str:
    """The list in a file, or why it can't be read; a page that is drawn again does not read it again."""
    key = (identity, gene, bench.opened.name, tuple(sorted(answers.items())))
    kept = st.session_state.get("list read")
    if kept is None or kept[0] != key:
        try:
            read = read_worklist(content, name, gene=gene, chrom_sizes=bench.opened.chrom_sizes, **answers)
        except (ValueError, OSError) as error:
            read = str(error)
        kept = st.session_state["list read"] = (key, read)
    return kept[1]


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


def _take(desk: Desk, state: PageState, bench: Bench) -> None:
    """Files of the list on the desk."""
    if not state.worklist:
        st.caption("Choose a list first.")
        return
    name = desk.provenance(state.worklist)["name"]
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    model, settings = None, {"cell_line": state.cell_line, "source": bench.opened.label}
    if bench.engine is not None:
        known = bench.engine.model
        model = {"name": known.name, "fingerprint": known.fingerprint, "precision": known.precision}
        settings |= {"tile_size": bench.tile_size, "shuffles": bench.shuffles, "seed": bench.seed}
    identity, reviewer = state.worklist, state.reviewer
    whole = partial(export_json, desk, identity, model=model, provenance=settings)
    files = [
        Download("Everybody's (JSON)", f"{stem}.json", "application/json", whole),
        Download("Everybody's (TSV)", f"{stem}.tsv", "text/tab-separated-values", partial(export_tsv, desk, identity)),
    ]
    if reviewer:
        files.append(
            Download("Mine (BED9)", f"{stem}.bed", "text/plain", partial(export_bed, desk, identity, reviewer))
        )
    download_row(files)
    st.caption("The JSON holds every version of every decision; bring it in elsewhere to go on there.")

    def delete() -> None:
        st.session_state[SAID] = f"Deleted. {desk.delete_worklist(identity)}"
        stop_runs_of(identity)
        put("worklist", "")

    with st.popover("Delete this list"):
        st.markdown(plain(desk.deletion(identity)))
        st.button("Delete it with its decisions", key="delete list", on_click=attempt, args=(delete,))


def _agree(desk: Desk, state: PageState) -> None:
    """Cohen's kappa of two reviewers, and where they differ."""
    reviewers = desk.reviewers(state.worklist) if state.worklist else []
    if len(reviewers) < 2:
        st.caption("Two reviewers of one list can be compared once both have decided something on it.")
        return
    left, right = st.columns(2)
    with left:
        first = choice("First reviewer", f"first of {state.worklist}", reviewers, reviewers[0])
    with right:
        second = choice("Second reviewer", f"second of {state.worklist}", reviewers, reviewers[1])
    if first == second:
        st.caption("Choose two different reviewers.")
        return
    found = desk.agreement(state.worklist, first, second)
    st.markdown(plain(found.sentence))
    for note in found.notes:
        st.caption(plain(note))
    st.dataframe(found.table)
    if not found.disagreements:
        return
    st.markdown("**Where they differ**")
    rows = []
    for identity in found.disagreements[:MOST_SHOWN]:
        both = [desk.decision(state.worklist, identity, reviewer) for reviewer in (first, second)]
        rows.append((desk.element(state.worklist, identity).label, *(said.decision for said in both)))
    st.dataframe(pd.DataFrame(rows, columns=["element (1-based)", first, second]), hide_index=True)
    if len(found.disagreements) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(found.disagreements):,}.")
