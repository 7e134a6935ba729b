"""What speaks for and against one putative element, in sentences that each rest on numbers of a table."""

from creme_core.evidence.annotations import chromatin_of
from creme_core.evidence.places import TilePlace, row_of, tile_of
from creme_core.evidence.statement import Statement
from creme_core.evidence.summary import summarise

__all__ = ["Statement", "TilePlace", "chromatin_of", "row_of", "summarise", "tile_of"]
