"""The command line: help without TensorFlow, verbs, and errors as one sentence with an exit code."""

import logging
import os
import subprocess
import sys

import pytest

import metricfit
from metricfit.app import cli
from metricfit.app.typed import flags_of
from metricfit.trainers.data.augmentation.settings import Augmentation, BoxAugmentation
from metricfit.trainers.errors import DataError, MetricfitError, Terminated, UsageError
from metricfit.trainers.machine import held_back_stderr
from metricfit.trainers.tasks import CONFIGS
from metricfit.trainers.training.run_folder import LogFile
from metricfit.trainers.training.words import train_command


def typed(*arguments):
    return subprocess.run([sys.executable, "-m", "metricfit", *arguments], capture_output=True, text=True, timeout=120)


def test_the_program_selects_tensorflow_whatever_keras_is_told(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert cli.main(["--version"]) == 0
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


HELPS = """
import os, sys
from metricfit.app import cli
for place, verb in enumerate(cli.VERBS):
    if (child := os.fork()) == 0:
        sys.stdout = open(os.path.join(sys.argv[1], f"{place}.txt"), "w")
        try:
            cli.main([*verb.split(), "--help"])
        except SystemExit as stop:
            code = stop.code
        print("loaded", [name for name in ("tensorflow", "keras") if name in sys.modules], "code", code)
        sys.stdout.close()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def helps(tmp_path_factory):
    """What each verb says of itself, in a process of its own that has imported the program alone."""
    folder = tmp_path_factory.mktemp("helps")
    subprocess.run([sys.executable, "-c", HELPS, str(folder)], check=True, timeout=120)
    return {verb: (folder / f"{place}.txt").read_text() for place, verb in enumerate(cli.VERBS)}


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_help_has_an_example_and_imports_no_tensorflow(verb, helps):
    *text, last = helps[verb].splitlines()
    assert last in ("loaded [] code 0", "loaded [] code None")
    assert f"metricfit {verb}" in "\n".join(text).split("Example:")[1]


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("saliency", {}),
        ("saliency", {"data": "folder:a b + scenes:train", "val": "scenes:val", "ema": 0.97, "init": "runs/first"}),
        ("saliency", {"loss_options": ("beta2=0.8", "log=True"), "augmentation": Augmentation(False, brightness=0.4)}),
        ("saliency", {"focus": "worst=0.25", "clip_norm": None, "jit_compile": True, "minutes": 2.5}),
        ("segmentation", {"equibatch": True, "ignore": (0, 11), "fade_epochs": (2, 4), "size": (256, 448)}),
        ("detection", {"loss": "ap", "augmentation": BoxAugmentation(vertical_flip=True), "max_boxes": 30}),
    ],
)
def test_the_command_of_a_training_is_read_as_what_it_was_told(task, settings):
    config = CONFIGS[task](**settings)
    words = train_command(task, config)
    assert words[:3] == ["metricfit", "train", task]
    assert cli._read_options(f"train {task}", CONFIGS[task], words[3:]) == config
    assert len(words) == 3 or settings


def test_every_handler_exists():
    for verb in cli.VERBS.values():
        assert callable(cli.handler(object.__new__(verb.options)))


def test_overview_names_every_verb(capsys):
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in cli.VERBS)
    assert cli.main([]) == 2


def test_module_and_script_are_the_same_program():
    assert typed("--version").stdout == f"metricfit {metricfit.__version__}\n"


def test_a_training_says_nothing_of_the_libraries(tmp_path):
    done = typed("train", "saliency", "--data", f"folder:{tmp_path / 'none'}", "--out", str(tmp_path / "run"))
    assert done.returncode == 3
    assert done.stderr.startswith("metricfit: error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fly"], "unknown verb fly: choose one of quickstart, train"),
        (["train", "poetry"], "metricfit train does not know poetry: choose one of saliency"),
        (["data", "eat"], "choose one of check, show"),
    ],
)
def test_unknown_verbs_are_answered_with_the_choices(arguments, sentence, capsys):
    assert cli.main(arguments) == 2
    assert sentence in capsys.readouterr().err


PLACED = {
    "evaluate": ["m"], "export": ["r", "--to", "x"], "predict": ["m", "x"], "data check": ["s"], "data show": ["s"],
    "data split": ["s"], "data convert": ["s"], "serve": ["m"], "bench": ["losses"], "experiment": ["surfaces"],
    "compare": ["--losses", "floss"],
}  # fmt: skip


def test_data_that_are_not_there_are_named_before_tensorflow_is_imported(tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)

    def imported(options: object) -> None:
        raise AssertionError("it began")

    monkeypatch.setattr(cli, "handler", imported)
    for verb in ("train saliency", "train detection", "evaluate model"):
        assert cli.main([*verb.split(), "--data", "photso + scenes:val"]) == 2
        told = capsys.readouterr().err
        assert f"there is no folder 'photso' (did you mean {tmp_path / 'photos'}?)" in told
    for long in ("a" * 5000, f"scenes:val + {'a' * 5000}", f"folder:{'ab/' * 3000}"):
        assert cli.main(["train", "saliency", "--data", long]) in (1, 2)
        assert len(capsys.readouterr().err) < 1500


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_whatever_is_mistyped_is_answered_in_one_sentence(verb, capsys):
    needed, options = PLACED.get(verb, []), cli.VERBS[verb].options
    own = flags_of(options)[0]
    tries = [
        (["--nonsense=3"], f"metricfit {verb} does not know --nonsense: see metricfit {verb} --help"),
        (["--nonsense", "-7"], f"metricfit {verb} does not know --nonsense: see"),
        ([f"{own}x", "3"], f"does not know {own}x, maybe {own} is meant: see"),
    ]
    if own not in ("--json", "--all"):  # which take no value
        tries += [([own], f"{own} must be "), ([own, "--nonsense"], "metricfit: error: ")]
    for wrong, said in tries:
        assert cli.main([*verb.split(), *needed, *wrong]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert said in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["export"], "metricfit export needs RUN and --to: see metricfit export --help"),
        (["export", "runs/x"], "metricfit export needs --to: see"),
        (["experiment"], "needs one of lovasz-synthetic, surfaces, lovasz-prox: see"),
        (
            ["bench", "nothing"],
            "WHAT must be one of losses, data, train, models, metrics, guard, packed, got 'nothing': see",
        ),
        (
            ["quickstart", "surplus", "words"],
            "metricfit quickstart takes nothing more, got surplus, words (--out",
        ),
        (["train", "saliency", "--size", "32", "64"], "metricfit train saliency takes nothing more, got 64: see"),
        (
            ["train", "saliency", "--size", "64by96"],
            "--size must be a side such as 192, or height x width such as 256x448, got '64by96': see",
        ),
        (["train", "saliency", "--optimizer", "sgd"], "train saliency does not know --optimizer: see"),
        (["train", "saliency", "--lerning-rate", "1"], "maybe --learning-rate is meant: see"),
        (["predict", "-x", "m", "p.png"], "metricfit predict does not know -x: see"),
        (["predict", "m", "p.png", "-o"], "--out must be a path or none, got none: see"),
        (["data", "pack", "photos", "packed"], "metricfit data pack takes nothing more, got packed (--to names"),
        (["evaluate", "m", "--no-flips", "3"], "metricfit evaluate takes nothing more, got 3: see"),
    ],
)
def test_mistyped_words_and_missing_ones(arguments, sentence, capsys):
    assert cli.main(arguments) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(("first", "second"), [("train", "saliency"), ("data", "check")])
def test_verbs_of_two_words_say_how_they_are_used(first, second, capsys):
    for arguments, code in (([first, "--help"], 0), ([first], 2)):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == code
        usage, *others = capsys.readouterr().out.splitlines()
        assert usage.startswith(f"usage: metricfit {first} {second}|")
        assert others[-1] == f"Help:  metricfit {first} {second} --help"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such loss"), 2),
        (DataError("mask too small"), 3),
        (MetricfitError("disk full"), 1),
        (KeyboardInterrupt(), 130),
        (Terminated(15), 143),
        (RuntimeError("surprise"), 1),
    ],
)
def test_errors_become_a_sentence_and_an_exit_code(error, code, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["losses"]) == code
    printed = capsys.readouterr().err
    assert printed.startswith("metricfit: ")
    assert printed.count("\n") == 1
    assert "Traceback" not in printed


def test_debug_shows_the_traceback(monkeypatch):
    def fail(*_):
        raise UsageError("no such loss")

    monkeypatch.setattr(cli, "_dispatch", fail)
    with pytest.raises(UsageError):
        cli.main(["losses", "--debug"])


def test_config_file_gives_defaults_and_flags_win(tmp_path):
    from metricfit.trainers.training.config import SaliencyConfig

    path = tmp_path / "config.json"
    text = '{"task": "saliency", "config": {"epochs": 7, "loss": "log_floss", "loss_options": ["beta2=0.5"]}}'
    path.write_text(text, encoding="utf-16")  # as PowerShell writes it
    config = cli._read_options("train saliency", SaliencyConfig, ["--config", str(path), "--epochs", "3"])
    assert (config.epochs, config.loss, config.loss_options) == (3, "log_floss", ("beta2=0.5",))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"config": {"epoch": 7}}', "unknown setting epoch"),
        ('{"config": {"epochs": "many"}}', "epochs in"),
        ("[1]", "must hold settings by name"),
        ("{", "cannot be read"),
    ],
)
def test_bad_config_files_are_refused(tmp_path, text, sentence, capsys):
    path = tmp_path / "config.json"
    path.write_text(text)
    assert cli.main(["train", "saliency", "--config", str(path)]) == 2
    assert sentence in capsys.readouterr().err


def test_losses_prints_the_registry(capsys):
    from metricfit.losses import LOSSES

    assert cli.main(["losses"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in LOSSES)
    assert "beta2=0.3" in printed


def test_quiet_hides_progress_and_not_results(tmp_path, capsys):
    arguments = ["data", "show", "scenes:test", "--count", "2", "--out", str(tmp_path / "sheet.png")]
    for more in ([], ["--quiet"]):
        assert cli.main([*arguments, *more]) == 0
        shown = capsys.readouterr()
        assert shown.out == f"made  {tmp_path / 'sheet.png'}\n"
    assert shown.err == ""
    log = logging.getLogger("metricfit")
    log.info("progress")
    assert capsys.readouterr().out == ""
    log.warning("beware")
    assert capsys.readouterr().out == "beware\n"


def test_debug_lets_the_libraries_speak(monkeypatch, capfd):
    levels = []

    def run(options):
        with held_back_stderr():
            os.write(2, b"chatter")
        levels.append(os.environ["TF_CPP_MIN_LOG_LEVEL"])
        return 0

    monkeypatch.setattr(cli, "handler", lambda options: run)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    for more, said in ([], ""), (["--debug"], "chatter"), ([], ""):
        assert cli.main(["losses", *more]) == 0
        assert capfd.readouterr().err == said
    assert levels == ["3", "0", "3"]


def test_work_goes_on_where_nobody_reads_the_output_any_more(monkeypatch, capfd):
    read, write = os.pipe()
    with os.fdopen(write, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        cli._set_up_logging(False)
        os.close(read)
        for _ in range(3):
            logging.getLogger("metricfit").info("on its way")
        cli.log.handlers.clear()
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_limit_of_memory_in_which_libraries_end_without_a_word_is_said():
    script = 'ulimit -v 409600; "$0" -m metricfit losses'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert (
        "this program needs 768 MiB of address space at the least, 'ulimit -v' allows this process 400" in done.stderr
    )


@pytest.mark.parametrize("quiet", [True, False])
def test_a_quiet_training_says_no_more_than_warnings_and_results_while_its_log_has_all(quiet, tmp_path, capsys):
    cli._set_up_logging(quiet)
    log = logging.getLogger("metricfit")
    with LogFile() as log_file:
        log.info("first weights: none")
        log_file.write_to(tmp_path)
        log.info("one epoch")
        log.warning("a step was left out")
        logging.getLogger("metricfit.results").info("MaxF 0.9")
    said = capsys.readouterr().out.splitlines()
    assert said == ["first weights: none", "one epoch"] * (not quiet) + ["a step was left out", "MaxF 0.9"]
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 4
