"""Which panel shows which test."""

from dashboard.views.context_panel import context_panel
from dashboard.views.curve_panels import distance_panel, multiplicity_panel, set_sufficiency_panel
from dashboard.views.fine_panel import fine_panel
from dashboard.views.interaction_panel import interaction_panel
from dashboard.views.tile_panels import necessity_panel, sufficiency_panel

__all__ = ["PANELS"]

PANELS = {
    "context": context_panel,
    "necessity": necessity_panel,
    "sufficiency": sufficiency_panel,
    "distance": distance_panel,
    "interaction": interaction_panel,
    "set_sufficiency": set_sufficiency_panel,
    "multiplicity": multiplicity_panel,
    "fine_tile": fine_panel,
}
