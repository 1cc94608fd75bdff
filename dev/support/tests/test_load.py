import unittest

from bench.load import MEBIBYTE, PAYLOAD, framed


class Frames(unittest.TestCase):
    def test_a_frame_has_its_length_the_field_and_the_payload(self):
        self.assertEqual(framed(2), b"\x00\x00\x00\x00\x04\n\x02pp")

    def test_a_length_above_127_takes_as_many_bytes_as_it_needs(self):
        self.assertEqual(framed(300)[:8], b"\x00\x00\x00\x01\x2f\n\xac\x02")
        self.assertEqual(len(framed(PAYLOAD)), 107)
        self.assertEqual(len(framed(MEBIBYTE)), MEBIBYTE + 9)
