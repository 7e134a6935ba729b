"""The vetting desk by keyboard: what was decided and typed is there after a reload."""

import creme_core as creme
from creme_core.vetting.decisions import Desk
from creme_core.vetting.desk_file import vetting_path
from creme_core.vetting.element import Element

SECONDS = 30


def a_list(name):
    """A worklist of two elements beyond the window of their gene, which no test has to run for."""
    row = creme.open_source("demo").genes.iloc[0]
    starts = [row["tss"] + far for far in (200_000, 300_000)]
    elements = [Element(row["chrom"], start, start + 500, row["gene"]) for start in starts]
    with Desk(vetting_path()) as desk:
        return desk.add_worklist(name, elements), [element.element_id for element in elements]


def when(page, read, wanted):
    """What `read` gives, once it is `wanted` or patience is over."""
    for _ in range(SECONDS * 5):
        if (found := read()) == wanted:
            break
        page.wait_for_timeout(200)
    return found


def test_a_decision_by_key_and_a_reason_survive_a_reload_in_the_middle_of_typing(address, page):
    listed, (first, second) = a_list("by keyboard")

    def kept(element):
        with Desk(vetting_path()) as desk:
            return desk.decision(listed, element, "Ada")[:2]

    page.goto(f"{address}vetting?worklist={listed}&reviewer=Ada")
    page.get_by_text("0 of 2 decided by Ada").wait_for()
    page.get_by_text("Not looked at").wait_for()  # the page is drawn to its end
    page.keyboard.press("e")
    page.get_by_text("1 of 2 decided by Ada").wait_for()
    assert kept(first) == ("enhancer", "")

    # Letters that are shortcuts elsewhere on the page are only letters in the box.
    box = page.locator("textarea")
    box.click()
    box.press_sequentially("seen nu", delay=20)
    page.reload()  # without leaving the box
    page.get_by_text("1 of 2 decided by Ada").wait_for()
    assert when(page, lambda: kept(first), ("enhancer", "seen nu")) == ("enhancer", "seen nu")
    assert when(page, box.input_value, "seen nu") == "seen nu"

    page.get_by_text("Not looked at").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Element 2 of 2").wait_for()
    assert when(page, box.input_value, "") == ""
    page.wait_for_url(lambda url: f"element={second}" in url)
    page.keyboard.press("n")
    page.get_by_text("2 of 2 decided by Ada").wait_for()
    page.reload()
    page.get_by_text("Element 2 of 2").wait_for()
    assert kept(second) == ("neither", "")
    assert kept(first) == ("enhancer", "seen nu")
    assert "Traceback" not in page.locator("body").inner_text()


def test_words_that_the_server_never_heard_come_back_from_the_browser(address, page):
    listed, (first, _) = a_list("cut off")
    page.goto(f"{address}vetting?worklist={listed}&reviewer=Ada")
    page.get_by_text("0 of 2 decided by Ada").wait_for()
    page.get_by_text("Not looked at").wait_for()
    page.context.set_offline(True)  # a server that is away: what is typed can't be sent
    page.evaluate("() => { window.WebSocket.prototype.send = () => {}; }")
    box = page.locator("textarea")
    box.click()
    box.press_sequentially("typed while away")
    page.context.set_offline(False)
    page.reload()
    page.get_by_text("decided by Ada").wait_for()
    assert when(page, box.input_value, "typed while away") == "typed while away"

    def kept():
        with Desk(vetting_path()) as desk:
            return desk.decision(listed, first, "Ada").reason

    assert when(page, kept, "typed while away") == "typed while away"
