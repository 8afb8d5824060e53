"""The pytest plugin tests/services.py, in runs of its own."""

import os
import subprocess
import sys

import pytest

from socialdesk.launcher.layout import PROJECT

SKIPPING = """
import pytest

@pytest.mark.browser
def test_browser():
    pytest.skip("no Chromium here")

@pytest.mark.browser
@pytest.mark.xfail
def test_known():
    assert False

def test_other():
    pytest.skip("not on this system")
"""


def run_tests(folder, text, **env):
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser\n  ffmpeg\n")
    words = ["-p", "tests.services", "-p", "no:cacheprovider", "-q"]
    given = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "REQUIRE_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, "."],
        cwd=folder,
        env={**given, "PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_browser_tests_may_skip_on_a_developers_machine(tmp_path):
    assert "2 skipped, 1 xfailed" in run_tests(tmp_path, SKIPPING)


def test_browser_tests_may_not_skip_where_a_browser_is_demanded(tmp_path):
    said = run_tests(tmp_path, SKIPPING, SOCIALDESK_REQUIRE_TOOLS="1")
    assert "1 failed, 1 skipped, 1 xfailed" in said
    assert "may not be skipped here (SOCIALDESK_REQUIRE_TOOLS is set)" in said
    assert "no Chromium here" in said


def test_whole_file_may_not_skip_where_a_browser_is_demanded(tmp_path):
    text = "import pytest\npytest.skip('no Chromium here', allow_module_level=True)\n"
    assert "1 skipped" in run_tests(tmp_path, text)
    said = run_tests(tmp_path, text, SOCIALDESK_REQUIRE_TOOLS="1")
    assert "1 error" in said
    assert "no Chromium here" in said


def test_video_tests_may_skip_without_ffmpeg_and_not_where_it_is_demanded(tmp_path):
    text = "import pytest\n@pytest.mark.ffmpeg\ndef test_film(): assert False\n"
    nothing = str(tmp_path)
    assert "1 skipped" in run_tests(tmp_path, text, PATH=nothing)
    said = run_tests(tmp_path, text, PATH=nothing, SOCIALDESK_REQUIRE_TOOLS="1")
    assert "1 error" in said
    assert "there is no ffmpeg here" in said


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_server_of_the_environment_is_used(tmp_path, name):
    text = f"import os\ndef test_url():\n    assert os.environ[{name!r}] == 'x://given'\n"
    assert "1 passed" in run_tests(tmp_path, text, **{name: "x://given"})
