"""Driving the page through Streamlit's own test runner."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

import creme_core as creme
from dashboard import data
from tests.dashboard.toy import ToyModel

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PATIENCE = 60


def finish():
    """Wait for every run of the process to end."""
    jobs = data.engines().begin("demo").result(PATIENCE).jobs
    while jobs._active:
        assert next(iter(list(jobs._active.values()))).finished.wait(PATIENCE)


def open_page(view=None, **params):
    """The start page, or the one of a view, with these query parameters."""
    page = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    for name, value in params.items():
        page.query_params[name] = str(value)
    if view is not None:
        page.switch_page(view)
    return settle(page)


def settle(page):
    """Run the page, let its background work end, and run it again, as its own polling does."""
    page.run()
    assert not page.exception
    finish()
    page.run()
    assert not page.exception
    return page


def texts(page):
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info)
    return " ".join(element.value for kind in kinds for element in kind)


def metrics(page):
    return {metric.label: metric.value for metric in page.metric}


def labels(page):
    return [button.label for button in page.button]


def press(page, label):
    button = next(button for button in page.button if button.label == label)
    button.click()
    return settle(page)


def choose(page, label, value):
    """Set a drop-down list, number box or toggle of that label."""
    for box in page.selectbox:
        if box.label == label:
            box.select(value)
            return settle(page)
    widget = next(w for kind in (page.number_input, page.toggle, page.multiselect) for w in kind if w.label == label)
    widget.set_value(value)
    return settle(page)


def address_of(page):
    return {name: value[-1] if isinstance(value, list) else value for name, value in page.query_params.items()}


def shown_table(page, *columns):
    """The first table on the page that has these columns."""
    return next(frame.value for frame in page.dataframe if set(columns) <= set(frame.value))


def shown_effects(page):
    """The effect table on the page."""
    return shown_table(page, "position")


def expected(model, gene, cell_line, test=creme.necessity, **settings):
    """The same numbers without a dashboard; counted on a model of its own."""
    headless = ToyModel()
    locus = creme.open_source("demo").locus(gene, length=headless.input_length)
    return test(creme.Predictor(headless), locus, **settings).effects(cell_line)
