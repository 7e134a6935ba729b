"""Driving the vetting desk's page."""

import creme_core as creme
from creme_core.vetting.element import Element
from dashboard import data
from tests.dashboard.pages import PATIENCE, finish, open_page

VIEW = "views/vetting.py"


def remembered():
    """The runs of this process."""
    return data.engines().begin("demo").result(PATIENCE).jobs


def element(offset=6000, size=600, gene="SOLO1", **more):
    row = creme.open_source("demo").genes.set_index("gene").loc["SOLO1"]
    return Element(row["chrom"], row["tss"] + offset, row["tss"] + offset + size, gene, **more)


def rest(page):
    """Run the page until nothing comes by itself any more, as its own polling does."""
    for _ in range(6):
        before = known()
        page.run()
        assert not page.exception
        finish()
        for future in readings():
            future.exception(PATIENCE)
        if known() == before:
            return page
    return page


def readings():
    """What was asked of the threads that read for the desk."""
    return [future for kind in ("ahead", "desk") for future in list(data.background(kind)._kept.values())]


def known():
    """What the page could show: runs that ended and answers."""
    return set(remembered()._finished), readings()


def sit_down(listed, reviewer="Ada", **params):
    page = open_page(VIEW, worklist=listed, reviewer=reviewer, shuffles=2, **params)
    return rest(page)


def click(page, key):
    next(button for button in page.button if button.key == key).click()
    return rest(page)


def button(page, key):
    return next(button for button in page.button if button.key == key)
