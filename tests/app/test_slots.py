import threading
import time

from app.slots import LatestSlot


def test_a_slow_reader_gets_the_newest_value_only() -> None:
    slot: LatestSlot[int] = LatestSlot()
    for value in range(100):
        slot.put(value)
    assert slot.take() == 99
    assert slot.take() is None


def test_take_waits_for_a_value_from_another_thread() -> None:
    slot: LatestSlot[str] = LatestSlot()
    writer = threading.Timer(0.05, slot.put, ["late"])
    writer.start()
    assert slot.take(timeout=30) == "late"
    writer.join()


def test_clear_forgets_the_value() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    slot.clear()
    assert slot.take() is None


def test_values_arrive_in_order_and_the_last_is_never_lost() -> None:
    slot: LatestSlot[int] = LatestSlot()
    last = 5000

    def write() -> None:
        for value in range(last + 1):
            slot.put(value)
            if value % 500 == 0:
                time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    taken: list[int] = []
    while not taken or taken[-1] != last:
        value = slot.take(timeout=30)
        assert value is not None
        taken.append(value)
    writer.join()
    assert taken == sorted(set(taken))
