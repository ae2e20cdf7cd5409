from app.notices import NoticeBoard


def test_notices_come_once_and_in_order() -> None:
    board = NoticeBoard()
    board.tell("info", "first")
    board.tell("error", "second")
    assert [(notice.level, notice.text) for notice in board.take()] == [("info", "first"), ("error", "second")]
    assert board.take() == []


def test_a_topic_is_told_once_until_it_is_forgotten() -> None:
    board = NoticeBoard()
    for _ in range(5):
        board.tell("warning", "camera is busy", topic="driver")
    assert len(board.take()) == 1
    assert board.forget("driver")
    assert not board.forget("driver")
    board.tell("warning", "camera is busy", topic="driver")
    assert len(board.take()) == 1


def test_a_topic_with_another_text_is_told() -> None:
    board = NoticeBoard()
    board.tell("warning", "camera is busy", topic="driver")
    board.tell("warning", "camera is gone", topic="driver")
    assert [notice.text for notice in board.take()] == ["camera is busy", "camera is gone"]


def test_unread_notices_do_not_pile_up() -> None:
    board = NoticeBoard()
    for index in range(10_000):
        board.tell("info", str(index))
    unread = board.take()
    assert len(unread) == 100
    assert unread[-1].text == "9999"
