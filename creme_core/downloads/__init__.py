"""Downloads: official weights, the human genome, genes, the paper's published results, and what is here of them.

`CATALOGUE` lists what there is, `get` fetches it (resumed, verified, one process at a time), `require` gives the folder
of what is here.
"""

from creme_core.downloads.catalogue import CATALOGUE, Download, RemoteFile
from creme_core.downloads.disk import in_words
from creme_core.downloads.shelf import State, check, find, folder, get, remove, require, state
from creme_core.downloads.transfer import Cancelled

__all__ = [
    "CATALOGUE",
    "Cancelled",
    "Download",
    "RemoteFile",
    "State",
    "check",
    "find",
    "folder",
    "get",
    "in_words",
    "remove",
    "require",
    "state",
]
