"""Files for tests: compressed text, and a temporary folder for each test."""
import bz2
import gzip
import io
import lzma
import os
import re
import zipfile

from absl.testing import parameterized

from tf1_sampled import checks
from tf1_sampled.files import reading

TEXT = "one\ntwo é\n\nlast without end"
DATA = TEXT.encode("utf-8")


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def packed(ending, content):
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
            ".zip": lambda data: zipped([("folder/", b""), ("folder/member.txt", data)])}
    return pack[ending.lower()](content)


def read_text(path):
    with reading.open_text(path) as stream:
        return stream.read()


def read_binary(path):
    with reading.open_binary(path) as stream:
        return stream.read()


class FileCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(content)
        return path

    def check_error(self, path, message, read=read_text):
        with self.assertRaises(checks.InputError) as caught:
            read(path)
        self.assertRegex(str(caught.exception), "^" + re.escape(path) + r": (line \d+: )?wanted ")
        self.assertIn(message, str(caught.exception))
