// Runs a program in an interpreter that is initialised, as Python's main() would from there on, and ends it.
//
// Theory of operation. Python ends by taking everything down: it joins threads, calls what atexit knows,
// deletes the modules, and with them the program's objects, whose finalizers run; and then it goes through
// all that an interpreter consists of and frees it, just before the process ends. That writes to every page
// that the zygote has ever touched, and each of them, being shared, has to be copied first: more than half of
// the time that a short program takes in all. So two things are left out. Modules that the zygote had loaded
// are not taken down, only the program's own; Python does not promise finalizers for what still exists at the
// end. And behind the modules an object in `sys`, the last one to go, jumps out of its own destructor. What a
// program can see of its end is before that. Where the way out is not the usual one (a SystemExit of an
// excepthook, a stream of the program's own), the interpreter ends by itself, in full.

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>

#include "jail/zygote_python.h"

extern "C" {
struct PyObject {
  alignas(16) char head[16];
};
struct PyStatus {
  int type;
  const char* function;
  const char* message;
  int exit_code;
};
// Opaque: only Python's own functions look into it. Larger than that of any version.
struct PyConfig {
  alignas(16) char bytes[8192];
};
struct PyCompilerFlags {
  int flags;
  int feature_version;
};
void PyConfig_InitPythonConfig(PyConfig*);
PyStatus PyConfig_SetBytesArgv(PyConfig*, long, char* const*);
PyStatus Py_InitializeFromConfig(const PyConfig*);
void PyConfig_Clear(PyConfig*);
int PyStatus_Exception(PyStatus);
int Py_FinalizeEx();
void Py_DecRef(PyObject*);
PyObject* Py_CompileString(const char*, const char*, int);
PyObject* PyEval_EvalCode(PyObject*, PyObject*, PyObject*);
PyObject* PyEval_GetBuiltins();
PyObject* PyDict_New();
int PyDict_SetItemString(PyObject*, const char*, PyObject*);
int PyDict_DelItemString(PyObject*, const char*);
PyObject* PyDict_GetItemString(PyObject*, const char*);
PyObject* PyBool_FromLong(long);
const char* PyUnicode_AsUTF8AndSize(PyObject*, long*);
PyObject* PyObject_CallFunctionObjArgs(PyObject*, ...);
PyObject* PyObject_GetAttrString(PyObject*, const char*);
PyObject* PyImport_AddModule(const char*);
PyObject* PyModule_GetDict(PyObject*);
PyObject* PyRun_FileExFlags(FILE*, const char*, int, PyObject*, PyObject*, int, PyCompilerFlags*);
PyObject* PySys_GetObject(const char*);
PyObject* PyErr_Occurred();
int PyErr_ExceptionMatches(PyObject*);
void PyErr_Print();
void PyErr_Clear();
void PyErr_Fetch(PyObject**, PyObject**, PyObject**);
void PyErr_Restore(PyObject*, PyObject*, PyObject*);
void PyErr_NormalizeException(PyObject**, PyObject**, PyObject**);
int PyFile_WriteObject(PyObject*, PyObject*, int);
void PySys_WriteStderr(const char*, ...);
long PyLong_AsLong(PyObject*);
int PyObject_IsInstance(PyObject*, PyObject*);
PyObject* PyCapsule_New(void*, const char*, void (*)(PyObject*));
long PyGC_Collect();
PyThreadState* PyThreadState_Get();
void PyThreadState_Clear(PyThreadState*);
int PySys_SetObject(const char*, PyObject*);
extern PyObject* PyExc_SystemExit;
extern PyObject* PyExc_KeyboardInterrupt;
extern PyObject _Py_NoneStruct;  // NOLINT(bugprone-reserved-identifier): Python's None
extern PyObject PyLong_Type;
}

extern "C" const char codeapi_zygote_hook[];  // zygote_hook.py

namespace codeapi {
namespace {

constexpr int kFileInput = 257;  // Py_file_input
constexpr int kPrintRaw = 1;     // Py_PRINT_RAW
constexpr int kFailedFlush = 120;
constexpr int kNoFile = 2;

// The namespace of the hook. It is never let go, and with it nothing that is out of sight: a module that no
// program has asked for is not taken down at its end either.
PyObject* hook = nullptr;
const char* executable = "python3";
jmp_buf way_out;

PyObject* CallHook(const char* name) {
  return PyObject_CallFunctionObjArgs(PyDict_GetItemString(hook, name), nullptr);
}

void Flush(const char* stream) {
  PyObject* file = PySys_GetObject(stream);
  PyObject* flush = file == nullptr ? nullptr : PyObject_GetAttrString(file, "flush");
  PyObject* done = flush == nullptr ? nullptr : PyObject_CallFunctionObjArgs(flush, nullptr);
  if (done == nullptr) PyErr_Clear();
  for (PyObject* object : {flush, done}) {
    if (object != nullptr) Py_DecRef(object);
  }
}

// As the interpreter does behind a program, whatever came of it.
void FlushStreams() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  Flush("stderr");
  Flush("stdout");
  PyErr_Restore(type, value, trace);
}

// What a SystemExit asks for (handle_system_exit of pythonrun.c): a number is the status, None is 0, anything
// else is printed.
int TakeExitStatus() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  std::fflush(stdout);
  PyObject* code = PyObject_GetAttrString(value, "code");
  if (code == nullptr) PyErr_Clear();
  PyObject* said = code == nullptr ? value : code;
  int status = 0;
  if (said != &_Py_NoneStruct) {
    if (PyObject_IsInstance(said, &PyLong_Type) == 1) {
      status = static_cast<int>(PyLong_AsLong(said));
    } else {
      PyErr_Clear();
      PyObject* stream = PySys_GetObject("stderr");
      if (stream != nullptr && stream != &_Py_NoneStruct) PyFile_WriteObject(said, stream, kPrintRaw);
      PySys_WriteStderr("\n");
      status = 1;
    }
    PyErr_Clear();
  }
  for (PyObject* object : {code, type, value, trace}) {
    if (object != nullptr) Py_DecRef(object);
  }
  PyErr_Clear();
  return status;
}

bool HasUsualStreams() {
  return PySys_GetObject("stdout") == PySys_GetObject("__stdout__") &&
         PySys_GetObject("stderr") == PySys_GetObject("__stderr__");
}

void JumpOut(PyObject*);

void CallBack(const char* attribute, void (*function)(PyObject*)) {
  PyObject* last = PyCapsule_New(&way_out, nullptr, function);
  PySys_SetObject(attribute, last);
  Py_DecRef(last);
}

// All modules are about to be taken down.
void Leave(PyObject*) {
  PyObject* done = CallHook("leave");
  if (done == nullptr) {
    PyErr_Clear();
  } else {
    Py_DecRef(done);
  }
  CallBack("__codeapi__", JumpOut);
}

// What is left of a program by now is cycles, and what belongs to its thread.
void JumpOut(PyObject*) {
  PyGC_Collect();
  PyThreadState_Clear(PyThreadState_Get());
  ::longjmp(way_out, 1);
}

int TakeDown(int status) {
  // What a stream of the program's own answers to the last flush is part of the status.
  if (HasUsualStreams()) {
    if (::setjmp(way_out) != 0) return status;
    CallBack("ps2", Leave);  // one of those that go first
  }
  return Py_FinalizeEx() < 0 ? kFailedFlush : status;
}

int DieOfInterrupt() {
  ::signal(SIGINT, SIG_DFL);
  ::raise(SIGINT);
  return SIGINT + 128;
}

}  // namespace

bool StartPython(int argc, char** argv) {
  static PyConfig config;
  executable = argv[0];
  PyConfig_InitPythonConfig(&config);
  PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (!PyStatus_Exception(status)) return true;
  std::fprintf(stderr, "%s\n", status.message == nullptr ? "it does not start" : status.message);
  return false;
}

const char* LoadModules(bool data) {
  hook = PyDict_New();
  PyObject* flag = PyBool_FromLong(data ? 1 : 0);
  PyDict_SetItemString(hook, "__builtins__", PyEval_GetBuiltins());
  PyDict_SetItemString(hook, "DATA", flag);
  PyObject* code = Py_CompileString(codeapi_zygote_hook, "<frozen zygote>", kFileInput);
  PyObject* ran = code == nullptr ? nullptr : PyEval_EvalCode(code, hook, hook);
  PyObject* names = ran == nullptr ? nullptr : CallHook("load");
  if (names == nullptr) {
    PyErr_Print();
    return nullptr;
  }
  return PyUnicode_AsUTF8AndSize(names, nullptr);
}

int RunProgramFile() {
  PyObject* path = CallHook("begin");
  const char* name = path == nullptr ? nullptr : PyUnicode_AsUTF8AndSize(path, nullptr);
  if (name == nullptr) {
    PyErr_Print();
    return TakeDown(1);
  }
  std::FILE* file = std::fopen(name, "rbe");
  if (file == nullptr) {
    std::fprintf(stderr, "%s: can't open file '%s': [Errno %d] %s\n", executable, name, errno,
                 ::strerror(errno));
    return TakeDown(kNoFile);
  }
  PyObject* space = PyModule_GetDict(PyImport_AddModule("__main__"));
  PyCompilerFlags flags{0, 0};
  PyObject* result = PyRun_FileExFlags(file, name, kFileInput, space, space, 1, &flags);
  FlushStreams();
  if (result == nullptr && PyErr_ExceptionMatches(PyExc_SystemExit)) return TakeDown(TakeExitStatus());
  // Not one of its kinds: those are errors like any other.
  const bool interrupted = result == nullptr && PyErr_Occurred() == PyExc_KeyboardInterrupt;
  if (result == nullptr) {
    PyErr_Print();
  } else {
    Py_DecRef(result);
  }
  for (const char* added : {"__file__", "__cached__"}) {
    if (PyDict_DelItemString(space, added) != 0) PyErr_Clear();
  }
  const int status = TakeDown(result == nullptr ? 1 : 0);
  return interrupted ? DieOfInterrupt() : status;
}

}  // namespace codeapi
