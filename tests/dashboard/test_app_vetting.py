"""The vetting desk's page: one element after another, decisions that are kept, tests that run or are found."""

import json
from dataclasses import replace

import pytest

from creme_core.vetting.desk_file import DeskError
from creme_core.vetting.element import Element
from dashboard import data
from dashboard.views import vetting_decision
from tests.dashboard.pages import PATIENCE, address_of, expected, labels, metrics, texts
from tests.dashboard.vetting_pages import button, click, element, remembered, rest, sit_down


def test_an_element_is_shown_with_the_engine_s_numbers_and_a_sentence_on_each(desk, model):
    listed = desk.add_worklist("mine", [element(kind="enhancer"), element(-9000)])
    page = sit_down(listed)
    assert not page.error
    effects = expected(model, "SOLO1", "K562", shuffles=2)
    place = effects[(effects["genome_start"] <= element().start) & (effects["genome_end"] > element().start)].iloc[0]
    assert metrics(page)["Necessity"] == f"{place['effect']:+.2f}".replace("-", "−")
    for words in ("With the tile shuffled, the model predicts that SOLO1", "Measured signal over the tile", "Moved to"):
        assert words in texts(page).replace("\\", "")
    assert "Not looked at" not in texts(page)
    assert address_of(page)["element"] == element().element_id


def test_the_next_element_s_stored_tests_come_unasked_and_without_the_model(desk, model):
    listed = desk.add_worklist("mine", [element(), element(-9000)])
    page = sit_down(listed)
    page = click(page, "next")
    calls = model.calls
    # As after hours of work: no run is remembered, and the device is slow.
    remembered()._finished.clear()
    remembered()._last_rate = 0.001
    data.background.clear()
    again = sit_down(listed, element=element(-9000).element_id)
    assert metrics(again) == metrics(page)
    assert model.calls == calls
    assert "run element" not in [button.key for button in again.button]


def test_tests_that_are_slow_are_offered_not_started(desk, model):
    listed = desk.add_worklist("mine", [element()])
    remembered()._last_rate = 0.01
    page = sit_down(listed)
    asked = model.calls
    assert any(label.startswith("Run its 3 missing tests") for label in labels(page))
    click(page, "run element")
    assert model.calls > asked
    assert metrics(page)["Necessity"] != "–"


def test_a_decision_a_reason_and_the_place_survive_a_reload(desk, model):
    listed = desk.add_worklist("mine", [element(), element(-9000), element(-5000)])
    page = sit_down(listed)
    click(page, "next")
    click(page, "decide enhancer")
    about = json.dumps([listed, element(-9000).element_id, "Ada"])
    vetting_decision._save_reason(desk, about, "open and need")
    again = sit_down(**{"listed": listed, **{k: v for k, v in address_of(page).items() if k == "element"}})
    assert "1 of 3 decided by Ada" in [bar.text for bar in progress_bars(again)]
    assert button(again, "decide enhancer").icon
    assert desk.decision(listed, element(-9000).element_id, "Ada")[:2] == ("enhancer", "open and need")


def progress_bars(page):
    return [bar.proto for bar in page.get("progress")]


def test_words_typed_after_the_page_was_drawn_are_not_lost_to_a_decision(desk, model):
    listed = desk.add_worklist("mine", [element()])
    page = sit_down(listed)
    desk.decide(listed, element().element_id, "Ada", "", "typed a moment ago")
    click(page, "decide silencer")
    assert desk.decision(listed, element().element_id, "Ada")[:2] == ("silencer", "typed a moment ago")
    click(page, "undo decision")
    assert desk.decision(listed, element().element_id, "Ada")[:2] == ("", "typed a moment ago")


def test_what_can_t_be_saved_is_said_and_nothing_breaks(desk, model, monkeypatch):
    listed = desk.add_worklist("mine", [element()])
    page = sit_down(listed)

    def fail(*_):
        raise DeskError("The vetting desk is on a full disk, so nothing was saved: free some space, then try again.")

    with monkeypatch.context() as patch:
        patch.setattr(type(desk), "decide", fail)
        click(page, "decide enhancer")
    assert "decide enhancer" in [one.key for one in page.button]
    assert desk.decision(listed, element().element_id, "Ada").decision == ""
    assert "Not saved." in page.error[0].value
    assert "full disk" in page.error[0].value
    click(page, "decide enhancer")
    assert desk.decision(listed, element().element_id, "Ada").decision == "enhancer"
    assert not page.error


def test_two_reviewers_do_not_write_over_each_other(desk, model):
    listed = desk.add_worklist("mine", [element()])
    ada, bea = sit_down(listed), sit_down(listed, reviewer="Bea")
    click(ada, "decide enhancer")
    click(bea, "decide neither")
    assert "Ada: **enhancer**" in texts(rest(bea))
    assert {r: desk.decision(listed, element().element_id, r).decision for r in ("Ada", "Bea")} == {
        "Ada": "enhancer",
        "Bea": "neither",
    }


def test_one_name_in_two_unicode_forms_is_one_reviewer(desk, model):
    listed = desk.add_worklist("mine", [element()])
    click(sit_down(listed, reviewer="Zoe\u0308"), "decide unsure")
    again = sit_down(listed, reviewer="Zo\u00eb")
    assert "1 of 1 decided by Zo\u00eb" in [bar.text for bar in progress_bars(again)]
    # Nor does what is typed in the other form begin anew.
    decomposed = sit_down(listed, reviewer="Zoe\u0308")
    assert "1 of 1 decided by Zo\u00eb" in [bar.text for bar in progress_bars(decomposed)]


def test_without_a_name_nothing_can_be_decided(desk, model):
    page = sit_down(desk.add_worklist("mine", [element()]), reviewer="")
    assert "Write your name" in texts(page)
    assert "decide enhancer" not in [button.key for button in page.button]


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (element(gene="NOSUCH<b>GENE"), "NOSUCH<b>GENE"),
        (Element("chrUn_1", 5, 50), "names no gene, and the source has none on chrUn_1"),
        (Element("chr2", 5, 50, "SOLO1"), "The element is on chr2, the window of SOLO1 on demo1"),
        (element(200_000), "beyond the window of SOLO1"),
        (element(0), "in the TSS tile, which no test shuffles"),
        (element(gene=""), "The list names no gene; judged on the nearest TSS, SOLO1"),
        (element(cell_line="K562_chr22"), "K562_chr22 is not known here; judged in K562"),
        (element(name="*a* <b>x</b> =1+1 `c`"), "*a* <b>x</b> =1+1 `c`"),
    ],
)
def test_a_difficult_element_is_a_sentence_and_the_desk_goes_on(desk, model, listed, words):
    page = sit_down(desk.add_worklist("odd", [listed, element(7000)]))
    assert words in texts(page).replace("\\", "")
    shown = " ".join(found.value for kind in (page.markdown, page.caption, page.error) for found in kind)
    assert "<b>" not in shown
    assert "*a*" not in shown
    click(page, "next")
    assert "With the tile shuffled" in texts(page)


def test_a_link_to_an_element_that_is_not_on_the_list_is_said(desk, model):
    page = sit_down(desk.add_worklist("mine", [element()]), element="el-0<script>")
    assert "which is not on this list" in texts(page)
    assert address_of(page)["element"] == element().element_id


def test_a_list_that_another_tab_deletes_is_said(desk, model):
    listed = desk.add_worklist("mine", [element()])
    page = sit_down(listed)
    desk.delete_worklist(listed)
    button(page, "decide enhancer").click().run()
    assert not page.exception
    assert "not on this desk" in texts(page)
    assert "Make a list below" in texts(page)
    assert not desk.worklists().shape[0]


def test_the_missing_tests_of_a_list_run_for_the_process_not_for_the_session(desk, model):
    listed = desk.add_worklist("mine", [element(), element(gene="NOSUCH"), element(-9000)])
    page = sit_down(listed)
    button(page, "run list").click().run()
    key = next(iter(data.list_runs()._runs))
    assert data.list_runs().get(key).wait(PATIENCE)
    other = sit_down(listed, reviewer="Bea")
    assert "Done: 2 of 3 elements tested" in texts(other)
    assert "NOSUCH" in texts(other)
    calls = model.calls
    click(click(other, "next"), "next")
    assert metrics(other)["Sufficiency"] != "–"
    assert model.calls == calls
    # With other settings it is other work.
    assert "Done" not in texts(sit_down(listed, seed=1))


def test_a_list_that_is_deleted_is_no_longer_tested(desk, model):
    listed = desk.add_worklist("mine", [element()])
    page = sit_down(listed)
    run = data.list_runs().start(("list", listed, "settings"), lambda: _waiting())
    page.session_state["lists True"] = True
    page.session_state["list tabs"] = "Take along"
    click(rest(page), "delete list")
    assert run.cancelled
    assert "Deleted" in " ".join(found.value for found in page.success)


def _waiting():
    from dashboard.list_runs import ListRun

    return ListRun(2, lambda: [1, 2], lambda thing, cancel: cancel.wait(PATIENCE) and None)


def test_a_long_list_is_read_a_page_at_a_time_and_only_when_it_is_open(desk, model, monkeypatch):
    many = [replace_name(element(offset=3000 + 2 * number, size=100), f"e{number}") for number in range(1200)]
    listed = desk.add_worklist("long", many)
    read = []
    real = type(desk).elements

    def counted(self, *arguments, **settings):
        table = real(self, *arguments, **settings)
        read.append(len(table))
        return table

    monkeypatch.setattr(type(desk), "elements", counted)
    page = sit_down(listed)
    assert max(read, default=0) <= 1
    page.session_state["whole list"] = True
    page = rest(page)
    assert max(read) == 500
    table = page.dataframe[0].value
    assert list(table["no."][:2]) == [1, 2]
    next(box for box in page.selectbox if box.label == "Elements").select(1000)
    page = rest(page)
    assert list(page.dataframe[0].value["no."])[-1] == 1200


def replace_name(one, name):
    return replace(one, name=name)
