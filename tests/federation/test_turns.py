import threading

import pytest

from fedmedlora.federation.turns import Turn


def test_one_thread_at_a_time_goes_on_and_others_while_it_waits() -> None:
    turn, told, waiting, answered = Turn(), list[str](), threading.Event(), threading.Event()

    def first() -> None:
        with turn:
            told.append("first asks")
            with turn.given_up():
                waiting.set()
                answered.wait(10)
            told.append("first goes on")

    def second() -> None:
        waiting.wait(10)
        with turn:
            told.append("second begins")
            answered.set()
            # The first is answered, and must wait all the same.
            thread.join(0.05)
            told.append("second ends")

    thread, other = threading.Thread(target=first), threading.Thread(target=second)
    thread.start()
    other.start()
    thread.join(10)
    other.join(10)

    assert told == ["first asks", "second begins", "second ends", "first goes on"]


def test_who_does_not_have_the_turn_cannot_give_it_up() -> None:
    turn = Turn()

    with turn.given_up(), turn:
        pass
    with turn:
        # Kept, so that what it would give up does not come back when it is thrown away.
        given_up = turn.given_up()
        taken = threading.Thread(target=given_up.__enter__)
        taken.start()
        taken.join(10)
        # Still held here: another thread gave up nothing.
        assert turn._lock.locked()


def test_the_turn_comes_back_after_an_error() -> None:
    turn = Turn()

    with turn:
        with pytest.raises(KeyError), turn.given_up():
            raise KeyError
        assert turn._lock.locked()
    assert not turn._lock.locked()
