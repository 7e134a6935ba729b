"""Reading the overlay back from the page."""

import base64
import json
import time
from concurrent.futures import wait

import numpy as np
from streamlit.testing.v1 import AppTest

from dashboard import data
from tests.dashboard.pages import APP, finish
from tests.dashboard.toy import ToyModel

PATIENCE = 20


def open_overlay(**params):
    """The start page with the overlay on and these query parameters."""
    page = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in {"gene": "SOLO1", "overlay": 1, **params}.items():
        page.query_params[name] = str(value)
    return settled_reads(page)


def overlay_of(page):
    """The overlay as the browser gets it: a figure's JSON."""
    figures = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    return next((one for one in figures if "dashed line" in json.dumps(one["layout"].get("xaxis", {}))), None)


def headings(figure):
    """What the rows are called."""
    return [note["text"] for note in figure["layout"]["annotations"] if note["xref"] == "paper"]


def trace(figure, name):
    return next(trace for trace in figure["data"] if trace["name"] == name)


def values_of(trace):
    """The values of a trace, packed or not."""
    y = trace["y"]
    if isinstance(y, dict):
        return np.frombuffer(base64.b64decode(y["bdata"]), dtype=np.dtype(y["dtype"]).newbyteorder("<"))
    return np.array(y, dtype=float)


def settled_reads(page):
    """Run the page until nothing that it asked for is still to come, as its polling does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        page.run()
        assert not page.exception
        futures = [future for kind in ("local", "remote") for future in data.background(kind)._kept.values()]
        jobs = data.engines().begin("demo").result(PATIENCE).jobs
        if not jobs._active and all(future.done() for future in futures) and "being read" not in str(overlay_of(page)):
            return page
        wait(futures, PATIENCE)
        finish()
    raise AssertionError("the background reads did not end")


class ProfiledToy(ToyModel):
    """The toy with a prediction along its output window: how many A's each bin of 1,000 bp has, 20 central bins."""

    bin_size = 1000

    def profile(self, codes, readouts):
        bins = codes[5000:25_000].reshape(20, 1000)
        return np.repeat((bins == 0).sum(axis=1)[:, None], len(readouts), axis=1).astype(np.float32)
