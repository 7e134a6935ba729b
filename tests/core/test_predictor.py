import threading
from contextlib import contextmanager

import numpy as np
import pytest

from creme_core.mutant import Background, Edit, Mutant
from creme_core.predictor import Cancelled, Predictor
from creme_core.sequence import encode


def mutants(count: int, length: int = 40) -> list[Mutant]:
    """Different sequences: base i of the first `count` is changed to G or T."""
    wild_type = Background(np.zeros(length, np.uint8))
    return [Mutant(wild_type, (Edit(i % length, np.array([2 + i // length], np.uint8)),)) for i in range(count)]


def test_predictions_are_the_models_in_the_order_asked(toy_model):
    asked = mutants(11)
    predicted = Predictor(toy_model).predict(asked)
    assert predicted.shape == (11, 5)
    assert predicted.dtype == np.float32
    for row, mutant in zip(predicted, asked, strict=True):
        np.testing.assert_allclose(row, toy_model.activity(mutant.render()), rtol=1e-6)


def test_the_model_is_asked_in_batches_of_its_size(toy_model):
    Predictor(toy_model).predict(mutants(11))
    assert toy_model.batches == [4, 4, 3]


def test_equal_sequences_are_predicted_once(toy_model):
    predict = Predictor(toy_model)
    first, second, third = mutants(3)
    again = Mutant(Background(first.render()))
    predicted = predict.predict([first, second, again, third, first])
    assert (predict.computed, predict.reused) == (3, 2)
    np.testing.assert_array_equal(predicted[[0, 2, 4]], np.repeat(predicted[:1], 3, axis=0))


def test_a_second_run_asks_the_model_for_the_new_only(toy_model):
    predict = Predictor(toy_model)
    before = predict.predict(mutants(6))
    after = predict.predict(mutants(9))
    assert (predict.computed, predict.reused) == (9, 6)
    np.testing.assert_array_equal(before, after[:6])


def test_two_predictors_share_a_store_but_not_across_models(toy_model):
    first = Predictor(toy_model)
    first.predict(mutants(5))
    second = Predictor(toy_model, first.store)
    second.predict(mutants(5))
    assert (second.computed, second.reused) == (0, 5)
    toy_model.fingerprint = "toy-2"
    third = Predictor(toy_model, first.store)
    third.predict(mutants(5))
    assert (third.computed, third.reused) == (5, 0)


def test_progress_counts_up_and_fills_rows_without_ever_changing_one(toy_model):
    predict = Predictor(toy_model)
    predict.predict(mutants(2))
    seen = []
    final = predict.predict(
        mutants(9), on_progress=lambda p: seen.append((p.done, p.total, p.reused, p.activity.copy()))
    )
    assert [entry[:3] for entry in seen] == [(2, 9, 2), (6, 9, 2), (9, 9, 2)]
    for done, _, _, activity in seen:
        known = ~np.isnan(activity).any(axis=1)
        assert known.sum() == done
        np.testing.assert_array_equal(activity[known], final[known])


def test_the_progress_array_cannot_be_written(toy_model):
    seen = []
    Predictor(toy_model).predict(mutants(2), on_progress=seen.append)
    with pytest.raises(ValueError, match="read-only"):
        seen[0].activity[0] = 1


def test_cancel_acts_within_one_batch_and_what_was_computed_is_kept(toy_model):
    predict, cancel = Predictor(toy_model), threading.Event()

    def after_the_first_batch(progress):
        if progress.done:
            cancel.set()

    with pytest.raises(Cancelled):
        predict.predict(mutants(11), on_progress=after_the_first_batch, cancel=cancel)
    assert toy_model.batches == [4]
    cancel.clear()
    predict.predict(mutants(11), cancel=cancel)
    assert toy_model.batches == [4, 4, 3]


def test_a_turn_is_taken_around_each_batch_and_left_after_an_error(toy_model):
    log = []

    @contextmanager
    def turn():
        log.append("in")
        try:
            yield
        finally:
            log.append("out")

    Predictor(toy_model, turn=turn).predict(mutants(6))
    assert log == ["in", "out"] * 2
    toy_model.tss_activity = None
    with pytest.raises(TypeError):
        Predictor(toy_model, turn=turn).predict(mutants(1))
    assert log == ["in", "out"] * 3


def test_what_another_run_stored_while_this_one_waited_is_not_computed(toy_model):
    ahead = Predictor(toy_model)

    @contextmanager
    def turn():
        # Another run is served first and does the same work.
        ahead.predict(mutants(6))
        yield

    behind = Predictor(toy_model, ahead.store, turn=turn)
    behind.predict(mutants(6))
    assert (behind.computed, behind.reused) == (0, 6)


def test_a_sequence_of_another_length_is_refused(toy_model):
    with pytest.raises(ValueError, match="41 bp was given to toy, which takes 40 bp"):
        Predictor(toy_model).predict([Mutant(Background(np.zeros(41, np.uint8)))])


def test_nothing_asked_is_nothing_predicted(toy_model):
    assert Predictor(toy_model).predict([]).shape == (0, 5)
    assert toy_model.batches == []


def test_the_callers_sequences_are_untouched(toy_model):
    codes = encode("ACGT" * 10)
    Predictor(toy_model).predict([Mutant(Background(codes), (Edit(3, encode("GG")),))])
    np.testing.assert_array_equal(codes, encode("ACGT" * 10))
