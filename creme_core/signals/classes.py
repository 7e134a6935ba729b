"""Classes of regulatory elements and repeats, and the colours they are drawn in."""

__all__ = ["CCRE_COLOURS", "REPEAT_COLOURS", "ccre_class", "repeat_class"]

# SCREEN's colours of ENCODE's candidate cis-regulatory elements (screen.wenglab.org): the names of the registry's
# version 4, then those that version 3 had instead.
CCRE_COLOURS = {
    "PLS": "#FF0000",
    "pELS": "#FFA700",
    "dELS": "#FFCD00",
    "CA-H3K4me3": "#FFAAAA",
    "CA-CTCF": "#00B0F0",
    "CA-TF": "#BE28E5",
    "CA": "#06DA93",
    "TF": "#D876EC",
    "DNase-H3K4me3": "#FFAAAA",
    "CTCF-only": "#00B0F0",
    "DNase-only": "#06DA93",
    "Low-DNase": "#E1E1E1",
    "Unclassified": "#8C8C8C",
}
# RepeatMasker's classes that are shown apart; its RNA genes, rolling circles and unknowns are "other".
REPEAT_COLOURS = {
    "LINE": "#0072B2",
    "SINE": "#56B4E9",
    "LTR": "#009E73",
    "DNA": "#E69F00",
    "Simple_repeat": "#CC79A7",
    "Low_complexity": "#D55E00",
    "Satellite": "#7F5539",
    "other": "#999999",
}


def ccre_class(text: str) -> str:
    """The class in a cCRE's label, which may end in ",CTCF-bound"; "" where it names none."""
    name = text.partition(",")[0].strip()
    return name if name in CCRE_COLOURS else ""


def repeat_class(text: str) -> str:
    """The group of a RepeatMasker class, whose "?" marks a doubtful one: "LINE" for "LINE?", "other" for "tRNA"."""
    name = text.partition("/")[0].removesuffix("?")
    return name if name in REPEAT_COLOURS else "other"
