"""Files a visitor brings: bigWigs to draw and BEDs of regions. They stay on this machine, for this session."""

import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from creme_core.signals.bed import read_bed
from creme_core.signals.bigwig import check_assembly
from dashboard.tracks import OfferedTrack
from dashboard.widgets import plain

__all__ = ["uploaded_regions", "uploaded_tracks", "uploads_box"]

SIGNAL_ENDINGS = ("bw", "bigwig")
REGION_ENDINGS = ("bed", "gz", "narrowpeak", "broadpeak", "txt")


def uploads_box(chrom_sizes: dict[str, int]) -> None:
    """Take files, look at each once, and say what is wrong with it."""
    with st.expander("Bring your own tracks and regions", icon=":material/upload_file:"):
        files = st.file_uploader(
            "bigWig signals, or BED regions (also .gz)",
            type=[*SIGNAL_ENDINGS, *REGION_ENDINGS],
            accept_multiple_files=True,
            key="own files",
            help="of the same assembly as the source; they are read on this machine and kept for this session only",
        )
        kept = st.session_state.setdefault("uploads", {})
        present = {file.file_id for file in files}
        for gone in set(kept) - present:
            kept.pop(gone)
        for file in files:
            if file.file_id not in kept:
                kept[file.file_id] = _look(file.name, file.getbuffer(), chrom_sizes)
            _say(file.file_id, kept, chrom_sizes)


def uploaded_tracks() -> tuple[OfferedTrack, ...]:
    """The bigWigs that can be drawn."""
    return tuple(item["track"] for item in st.session_state.get("uploads", {}).values() if "track" in item)


def uploaded_regions() -> list[tuple[str, pd.DataFrame]]:
    """Name and table (chrom, start, end, name) of each BED that could be read."""
    return [
        (item["name"], item["regions"]) for item in st.session_state.get("uploads", {}).values() if "regions" in item
    ]


def _look(name: str, content: memoryview, chrom_sizes: dict[str, int]) -> dict:
    """What a file is, or the sentence that says why it can't be used."""
    if name.lower().endswith(SIGNAL_ENDINGS):
        folder = st.session_state.setdefault("upload folder", tempfile.TemporaryDirectory(prefix="creme-uploads-"))
        with tempfile.NamedTemporaryFile(dir=folder.name, suffix=".bw", delete=False) as handle:
            handle.write(content)
        try:
            check_assembly(handle.name, chrom_sizes)
        except (ValueError, OSError) as error:
            Path(handle.name).unlink()
            return {"name": name, "error": str(error).replace(Path(handle.name).name, name)}
        return {"name": name, "track": OfferedTrack(Path(name).stem, handle.name, f"{name}, your file")}
    return _regions(name, bytes(content), chrom_sizes, None)


def _regions(name: str, content: bytes, chrom_sizes: dict[str, int], one_based: bool | None) -> dict:
    try:
        bed = read_bed(content, name=name, one_based=one_based, chrom_sizes=chrom_sizes)
    except (ValueError, OSError) as error:
        return {"name": name, "error": str(error)}
    item = {"name": name, "notes": bed.notes}
    if bed.questions:
        return item | {"questions": bed.questions, "content": content}
    return item | {"regions": bed.table}


def _say(file_id: str, kept: dict, chrom_sizes: dict[str, int]) -> None:
    item = kept[file_id]
    if "error" in item:
        st.error(f"{plain(item['name'])}: {plain(item['error'])}", icon=":material/error:")
        return
    for note in item.get("notes", ()):
        st.caption(f"{plain(item['name'])}: {plain(note)}")
    if "questions" not in item:
        return

    def answer(one_based: bool) -> None:
        kept[file_id] = _regions(item["name"], item["content"], chrom_sizes, one_based)

    st.warning(f"{plain(item['name'])}: {plain(' '.join(item['questions']))}")
    with st.container(horizontal=True):
        st.button("Starts count from 0 (BED)", key=f"zero {file_id}", on_click=answer, args=(False,))
        st.button("Starts count from 1", key=f"one {file_id}", on_click=answer, args=(True,))
