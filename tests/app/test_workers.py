"""Threads: the latest request wins, failures are told, and stopping always works."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from fields_app.workers.job import JobThread
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import ExportError
from fields_core.progress import Cancelled, CancelToken, Progress


def test_requests_that_wait_are_replaced_by_newer_ones(qtbot: QtBot) -> None:
    gate, started = threading.Event(), threading.Event()

    def work(request: int, token: CancelToken) -> int:
        started.set()
        gate.wait(10)
        return request * 10

    thread: LatestOnlyThread[int] = LatestOnlyThread(work)
    answers: list[tuple[int, int]] = []
    thread.answered.connect(lambda request, answer: answers.append((request, answer)))
    thread.submit(1)
    started.wait(10)
    for number in range(2, 50):
        thread.submit(number)
    gate.set()
    qtbot.waitUntil(lambda: len(answers) == 2)
    thread.stop()
    assert answers == [(1, 10), (49, 490)]


def test_answers_arrive_on_the_thread_of_the_receiver(qtbot: QtBot) -> None:
    here = threading.get_ident()
    seen: list[int] = []
    thread: LatestOnlyThread[int] = LatestOnlyThread(lambda request, token: threading.get_ident())
    thread.answered.connect(lambda request, ident: seen.extend([ident, threading.get_ident()]))
    thread.submit(1)
    qtbot.waitUntil(lambda: len(seen) == 2)
    thread.stop()
    assert seen[0] != here
    assert seen[1] == here


def test_a_newer_request_cancels_slow_work_if_wished(qtbot: QtBot) -> None:
    started = threading.Event()

    def work(request: str, token: CancelToken) -> str:
        if request == "slow":
            started.set()
            while True:
                token.raise_if_cancelled()
                QThread.msleep(1)
        return request

    thread: LatestOnlyThread[str] = LatestOnlyThread(work, cancel_running=True)
    answers: list[str] = []
    thread.answered.connect(lambda request, answer: answers.append(answer))
    thread.submit("slow")
    started.wait(10)
    thread.submit("quick")
    qtbot.waitUntil(lambda: answers == ["quick"])
    thread.stop()


@pytest.mark.parametrize("error", [ExportError("no"), ValueError("a bug")])
def test_a_failure_is_told_and_the_thread_lives_on(qtbot: QtBot, error: Exception) -> None:
    def work(request: int, token: CancelToken) -> int:
        if request == 0:
            raise error
        return request

    thread: LatestOnlyThread[int] = LatestOnlyThread(work)
    with qtbot.waitSignal(thread.failed) as failed:
        thread.submit(0)
    with qtbot.waitSignal(thread.answered) as answered:
        thread.submit(5)
    thread.stop()
    assert failed.args == [0, error]
    assert answered.args == [5, 5]


def test_stopping_cancels_and_waits(qtbot: QtBot) -> None:
    started = threading.Event()

    def work(request: int, token: CancelToken) -> None:
        started.set()
        while not token.cancelled:
            QThread.msleep(1)
        raise Cancelled

    thread: LatestOnlyThread[int] = LatestOnlyThread(work)
    thread.submit(1)
    started.wait(10)
    thread.stop()
    assert thread.isFinished()
    thread.stop()


def test_a_job_reports_progress_and_its_result(qtbot: QtBot) -> None:
    def work(report: object, token: CancelToken) -> str:
        assert callable(report)
        report(Progress(1, 2, "half"))
        return "done"

    job = JobThread(work)
    with qtbot.waitSignals([job.progressed, job.succeeded, job.finished]):
        job.start()
    job.stop()


def test_a_cancelled_job_says_so_and_not_that_it_failed(qtbot: QtBot) -> None:
    def work(report: object, token: CancelToken) -> None:
        while True:
            token.raise_if_cancelled()
            QThread.msleep(1)

    job = JobThread(work)
    failures: list[object] = []
    job.failed.connect(failures.append)
    job.start()
    with qtbot.waitSignal(job.cancelled):
        job.cancel()
    job.stop()
    assert failures == []


def test_a_job_that_fails_hands_over_the_error(qtbot: QtBot) -> None:
    def work(report: object, token: CancelToken) -> None:
        raise ExportError("disk full")

    job = JobThread(work)
    with qtbot.waitSignal(job.failed) as failed:
        job.start()
    job.stop()
    assert isinstance(failed.args[0], ExportError)
