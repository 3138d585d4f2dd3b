"""Small JavaScript programs that look at everything an early start could change.

{name: code}, or {name: (code, members of the request)}. Each prints what it finds; none depends on the time, on
addresses or on random numbers.
"""

import textwrap


def program(text, **request):
    return textwrap.dedent(text).lstrip("\n"), request


MODULES = """
assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs
fs/promises http http2 https module net os path path/posix perf_hooks process punycode querystring readline
readline/promises stream stream/promises stream/web string_decoder timers timers/promises tls tty url util v8 vm
worker_threads zlib
""".split()

PROGRAMS = {f"require {name}": f"console.log(Object.keys(require({name!r})).sort().join(' '))" for name in MODULES}
PROGRAMS.update({f"alone {name}": f"""
    const loaded = () => Object.keys(require.cache).join(' ');
    const before = loaded();
    require('node:{name}');
    console.log(before, loaded());
""" for name in "fs http crypto worker_threads".split()})

# What a program can ask its process, one line each.
PROGRAMS.update({f"process {name}": f"console.log({code})" for name, code in {
    "argv": "process.argv",
    "argv0": "process.argv0",
    "execArgv": "process.execArgv",
    "execPath": "process.execPath",
    "title": "process.title",
    "env": "Object.entries(process.env).sort()",
    "node options": "'NODE_OPTIONS' in process.env, process.env.LD_PRELOAD",
    "cwd": "process.cwd()",
    "pid": "process.pid, process.ppid",
    "ids": "process.getuid() === process.geteuid(), process.getgroups().length",
    "umask": "process.umask().toString(8)",
    "versions": "Object.keys(process.versions).sort().join(' ')",
    "release": "process.release.name, process.version, process.platform, process.arch",
    "config": "Object.keys(process.config).sort()",
    "features": "Object.keys(process.features).sort()",
    "keys": "Object.keys(process).sort().join(' ')",
    "all keys": "Object.getOwnPropertyNames(process).sort().join(' ')",
    "prototype": "Object.getOwnPropertyNames(Object.getPrototypeOf(process)).sort().join(' ')",
    "exitCode": "process.exitCode, process.exiting",
    "listeners": "process.eventNames().map(String).sort(), process.listenerCount('exit')",
    "max listeners": "process.getMaxListeners()",
    "connected": "process.connected, process.channel",
    "handles": "(process._getActiveHandles?.() ?? []).map(h => h.constructor.name).sort()",
    "requests": "(process._getActiveRequests?.() ?? []).map(h => h.constructor.name).sort()",
    "resources": "process.getActiveResourcesInfo?.()",
    "stdio": "['stdin', 'stdout', 'stderr'].map(n => [process[n].fd, process[n].isTTY, process[n].constructor.name])",
    "stdout state": "process.stdout.writable, process.stdout.writableHighWaterMark, process.stdout.bytesWritten",
    "memory": "process.constrainedMemory?.() > 0, require('os').totalmem()",
    "heap": "require('v8').getHeapStatistics().heap_size_limit",
    "cpus": "require('os').cpus().length, require('os').availableParallelism()",
    "host": "require('os').hostname(), require('os').userInfo().username, require('os').homedir()",
    "tmpdir": "require('os').tmpdir(), require('os').endianness()",
    "report": "typeof process.report",
    "deprecation": "process.noDeprecation, process.throwDeprecation, process.traceDeprecation",
    "debug port": "process.debugPort",
    "age": "process.uptime() > 0, performance.now() > 0, performance.timeOrigin > 1e12",
    "clocks": "Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000",
    "hrtime": "typeof process.hrtime.bigint(), process.hrtime().length",
    "usage": "process.cpuUsage().user >= 0, process.resourceUsage().maxRSS > 0",
    "locale": "new Intl.DateTimeFormat().resolvedOptions().locale, new Date(0).toString(), process.env.TZ",
}.items()})

PROGRAMS.update({
    "nothing": program(""),
    "hello": program("console.log('hello')"),
    "names": program("""
        console.log(__filename, __dirname, typeof require, typeof module, typeof exports, this === module.exports);
        console.log(Object.getOwnPropertyNames(globalThis).sort().join(' '));
    """),
    "global keys": program("console.log(Object.keys(globalThis).sort().join(' '))"),
    "main": program("""
        console.log(require.main === module, module.filename, module.id, module.parent, module.children, module.loaded);
        console.log(module.paths, require.resolve.paths('x'));
    """),
    "cache": program("console.log(Object.keys(require.cache), Object.keys(require.extensions ?? {}))"),
    "module": program("""
        const m = require('module');
        console.log(m.globalPaths, m._pathCache && Object.keys(m._pathCache), m.builtinModules.length > 30);
    """),
    "resolve": program("""
        for (const name of ['fs', './index.js', './none', 'none', '/none']) {
          try { console.log(require.resolve(name)); } catch (error) { console.log(error.code, error.message); }
        }
    """),
    "require self": program("console.log(require('./index.js') === module.exports)"),
    "own module": program("""
        const fs = require('fs');
        fs.writeFileSync('helper.js', 'exports.value = 5; exports.parent = module.parent && module.parent.filename;');
        console.log(require('./helper'), module.children.map(c => c.filename), Object.keys(require.cache));
    """),
    "json": program("require('fs').writeFileSync('a.json', '[1,2]'); console.log(require('./a.json'))"),
    "node_modules": program("""
        const fs = require('fs');
        fs.mkdirSync('node_modules/own', {recursive: true});
        fs.writeFileSync('node_modules/own/package.json', '{"main": "start.js"}');
        fs.writeFileSync('node_modules/own/start.js', 'module.exports = __filename');
        console.log(require('own'));
    """),
    "dynamic import": program("import('fs').then(m => console.log(typeof m.readFileSync, typeof m.default))"),
    "import a file": program("""
        require('fs').writeFileSync('own.mjs', 'export const url = import.meta.url; export default 7;');
        import('./own.mjs').then(m => console.log(m.url, m.default));
    """),
    "import itself": program("import('./index.js').then(m => console.log(typeof m, Object.keys(m)))"),
    "missing module": program("require('./none')"),
    "missing package": program("require('none-such')"),
    "missing import": program("import('./none.mjs').catch(error => console.log(error.code, error.name))"),
    "esm": program("""
        import fs from 'node:fs';
        import path from 'node:path';
        console.log(import.meta.url, import.meta.filename, import.meta.dirname, import.meta.main);
        console.log(typeof fs.readFileSync, path.sep, typeof this);
    """),
    "esm resolve": program("import 'fs'; console.log(import.meta.resolve('./x.js'), import.meta.resolve('fs'))"),
    "top-level await": program("import 'fs'; const v = await new Promise(r => setTimeout(r, 5, 'late')); console.log(v)"),
    "esm error": program("import {none} from 'fs'; console.log(none)"),
    "package type module": program("import fs from 'fs'; console.log(fs.existsSync('index.js'))"),
    "descriptors": program("""
        const fs = require('fs');
        const open = [];
        for (let fd = 0; fd < 64; ++fd) { try { fs.fstatSync(fd); open.push(fd); } catch {} }
        const kind = fd => { try { return fs.readlinkSync('/proc/self/fd/' + fd).replace(/[0-9]+/g, 'N'); } catch (e) { return e.code; } };
        console.log(open.map(fd => [fd, kind(fd)]));
    """),
    "listing of descriptors": program("""
        const fs = require('fs');
        console.log(fs.readdirSync('/proc/self/fd').length);
    """),
    "status": program("""
        const text = require('fs').readFileSync('/proc/self/status', 'utf8');
        const wanted = /^(Name|Umask|State|Pid|PPid|TracerPid|NStgid|NSpid|Kthread|SigQ|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap\\w+|NoNewPrivs|Seccomp\\w*|Speculation\\w*|Cpus_allowed):/;
        console.log(text.split('\\n').filter(line => wanted.test(line) && !/^SigQ/.test(line)).join('\\n'));
    """),
    "limits": program("console.log(require('fs').readFileSync('/proc/self/limits', 'utf8'))"),
    "command line": program("""
        const fs = require('fs');
        console.log(fs.readFileSync('/proc/self/cmdline', 'latin1').split('\\0'));
        console.log(fs.readFileSync('/proc/self/environ', 'latin1').split('\\0').sort());
        console.log(fs.readFileSync('/proc/self/comm', 'latin1'), fs.readlinkSync('/proc/self/exe'), fs.readlinkSync('/proc/self/cwd'));
    """),
    "mapped files": program("""
        const text = require('fs').readFileSync('/proc/self/maps', 'utf8');
        console.log([...new Set(text.split('\\n').map(l => l.split(/\\s+/)[5]).filter(n => n && n.startsWith('/')))].sort());
    """),
    "oom score": program("console.log(require('fs').readFileSync('/proc/self/oom_score_adj', 'utf8'))"),
    "session": program("""
        const stat = require('fs').readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
        console.log(stat.slice(1, 6), stat.slice(15, 17));
    """),
    "processes": program("console.log(require('fs').readdirSync('/proc').filter(n => /^[0-9]+$/.test(n)))"),
    "threads": program("console.log(require('fs').readdirSync('/proc/self/task').length)"),
    "thread names": program("""
        const fs = require('fs');
        console.log(fs.readdirSync('/proc/self/task').map(t => fs.readFileSync(`/proc/self/task/${t}/comm`, 'utf8')).sort());
    """),
    "meminfo": program("console.log(require('fs').readFileSync('/proc/meminfo', 'utf8').split('\\n').slice(0, 1))"),
    "workspace": program("""
        const fs = require('fs');
        const s = fs.statSync('index.js');
        console.log(fs.readdirSync('.'), fs.readdirSync('/tmp'), s.size, (s.mode & 0o7777).toString(8), s.nlink, s.uid === process.getuid());
        console.log(fs.readFileSync(__filename, 'utf8').length);
    """),
    "stdin": program("console.log(JSON.stringify(require('fs').readFileSync(0, 'utf8')))"),
    "stdin stream": program("process.stdin.on('data', d => console.log('data', d)).on('end', () => console.log('end'))"),
    "stdin file": program("const s = require('fs').fstatSync(0); console.log(s.isCharacterDevice(), s.isFile(), s.rdev)"),
    "stdin async": program("(async () => { for await (const d of process.stdin) console.log(d); console.log('over'); })()"),
    "readline": program("require('readline').createInterface({input: process.stdin}).on('close', () => console.log('closed'))"),
    "stdout then stderr": program("process.stdout.write('a\\n'); process.stderr.write('b\\n'); console.error('c'); console.log('d')"),
    "much output": program("for (let i = 0; i < 3000; ++i) console.log('line ' + i)"),
    "output then exit": program("process.stdout.write('x'.repeat(30000)); process.exit(3)"),
    "exit 0": program("process.exit(0)"),
    "exit 7": program("process.exit(7)"),
    "exit 256": program("process.exit(256)"),
    "exitCode 9": program("process.exitCode = 9"),
    "exitCode in exit": program("process.on('exit', c => { console.log('exit', c); process.exitCode = 4; })"),
    "beforeExit": program("process.once('beforeExit', c => { console.log('before', c); setTimeout(() => console.log('more'), 1); })"),
    "exit in exit": program("process.on('exit', () => process.exit(6))"),
    "abort": program("process.abort()"),
    "throw": program("throw new Error('thrown')"),
    "throw string": program("throw 'a string'"),
    "throw null": program("throw null"),
    "throw deep": program("function a() { b(); }\nfunction b() { c(); }\nfunction c() { null.x; }\na();"),
    "throw later": program("setTimeout(() => { throw new TypeError('late'); }, 1)"),
    "cause": program("throw new Error('outer', {cause: new Error('inner')})"),
    "syntax error": program("let x = ;"),
    "syntax error in the middle": program("console.log(1);\nfunction (\n"),
    "reference error": program("none()"),
    "rejection": program("Promise.reject(new Error('rejected'))"),
    "rejection of a value": program("Promise.reject(5)"),
    "rejection handled late": program("const p = Promise.reject(1); setTimeout(() => p.catch(() => {}), 1)"),
    "unhandledRejection": program("process.on('unhandledRejection', (r) => console.log('seen', r)); Promise.reject(3)"),
    "uncaughtException": program("process.on('uncaughtException', (e, o) => console.log('seen', e.message, o)); throw new Error('x')"),
    "uncaught then exit": program("process.on('uncaughtException', () => process.exit(12)); throw 1"),
    "uncaught in handler": program("process.on('uncaughtException', () => { throw new Error('again'); }); throw 1"),
    "warning": program("process.emitWarning('careful')"),
    "warning listener": program("process.on('warning', w => console.log(w.name, w.message)); process.emitWarning('x', 'Mine')"),
    "stack": program("function f() { return new Error('e').stack; }\nconsole.log(f())"),
    "stack of a callback": program("setTimeout(function late() { console.log(new Error('e').stack); }, 1)"),
    "stack in a promise": program("Promise.resolve().then(function then() { console.log(new Error('e').stack); })"),
    "stack limit": program("console.log(Error.stackTraceLimit, Error.prepareStackTrace)"),
    "call sites": program("""
        Error.prepareStackTrace = (e, sites) => sites.map(s => [s.getFileName(), s.getFunctionName(), s.getLineNumber()]);
        console.log(new Error().stack);
    """),
    "trace": program("console.trace('here')"),
    "recursion": program("const f = n => f(n + 1);\ntry { f(0); } catch (e) { console.log(e instanceof RangeError, e.message); }"),
    "SIGTERM to itself": program("process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 5000)"),
    "SIGKILL to itself": program("process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 5000)"),
    "SIGINT to itself": program("process.kill(process.pid, 'SIGINT'); setTimeout(() => {}, 5000)"),
    "SIGUSR2 handled": program("const t = setTimeout(() => {}, 5000); process.on('SIGUSR2', s => { console.log(s); clearTimeout(t); }); process.kill(process.pid, 'SIGUSR2')"),
    "SIGPIPE": program("console.log(process.listenerCount('SIGPIPE')); process.kill(process.pid, 'SIGPIPE'); setTimeout(() => console.log('alive'), 5)"),
    "SIGSEGV": program("process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 5000)"),
    "timers": program("""
        const start = Date.now();
        setTimeout(() => { const took = Date.now() - start; console.log(took >= 49, took < 1000); }, 50);
        setImmediate(() => console.log('immediate'));
        process.nextTick(() => console.log('tick'));
        Promise.resolve().then(() => console.log('micro'));
        console.log('sync');
    """),
    "timer order": program("for (const ms of [5, 1, 3]) setTimeout(() => console.log(ms), ms * 20)"),
    "interval": program("let n = 0; const i = setInterval(() => { console.log(++n); if (n === 3) clearInterval(i); }, 2)"),
    "first timer": program("const t = performance.now(); setTimeout(() => console.log(performance.now() - t >= 19), 20)"),
    "date": program("const d = Date.now(); console.log(Math.abs(d - new Date().getTime()) < 1000, new Date(d).getFullYear() > 2024)"),
    "child": program("""
        const {spawnSync} = require('child_process');
        const run = (c, ...a) => { const r = spawnSync(c, a, {encoding: 'utf8'}); console.log(r.status, r.signal, r.stdout, r.stderr); };
        run('/bin/sh', '-c', 'ls -l /proc/self/fd | wc -l; cat /proc/self/environ | tr "\\\\0" "\\\\n" | sort; ulimit -a');
        run('/bin/sh', '-c', 'grep -E "^(Sig|Cap|Tracer|NoNew|Seccomp)" /proc/self/status | grep -v SigQ');
        run(process.execPath, '-e', 'console.log(process.argv.length, process.execArgv, process.env.NODE_OPTIONS)');
    """),
    "child pid": program("console.log(require('child_process').spawnSync('/bin/sh', ['-c', 'echo $PPID']).stdout.toString())"),
    "exec": program("require('child_process').exec('echo out; echo err >&2; exit 3', (e, out, err) => console.log(e.code, out, err))"),
    "spawn and kill": program("const c = require('child_process').spawn('sleep', ['100']); c.on('exit', (code, s) => console.log(code, s)); c.kill()"),
    "left behind": program("require('child_process').spawn('sleep', ['100'], {detached: true, stdio: 'ignore'}).unref(); console.log('gone')"),
    "fork": program("""
        if (process.argv[2] === 'child') { process.send({argv: process.argv, exec: process.execArgv}); process.disconnect(); }
        else { const c = require('child_process').fork(__filename, ['child']); c.on('message', m => console.log(m)); c.on('exit', code => console.log(code)); }
    """),
    "worker": program("""
        const {Worker, isMainThread, threadId} = require('worker_threads');
        console.log(isMainThread, threadId);
        const w = new Worker(`const {parentPort, threadId, isMainThread} = require('worker_threads');
          parentPort.postMessage([threadId, isMainThread, process.argv, process.execArgv]);`, {eval: true});
        w.on('message', m => console.log(m)).on('exit', c => console.log('exit', c));
    """),
    "worker of a file": program("""
        const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
        if (isMainThread) new Worker(__filename, {workerData: 5}).on('message', m => console.log(m));
        else parentPort.postMessage([workerData, __filename, require.main === module]);
    """),
    "workers": program("""
        const {Worker} = require('worker_threads');
        let sum = 0, left = 4;
        for (let i = 0; i < 4; ++i) new Worker(`require('worker_threads').parentPort.postMessage(${i} * 10)`, {eval: true})
          .on('message', m => { sum += m; }).on('exit', () => { if (--left === 0) console.log(sum); });
    """),
    "thread pool": program("""
        const c = require('crypto');
        let left = 6;
        for (let i = 0; i < 6; ++i) c.pbkdf2('a', 'b', 1000, 16, 'sha256', (e, k) => { if (--left === 0) console.log(k.toString('hex')); });
    """),
    "crypto": program("""
        const c = require('crypto');
        console.log(c.createHash('sha256').update('x').digest('hex'), c.getHashes().length > 5, c.randomBytes(8).length, c.getFips?.());
        console.log(c.createHmac('sha1', 'k').update('v').digest('base64'), c.randomUUID().length);
    """),
    "webcrypto": program("crypto.subtle.digest('SHA-1', new Uint8Array(3)).then(d => console.log(Buffer.from(d).toString('hex')))"),
    "zlib": program("const z = require('zlib'); console.log(z.gunzipSync(z.gzipSync('abc')).toString())"),
    "wasm": program("""
        const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
        WebAssembly.instantiate(bytes).then(({instance}) => console.log(instance.exports.add(2, 3)));
    """),
    "eval": program("console.log(eval('1 + 1'), new Function('return 5')(), require('vm').runInNewContext('x * 2', {x: 21}))"),
    "jit": program("let s = 0; for (let i = 0; i < 5e6; ++i) s = (s * 31 + i) | 0; console.log(s)"),
    "gc": program("for (let i = 0; i < 200; ++i) new Array(10000).fill(i); console.log(typeof gc, typeof globalThis.gc)"),
    "weak": program("const r = new WeakRef({}); console.log(typeof r.deref())"),
    "async hooks": program("const {AsyncLocalStorage} = require('async_hooks'); const s = new AsyncLocalStorage(); s.run(3, () => setTimeout(() => console.log(s.getStore()), 1))"),
    "async id": program("const h = require('async_hooks'); console.log(h.triggerAsyncId())"),
    "performance entries": program("console.log(performance.getEntries?.().map(e => e.name), performance.eventCounts)"),
    "socket": program("""
        const net = require('net');
        const s = net.createServer(c => c.end('bye')).listen('/tmp/s', () => net.connect('/tmp/s').on('data', d => { console.log(d.toString()); s.close(); }));
    """),
    "network": program("require('net').connect(80, '127.0.0.1').on('error', e => console.log(e.code))"),
    "fetch": program("console.log(typeof fetch, typeof Request); fetch('http://127.0.0.1:1/').catch(e => console.log(e.name))"),
    "watch": program("""
        const fs = require('fs');
        const w = fs.watch('.', (e, n) => { console.log(n); w.close(); });
        setTimeout(() => fs.writeFileSync('new.txt', 'x'), 20);
    """),
    "relative": program("""
        const fs = require('fs');
        fs.mkdirSync('d'); process.chdir('d'); fs.writeFileSync('f.txt', 'x');
        console.log(process.cwd(), fs.existsSync('/mnt/data/d/f.txt'));
    """),
    "output files": program("""
        const fs = require('fs');
        fs.writeFileSync('out.txt', 'out'); fs.mkdirSync('deep/er', {recursive: true}); fs.writeFileSync('deep/er/x.csv', '1,2');
    """),
    "program rewrites itself": program("require('fs').writeFileSync(__filename, 'other'); console.log(require('fs').readFileSync('index.js', 'utf8'))"),
    "program removes itself": program("require('fs').unlinkSync(__filename); console.log(require('fs').readdirSync('.'))"),
    "permissions": program("""
        const fs = require('fs');
        for (const p of ['/etc/x', '/usr/x', '/x', '/proc/1/mem', '/mnt/x']) { try { fs.writeFileSync(p, ''); console.log('written', p); } catch (e) { console.log(e.code, p); } }
    """),
    "umask of files": program("const fs = require('fs'); fs.writeFileSync('f', ''); console.log((fs.statSync('f').mode & 0o777).toString(8))"),
    "too large": program("try { require('fs').ftruncateSync(require('fs').openSync('big', 'w'), 2 ** 40); } catch (e) { console.log(e.code); }"),
    "inspect": program("console.log({a: [1, {b: new Map([[1, 2]])}], f() {}, s: Symbol('x'), n: null, d: new Date(0)})"),
    "unicode": program("console.log('äöü 漢字 🙂', 'é'.normalize('NFD').length, 'ß'.toUpperCase(), 'a'.localeCompare('b'))"),
    "intl": program("console.log(new Intl.NumberFormat('de').format(1234567.8), (1e6).toLocaleString())"),
    "shebang": program("#!/usr/bin/env node\nconsole.log('ran')"),
    "bom": program("\ufeffconsole.log('ran')"),
    "strict": program("'use strict';\ntry { undefined_name = 1; } catch (e) { console.log(e.name); }"),
    "return at top": program("console.log(1);\nif (true) return;\nconsole.log(2);"),
    "prototype pollution": program("Object.prototype.x = 1; console.log(({}).x, require('util').inspect({}))"),
    "replaced require": program("const m = require('module'); const l = m._load; m._load = function (n) { console.log('load', n); return l.apply(this, arguments); }; require('url')"),
    "time limit": program("while (true);", timeout=1000),
    "sleeps past its time": program("setTimeout(() => {}, 60000)", timeout=1000),
    "output limit": program("const fs = require('fs'); while (true) fs.writeSync(1, 'x'.repeat(65536))"),
    "with a file of settings": program("require('fs').writeFileSync('bunfig.toml', ''); console.log(require('fs').readdirSync('.'))"),
})

TYPESCRIPT = {
    "types": program("const a: number = 1; interface P { x: string } const p: P = {x: 'y'}; console.log(a, p)"),
    "enum": program("enum E { A = 1, B } console.log(E, E[2])"),
    "names in ts": program("console.log(Bun.main, import.meta.url, import.meta.main, process.argv)"),
    "await in ts": program("const v: string = await Promise.resolve('x'); console.log(v)"),
    "import in ts": program("import {readdirSync} from 'fs'; console.log(readdirSync('.'))"),
    "decorators": program("class A { @((v: any, c: any) => v) m() { return 1; } } console.log(new A().m())"),
    "generics": program("function id<T>(x: T): T { return x; } console.log(id<string>('x'), [1, 2].map((n: number): string => `${n}`))"),
    "wrong type": program("const a: number = 'no' as any; console.log(a)"),
    "ts error": program("const a: = 1"),
    "ts throw": program("function f(x: number): never { throw new Error(`bad ${x}`); }\nf(3);"),
    "ts stack": program("type T = {a: number};\nconsole.log(new Error('e').stack)"),
    "jsx": program("console.log(typeof Bun.version, Bun.argv, Object.keys(Bun.env).sort())"),
    "bun spawn": program("console.log(Bun.spawnSync(['/bin/sh', '-c', 'ls /proc/self/fd | wc -l']).stdout.toString())"),
    "bun file": program("console.log(await Bun.file('main.ts').exists(), await Bun.stdin.text())"),
    "bun main": program("console.log(Bun.main, Bun.cwd, Bun.isMainThread, typeof Bun.nanoseconds())"),
    "own ts module": program("require('fs').writeFileSync('own.ts', 'export const v: number = 3'); console.log((await import('./own')).v)"),
}
