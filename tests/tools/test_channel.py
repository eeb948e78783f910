"""The channel to a test host: frames from any cut of the stream."""

import unittest

from vmmtools import channel
from vmmtools.channel import HEAD, LONGEST_OUT, MAGIC, Decoder


def frame(kind, content):
    """A frame as the host sends it."""
    return HEAD.pack(kind, len(content)) + content


STREAM = (b"boot text\r\n" + MAGIC + frame(b"o", b"out\n") + frame(b"e", b"")
          + frame(b"o", MAGIC) + frame(b"x", b"\x07"))
FRAMES = [(b"o", b"out\n"), (b"e", b""), (b"o", MAGIC), (b"x", b"\x07")]


class DecoderTest(unittest.TestCase):
    """Decoder"""

    def test_stream_may_be_cut_anywhere(self):
        for size in range(1, len(STREAM) + 1):
            decoder = Decoder()
            found = []
            for at in range(0, len(STREAM), size):
                found += decoder.feed(STREAM[at:at + size])
            self.assertEqual(found, FRAMES, size)
            self.assertEqual(bytes(decoder.noise), b"boot text\r\n")

    def test_nothing_is_a_frame_before_the_magic(self):
        decoder = Decoder()
        self.assertEqual(list(decoder.feed(frame(b"o", b"no"))), [])
        self.assertFalse(decoder.started)
        decoder.finish()
        self.assertEqual(bytes(decoder.noise), frame(b"o", b"no"))

    def test_panic_between_frames_becomes_noise(self):
        decoder = Decoder()
        found = list(decoder.feed(MAGIC + frame(b"o", b"a")
                                  + b"[ 1.0] Kernel panic - not syncing"))
        self.assertEqual(found, [(b"o", b"a")])
        self.assertEqual(list(decoder.feed(frame(b"x", b"\0"))), [])
        self.assertIn(b"panic", bytes(decoder.noise))

    def test_impossible_length_becomes_noise(self):
        decoder = Decoder()
        head = HEAD.pack(b"o", LONGEST_OUT + 1)
        self.assertEqual(list(decoder.feed(MAGIC + head)), [])
        self.assertEqual(bytes(decoder.noise), head)


class InputTest(unittest.TestCase):
    """What goes to the host"""

    def test_input_is_cut_into_frames_the_host_takes(self):
        data = bytes(range(256)) * 300
        frames = channel.input_frames(data)
        found = b""
        while frames:
            kind, length = HEAD.unpack_from(frames)
            self.assertEqual(kind, b"i")
            self.assertLessEqual(length, channel.LONGEST_IN)
            self.assertGreater(length, 0)
            found += frames[HEAD.size:HEAD.size + length]
            frames = frames[HEAD.size + length:]
        self.assertEqual(found, data)

    def test_command_keeps_its_words(self):
        words = ["sh", "-c", "echo 'a  b' \"$x\"\n", "", "\udcff"]
        run = channel.run_words("null", "dumb", words)
        self.assertEqual(run, b"null\0dumb\0sh\0-c\0echo 'a  b' \"$x\"\n\0\0"
                              b"\xff\0")

    def test_command_with_a_nul_is_refused(self):
        with self.assertRaises(ValueError):
            channel.run_words("null", "dumb", ["a\0b"])


if __name__ == "__main__":
    unittest.main()
