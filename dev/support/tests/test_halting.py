import contextlib
import errno
import os
import pathlib
import signal
import sys
import tempfile
import unittest
import warnings
from unittest import mock

from bench.halting import ALLOW_SHRINK, GOVERNOR, OWN, PARAMETER, SHRINK, polling
from bench.signals import ENDING


class Machine(unittest.TestCase):
    """A machine whose cores halt at once unless a test says otherwise."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.sysfs = pathlib.Path(folder.name)
        for path, text in ((PARAMETER, "0\n"), (GOVERNOR, "haltpoll\n")):
            (self.sysfs / path).parent.mkdir(parents=True)
            (self.sysfs / path).write_text(text)
        self.shrinks("Y", "2")
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop(OWN, None)
        self.settled_at = []

    @property
    def value(self):
        return (self.sysfs / PARAMETER).read_text().strip()

    def shrinks(self, is_allowed, divisor):
        (self.sysfs / PARAMETER).with_name(ALLOW_SHRINK).write_text(f"{is_allowed}\n")
        (self.sysfs / PARAMETER).with_name(SHRINK).write_text(f"{divisor}\n")

    def polling(self):
        return polling(self.sysfs, settle=lambda: self.settled_at.append(self.value))


class Polling(Machine):
    def test_cores_poll_while_the_run_lasts_and_have_their_own_value_after_it(self):
        with self.polling() as halting:
            self.assertEqual(self.value, "200000")
        self.assertEqual(self.value, "0")
        self.assertEqual(
            str(halting), "cores poll for 200 us before they halt (guest_halt_poll_ns, was 0, put back after the run)"
        )

    def test_any_lower_value_is_raised_and_put_back(self):
        (self.sysfs / PARAMETER).write_text("50000\n")
        with self.polling() as halting:
            self.assertEqual(self.value, "200000")
        self.assertEqual(self.value, "50000")
        self.assertEqual(halting.own_words, "cores halt after 50 us")

    def test_an_exception_puts_it_back(self):
        with self.assertRaises(RuntimeError), self.polling():
            raise RuntimeError
        self.assertEqual(self.value, "0")

    def test_every_signal_that_ends_a_run_puts_it_back(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            handler = signal.getsignal(number)
            with self.subTest(number), self.assertRaises(SystemExit) as exit, self.polling():
                signal.raise_signal(number)
            self.assertEqual((self.value, exit.exception.code), ("0", 128 + number))
            self.assertEqual(signal.getsignal(number), handler)

    def test_a_second_signal_does_not_disturb_putting_back(self):
        with self.assertRaises(SystemExit), self.polling():
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGTERM)
        self.assertEqual(self.value, "0")

    def test_a_first_signal_at_any_step_of_a_run_puts_it_back(self):
        handlers = {each: signal.getsignal(each) for each in ENDING}
        step, is_over = 0, False
        while not is_over:
            is_over = not self.is_interrupted(step)
            for each, handler in handlers.items():
                signal.signal(each, handler)
            self.assertEqual((self.value, OWN in os.environ), ("0", False), f"after a signal at step {step}")
            step += 1
        self.assertGreater(step, 100)

    def is_interrupted(self, step):
        """Whether a run has that many steps. Python looks for signals where functions are called, and so do these steps."""
        left = step

        def count(*_):
            nonlocal left
            left -= 1
            if left < 0:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

        # Outside of the run SIGINT is a KeyboardInterrupt. A file that has just been opened is nobody's yet.
        with contextlib.suppress(SystemExit, KeyboardInterrupt), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                sys.setprofile(lambda _, event, __: count() if event in ("call", "c_return") else None)
                with self.polling() as halting, halting.own():
                    pass
            finally:
                sys.setprofile(None)
        return left < 0

    def test_a_signal_that_is_ignored_stays_ignored(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        with self.polling():
            signal.raise_signal(signal.SIGHUP)
            self.assertEqual(self.value, "200000")

    def test_a_run_in_a_run_knows_the_machines_own_value_and_leaves_the_end_to_the_outer_one(self):
        with self.polling() as outer:
            with self.polling() as inner:
                self.assertEqual(str(inner), str(outer))
            self.assertEqual(self.value, "200000")
        self.assertEqual(self.value, "0")
        self.assertNotIn(OWN, os.environ)


class Unchanged(Machine):
    def test_a_machine_without_the_parameter_runs_as_it_is_and_gets_none(self):
        (self.sysfs / PARAMETER).unlink()
        with self.polling() as halting:
            self.assertEqual((str(halting), halting.is_changed), ("cores halt as the machine has it", False))
        self.assertFalse((self.sysfs / PARAMETER).exists())

    def test_a_parameter_of_a_governor_that_is_not_in_charge_is_left_alone(self):
        (self.sysfs / GOVERNOR).write_text("menu\n")
        with self.polling() as halting:
            self.assertEqual((self.value, str(halting)), ("0", "cores halt as the machine has it"))

    def test_a_value_that_may_not_be_written_is_told(self):
        for error in (PermissionError(), OSError(errno.EROFS, "read-only")):
            with self.subTest(error), mock.patch.object(pathlib.Path, "write_text", side_effect=error):
                with self.polling() as halting:
                    self.assertEqual(
                        (self.value, str(halting)), ("0", "cores halt as the machine has it (guest_halt_poll_ns is 0)")
                    )

    def test_a_value_as_high_or_higher_is_left_alone(self):
        for value in ("200000", "300000"):
            (self.sysfs / PARAMETER).write_text(f"{value}\n")
            with self.subTest(value), self.polling() as halting:
                words = f"cores halt as the machine has it (guest_halt_poll_ns is {value})"
                self.assertEqual((self.value, str(halting)), (value, words))
            self.assertEqual(self.value, value)


class Own(Machine):
    def test_a_measurement_has_the_machines_own_value_once_every_core_obeys_it(self):
        with self.polling() as halting:
            with halting.own():
                self.assertEqual((self.value, self.settled_at), ("0", ["0"]))
            self.assertEqual(self.value, "200000")
        self.assertEqual(halting.own_words, "cores halt at once")

    def test_one_that_fails_leaves_the_rest_of_the_run_polling(self):
        with self.polling() as halting:
            with contextlib.suppress(RuntimeError), halting.own():
                raise RuntimeError
            self.assertEqual(self.value, "200000")

    def test_where_nothing_was_changed_nothing_is_changed_back(self):
        (self.sysfs / PARAMETER).write_text("300000\n")
        with self.polling() as halting, halting.own():
            self.assertEqual((self.value, self.settled_at), ("300000", []))

    def test_there_is_one_where_a_core_that_halts_forgets_its_limit_by_and_by_or_at_once(self):
        for divisor in ("2", "10", "0"):
            self.shrinks("Y", divisor)
            with self.subTest(divisor), self.polling() as outer, self.polling() as inner:
                self.assertEqual((outer.has_own, inner.has_own), (True, True))

    def test_there_is_none_where_a_core_that_halts_does_not_forget_its_limit(self):
        for is_allowed, divisor in (("N", "2"), ("Y", "1")):
            self.shrinks(is_allowed, divisor)
            with self.subTest((is_allowed, divisor)), self.polling() as outer, self.polling() as inner:
                self.assertEqual((self.value, outer.has_own, inner.has_own), ("200000", False, False))

    def test_there_is_none_where_nothing_is_known_of_that(self):
        (self.sysfs / PARAMETER).with_name(SHRINK).unlink()
        with self.polling() as halting:
            self.assertFalse(halting.has_own)

    def test_there_is_none_where_nothing_was_changed(self):
        (self.sysfs / PARAMETER).write_text("300000\n")
        with self.polling() as halting:
            self.assertFalse(halting.has_own)
