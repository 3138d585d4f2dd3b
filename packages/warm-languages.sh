#!/bin/sh
# Does once, for a whole root, what compilers would otherwise do again for every program. Runs inside of the finished tree
# (chroot), as root, with nothing mounted and without network; leaves out what the tree lacks. src/runtime/runtime_table.cc
# looks for what it makes in /usr/lib/codeapi, and does without where it is not.
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
own=/usr/lib/codeapi
mkdir -p $own
work=$(mktemp -d /tmp/warm.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The standard library, which Go since 1.20 compiles when it is first used. The program is built the way that programs are
# (same directory and flags), so that the cache has all that `go` looks up.
if [ -x /usr/bin/go ]; then
  echo "warm: the library of Go"
  export CGO_ENABLED=0 GOENV=off GOFLAGS='' GOPATH="$work/go" GOPROXY=off GOSUMDB=off GOTELEMETRY=off GOTOOLCHAIN=local
  # Where it would look for its own place is not mounted.
  GOROOT=$(dirname "$(dirname "$(readlink -f /usr/bin/go)")")
  export GOROOT GOCACHE=$own/go-build
  go build std
  printf 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println() }\n' >main.go
  go build -ldflags='-s -w' -o main main.go
  chmod -R a+rX "$GOCACHE"
fi

# The classes of the Java compiler as the virtual machine wants them in memory: half of the compiler's time. Made by a
# compilation, with the options that matter to it.
if [ -x /usr/bin/javac ]; then
  echo "warm: the classes of javac"
  cat >Main.java <<'JAVA'
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

public class Main {
  interface Shape { double area(); }
  record Circle(double radius) implements Shape { public double area() { return Math.PI * radius * radius; } }
  enum Size { SMALL, LARGE }
  static <T extends Comparable<T>> T most(Collection<T> all) { return Collections.max(all); }
  public static void main(String[] args) throws Exception {
    Map<String, List<Integer>> groups = new TreeMap<>();
    for (String arg : args) groups.computeIfAbsent(arg, k -> new ArrayList<>()).add(arg.length());
    var text = Stream.of(1, 2, 3).map(n -> n * 2).filter(n -> n > 2).map(String::valueOf).collect(Collectors.joining(","));
    Supplier<Shape> shape = () -> new Circle(2);
    switch (Size.values()[0]) { case SMALL -> System.out.println(text); default -> throw new IllegalStateException(); }
    try { System.out.printf("%.2f %s%n", shape.get().area(), most(List.of(1, 2))); } finally { groups.clear(); }
  }
}
JAVA
  # It finds its libraries through /proc, which is not mounted.
  home=$(dirname "$(dirname "$(readlink -f /usr/bin/javac)")")
  LD_LIBRARY_PATH=$home/lib:$home/lib/server javac -J-XX:ArchiveClassesAtExit=$own/javac.jsa -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -J-XX:-UsePerfData \
    -encoding UTF-8 -proc:none -cp "$work" -d out Main.java >archive.log 2>&1 || { cat archive.log >&2; exit 1; }
  chmod a+r $own/javac.jsa
fi
