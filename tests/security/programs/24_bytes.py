"""Attack 24: bytes that are hard to put into JSON, on the stream that the argument names."""
import os
import sys

os.write(int(sys.argv[1]),
         b"\xef\xbb\xbfBOM\n"
         b"nul:\0:\n"
         b"invalid:\xff:\xc0\xaf:\xf5:\n"
         b"surrogate:\xed\xa0\x80:\n"
         b"cut:\xe2\x82\n"
         b"escape:\x1b[31m\x1b]0;title\x07:\n"
         b"controls:\x01\x08\x0b\x0c\x1f\x7f:\n"
         b"quotes:\"\\\\':\xe2\x80\xa8\xe2\x80\xa9\n"
         b"end\r\n")
