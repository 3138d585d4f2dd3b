"""The tools of this execution, as async functions, for the processes that a program starts.

There is nothing else in here, for a tool may be called anything.
"""
from codeapi_calls import FUNCTIONS as __functions

globals().update(__functions)
__all__ = list(__functions)
