"""The box in which a visitor brings files of their own."""

import streamlit as st

from dashboard import data
from dashboard.uploads import REGION_ENDINGS, SIGNAL_ENDINGS, Upload, Uploads
from dashboard.widgets import plain

__all__ = ["NEW_TRACKS", "uploads_box"]

NEW_TRACKS = "new tracks"  # labels that the picture takes up unasked, since somebody has just brought them


def uploads_box(source_name: str) -> Uploads:
    """Take files, and list those that were taken with what is wrong with each."""
    uploads = data.uploads(source_name)
    with st.expander("Bring your own tracks and regions", icon=":material/upload_file:", expanded=bool(uploads.files)):
        # A file that was looked at leaves the widget, which would keep it in memory and lose it with its page.
        key = f"own files {st.session_state.get('uploads taken', 0)}"
        st.file_uploader(
            "bigWig signals, or BED regions (also .gz)",
            type=[*SIGNAL_ENDINGS, *REGION_ENDINGS],
            accept_multiple_files=True,
            key=key,
            on_change=_take,
            args=(uploads, key),
            help="of the same assembly as the source; they are read on this machine, kept for this session and then "
            "deleted",
        )
        for upload in uploads.files:
            _line(uploads, upload)
    return uploads


def _take(uploads: Uploads, key: str) -> None:
    files = st.session_state[key]
    brought = [uploads.add(file.name, file.getbuffer()) for file in files]
    new = [upload.track.label for upload in brought if upload.track is not None]
    st.session_state[NEW_TRACKS] = [*st.session_state.get(NEW_TRACKS, ()), *new]
    if files:
        st.session_state["uploads taken"] = st.session_state.get("uploads taken", 0) + 1


def _line(uploads: Uploads, upload: Upload) -> None:
    name = plain(upload.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if upload.error:
            st.error(f"{name}: {plain(upload.error)}", icon=":material/error:")
        elif upload.questions:
            st.warning(f"{name}: {plain(' '.join(upload.questions))}", icon=":material/help:")
        elif upload.track is not None:
            st.markdown(f":material/check: {name}: a signal, drawn as {plain(upload.track.name)}")
        else:
            st.markdown(f":material/check: {name}: {len(upload.regions):,} regions")
        st.button(
            "Take away",
            key=f"remove upload {upload.number}",
            icon=":material/delete:",
            type="tertiary",
            on_click=uploads.remove,
            args=(upload.number,),
        )
    for note in upload.notes:
        st.caption(plain(note))
    if upload.questions:
        with st.container(horizontal=True):
            for label, one_based in (("Starts count from 0 (BED)", False), ("Starts count from 1", True)):
                st.button(
                    label,
                    key=f"count {upload.number} {one_based}",
                    on_click=uploads.answer,
                    args=(upload.number, one_based),
                )
