// The interpreter, as a zygote uses it. Functions of Python's C interface that all versions from 3.9 on
// export and whose parameters have not changed; its headers are of one version, and which one a root has is
// known only there. Parts of the shared object of zygote_module.cc.
#pragma once

extern "C" {
struct PyObject;
struct PyThreadState;
void PyOS_BeforeFork();
void PyOS_AfterFork_Parent();
void PyOS_AfterFork_Child();
}

namespace codeapi {

/// Initialises the interpreter from a command line, as its own main() does. False when it is refused; why has
/// been printed.
bool StartPython(int argc, char** argv);

/// Runs zygote_hook.py. Returns the first parts of the names of what it has loaded, a line each, or null.
const char* LoadModules(bool data);

/// In a program: runs the file of the command line as __main__, and takes the interpreter down. Returns the
/// exit status of the process.
int RunProgramFile();

}  // namespace codeapi
