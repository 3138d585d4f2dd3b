"""The main module of a child that multiprocessing has not forked: the program, read once more."""
import codeapi_program

codeapi_program.load_again(globals())
