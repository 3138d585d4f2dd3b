// The cell init: PID 1 of one cell, for one program.
//
// Theory of operation. Init is executed (not just forked) into the cell's fresh namespaces, so it carries no
// bytes of another tenant. It talks to the jailer over one stream and does, in order: finish the namespaces
// (own cgroup view, workspace, /proc), drop what it no longer needs, say "ready" and wait; receive one
// program and its files, writing them inside the cell's cgroup; fork the program through the lock-down; reap;
// when the first process has ended, kill whatever else is left and reap until there is nothing (attacks 2, 3,
// 26); only then walk the workspace and send what it finds. A program that has to be compiled goes that way,
// up to the walk, twice: first its compiler, which is as locked down as the program, and which nothing
// outlives. A program that a zygote has been asked for is in the cell by then and is let go instead of
// forked, and so is one whose interpreter was started ahead of its time (prestart.h). A program with tools
// calls them at a socket of init's (tool_channel.h), which init makes before it starts the program. It never
// runs a program of another execution. When the stream ends, it exits and the kernel takes the rest of the
// cell with it; freeing the workspace happens there, after the answer.
//
// The program cannot touch init: another uid, not dumpable, hidden from its /proc, and as PID 1 it is deaf to
// every signal from inside that it has no handler for (attack 8).
#pragma once

namespace codeapi {

/// Descriptors init is started with.
inline constexpr int kInitControlFd = 3;
inline constexpr int kInitStdoutFd = 4;
inline constexpr int kInitStderrFd = 5;
inline constexpr int kInitLinkFd = 6;

/// Runs the life of a cell's init. Returns the exit status of the process.
int RunCellInit();

}  // namespace codeapi
