"""Tests for zerogo.cli.daemon, with twistd replaced by a program that does what the test wants."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import daemon as module
from zerogo.cli.daemon import Daemon, RoleFailed

SLEEPER = "import time; print(flush=True); time.sleep(60)"


class DaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.daemon = Daemon("agent", Path(directory.name) / "agent")

    def twistd(self, script: str) -> None:
        self.patch(module, "twistd_command", lambda: [sys.executable, "-c", script])

    def run_sleeper(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", SLEEPER, *words], stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        process.stdout.readline()  # until its first word the kernel may not show its command line
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.daemon.directory.mkdir(parents=True, exist_ok=True)
        self.daemon.pid_file.write_text(str(process.pid))
        return process

    def test_the_options_of_twistd_come_before_the_role(self) -> None:
        command = self.daemon.command(["--port", "0"], in_foreground=True)
        self.assertEqual(command[-5:], ["--nodaemon", "--pidfile=", "zerogo-agent", "--port", "0"])
        self.assertIn(str(self.daemon.pid_file), self.daemon.command([], in_foreground=False))

    def test_a_role_that_starts_is_no_error(self) -> None:
        self.twistd("pass")
        self.daemon.start([])
        self.assertEqual(self.daemon.directory.stat().st_mode & 0o777, 0o700)

    def test_a_role_that_does_not_start_says_why_in_its_log(self) -> None:
        sentence = "zerogo: the interface zt0 is in use"
        self.twistd(f"import sys; open({str(self.daemon.log_file)!r}, 'a').write('x E {sentence}\\n'); sys.exit(1)")
        error = self.assertRaises(RoleFailed, self.daemon.start, [])
        self.assertEqual(str(error), "the interface zt0 is in use")

    def test_without_a_log_twistds_own_words_count(self) -> None:
        self.twistd("import sys; sys.exit('An error has occurred: disk full\\nPlease look at log file for more.')")
        self.assertIn("disk full", str(self.assertRaises(RoleFailed, self.daemon.start, [])))

    def test_what_twistd_wraps_is_told_without_its_wrapping(self) -> None:
        self.twistd(
            """import sys; sys.exit("An error has occurred: b'no permission'\\nPlease look at log file for more.")"""
        )
        self.assertEqual(str(self.assertRaises(RoleFailed, self.daemon.start, [])), "no permission")

    def test_a_wrong_option_is_the_roles_sentence_alone(self) -> None:
        error = self.assertRaises(RoleFailed, self.daemon.start, ["--port", "none"])
        self.assertTrue(str(error).startswith("--port: 'none'"), str(error))

    def test_what_an_earlier_run_logged_is_not_todays_reason(self) -> None:
        self.daemon.directory.mkdir(mode=0o700)
        self.daemon.log_file.write_text("x E zerogo: yesterday's trouble\n")
        self.twistd("import sys; print('Usage: wrong', file=sys.stderr); sys.exit(1)")
        self.assertEqual(str(self.assertRaises(RoleFailed, self.daemon.start, [])), "Usage: wrong")

    def test_a_role_that_hangs_while_starting_is_an_error(self) -> None:
        self.twistd(SLEEPER)
        self.patch(module, "START_SECONDS", 0.2)
        self.assertIn("did not start within", str(self.assertRaises(RoleFailed, self.daemon.start, [])))

    def test_a_running_role_is_known_by_its_command_line(self) -> None:
        process = self.run_sleeper("zerogo-agent")
        self.assertEqual(self.daemon.pid(), process.pid)

    def test_a_pid_file_of_a_process_that_is_another_is_no_role(self) -> None:
        self.run_sleeper("something-else")
        self.assertIsNone(self.daemon.pid())
        self.assertFalse(self.daemon.stop())
        self.assertFalse(self.daemon.pid_file.exists())

    def test_damaged_and_missing_pid_files_are_no_role(self) -> None:
        self.assertIsNone(self.daemon.pid())
        self.daemon.directory.mkdir()
        for text in ("", "x", "99999999"):
            self.daemon.pid_file.write_text(text)
            self.assertIsNone(self.daemon.pid())

    def test_stop_ends_the_process(self) -> None:
        process = self.run_sleeper("zerogo-agent")
        # The parent must collect it, or it would stay as a zombie with an empty command line; both count as gone.
        self.assertTrue(self.daemon.stop())
        self.assertEqual(process.wait(5), -15)
        self.assertFalse(self.daemon.pid_file.exists())

    def test_twistd_is_the_one_of_this_interpreter(self) -> None:
        done = subprocess.run([*module.twistd_command(), "--version"], capture_output=True, text=True, check=True)
        self.assertIn("twistd", done.stdout)
        self.assertTrue(os.path.isabs(module.twistd_command()[0]))
