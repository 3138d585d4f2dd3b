"""What Node programs do."""

from program import run


def test_child_processes(server):
    assert run(server, "js", """
        const {execSync, spawn, spawnSync, fork} = require('child_process');
        if (process.argv[2] === 'child') { process.on('message', m => { process.send(m + 1); process.disconnect(); }); }
        else {
          console.log(execSync('echo $0').toString().trim(), spawnSync('cat', {input: 'in'}).stdout.toString());
          const sleeper = spawn('sleep', ['1000']);
          sleeper.on('exit', (code, signal) => {
            console.log(code, signal);
            const child = fork(__filename, ['child']);
            child.on('message', m => console.log('message', m));
            child.on('exit', code => console.log('exit', code));
            child.send(41);
          });
          sleeper.kill();
        }
        """) == "/bin/sh in\nnull SIGTERM\nmessage 42\nexit 0\n"


def test_worker_threads_and_shared_memory(server):
    assert run(server, "js", """
        const {Worker, isMainThread, workerData, parentPort} = require('worker_threads');
        if (isMainThread) {
          const shared = new Int32Array(new SharedArrayBuffer(4));
          let left = 4;
          for (let i = 0; i < 4; i++)
            new Worker(__filename, {workerData: shared}).on('exit', () => --left || console.log(shared[0]));
        } else {
          for (let i = 0; i < 1000; i++) Atomics.add(workerData, 0, 1);
        }
        """) == "4000\n"


def test_watching_files(server):
    assert run(server, "js", """
        const fs = require('fs');
        fs.mkdirSync('/tmp/w');
        const watcher = fs.watch('/tmp/w', (event, name) => { console.log(name); watcher.close(); });
        fs.writeFileSync('/tmp/w/new.txt', 'x');
        """) == "new.txt\n"


def test_the_user_and_the_machine(server):
    assert run(server, "js", """
        const os = require('os');
        const me = os.userInfo();
        console.log(me.username, me.homedir, me.shell, me.uid === process.getuid(), os.hostname(), os.type());
        console.log(os.loadavg(), os.freemem() <= os.totalmem(), os.uptime() > 0, os.endianness());
        """) == "sandbox /mnt/data /bin/bash true sandbox Linux\n[ 0, 0, 0 ] true true LE\n"


def test_streams_servers_and_timers(server):
    assert run(server, "js", """
        const net = require('net'), zlib = require('zlib'), crypto = require('crypto');
        const {pipeline} = require('stream/promises');
        const server = net.createServer(c => c.end('hi')).listen('/tmp/s', () => {
          net.connect('/tmp/s').on('data', d => console.log(d.toString())).on('close', async () => {
            server.close();
            await new Promise(r => setTimeout(r, 5));
            console.log(zlib.gunzipSync(zlib.gzipSync('zip')).toString(), crypto.randomUUID().length);
            process.exitCode = 0;
          });
        });
        process.on('exit', () => console.log('bye'));
        """) == "hi\nzip 36\nbye\n"
