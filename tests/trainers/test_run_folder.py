"""The run's log: whole from before the folder exists, and nothing where there is no run."""

import logging

from metricfit.trainers.run_folder import LogFile

log = logging.getLogger("metricfit")


def test_what_was_logged_before_the_folder_is_in_the_log(tmp_path):
    with LogFile() as log_file:
        log.warning("3 examples left out")
        log_file.write_to(tmp_path)
        log.info("1 epoch done")
        assert "1 epoch done" in (tmp_path / "log.txt").read_text(), "written at once"
    log.warning("another matter")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["WARNING 3 examples left out", "INFO 1 epoch done"]


def test_a_run_that_is_refused_leaves_no_log(tmp_path):
    handlers = list(log.handlers)
    with LogFile():
        log.warning("refused")
    assert list(tmp_path.iterdir()) == []
    assert log.handlers == handlers


def test_a_continued_run_adds_to_its_log(tmp_path):
    for text in ("first", "second"):
        with LogFile() as log_file:
            log.info(text)
            log_file.write_to(tmp_path)
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["first", "second"]
