"""The tools of this execution, as async functions, for the processes that a program starts.

There is nothing else in here, for a tool may be called anything.
"""
import codeapi_calls

globals().update(codeapi_calls.FUNCTIONS, __all__=list(codeapi_calls.FUNCTIONS))
