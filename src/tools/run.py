"""Starts a Python program that can call tools: run.py PROGRAM [ARGUMENTS]."""
import sys

import codeapi_program

codeapi_program.run(sys.modules["__main__"])
