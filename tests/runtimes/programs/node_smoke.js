// What Node programs commonly do, one line `name=outcome` each: the outcome is "ok" or the code of the error.
const assert = require('assert');
const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');
const zlib = require('zlib');
const { once } = require('events');
const { pipeline } = require('stream/promises');
const { Worker } = require('worker_threads');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'node-'));
const file = (name) => path.join(directory, name);

const cases = {
  async files() {
    fs.writeFileSync(file('a'), 'text');
    fs.copyFileSync(file('a'), file('b'));
    fs.linkSync(file('a'), file('c'));
    fs.symlinkSync('a', file('d'));
    fs.chmodSync(file('a'), 0o600);
    fs.utimesSync(file('a'), 1, 2);
    fs.truncateSync(file('b'), 2);
    fs.fsyncSync(fs.openSync(file('b')));
    assert.deepStrictEqual([fs.readFileSync(file('b'), 'utf8'), fs.readlinkSync(file('d'))], ['te', 'a']);
    assert.strictEqual((await fs.promises.readdir(directory)).length, 4);
  },
  async watch() {
    const watcher = fs.watch(directory);
    const changed = once(watcher, 'change');
    fs.writeFileSync(file('watched'), '');
    await changed;
    watcher.close();
  },
  async streams() {
    fs.writeFileSync(file('big'), Buffer.alloc(1 << 22, 'x'));
    await pipeline(fs.createReadStream(file('big')), zlib.createGzip(), fs.createWriteStream(file('big.gz')));
    assert.strictEqual(zlib.gunzipSync(fs.readFileSync(file('big.gz'))).length, 1 << 22);
  },
  async brotli() { assert.ok(zlib.brotliCompressSync(Buffer.alloc(1000)).length < 100); },
  async child() { assert.strictEqual(childProcess.execSync('echo child | tr c C').toString(), 'Child\n'); },
  async spawn() {
    const child = childProcess.spawn('cat');
    child.stdin.end('through');
    const [data] = await once(child.stdout, 'data');
    assert.strictEqual(data.toString(), 'through');
  },
  async fork() {
    fs.writeFileSync(file('fork.js'), 'process.on("message", (m) => { process.send(m * 2); process.disconnect(); })');
    const child = childProcess.fork(file('fork.js'));
    child.send(21);
    assert.deepStrictEqual(await once(child, 'message').then(([m]) => m), 42);
  },
  async kill() {
    const child = childProcess.spawn('sleep', ['100']);
    child.kill('SIGTERM');
    assert.strictEqual((await once(child, 'exit'))[1], 'SIGTERM');
  },
  async signal() {
    const received = once(process, 'SIGUSR2');
    process.kill(process.pid, 'SIGUSR2');
    await received;
  },
  async workers() {
    const shared = new SharedArrayBuffer(4);
    const code = 'const { workerData: d } = require("worker_threads"); Atomics.add(new Int32Array(d), 0, 5)';
    await Promise.all([1, 2, 3].map((i) => once(new Worker(code, { eval: true, workerData: shared }), 'exit')));
    assert.strictEqual(new Int32Array(shared)[0], 15);
  },
  async local_socket() {
    const server = net.createServer((socket) => socket.end('hello')).listen(file('socket'));
    await once(server, 'listening');
    const [data] = await once(net.connect(file('socket')), 'data');
    assert.strictEqual(data.toString(), 'hello');
    server.close();
  },
  async http_over_local_socket() {
    const server = http.createServer((request, response) => response.end(request.url)).listen(file('http'));
    await once(server, 'listening');
    const [response] = await once(http.get({ socketPath: file('http'), path: '/x', agent: false }), 'response');
    assert.strictEqual((await once(response, 'data'))[0].toString(), '/x');
    server.close();
  },
  async tcp() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  },
  async udp() {
    const socket = require('dgram').createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
  },
  async network_interfaces() { os.networkInterfaces(); },
  async crypto() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
    assert.ok(crypto.verify(null, Buffer.from('x'), publicKey, crypto.sign(null, Buffer.from('x'), privateKey)));
    await new Promise((resolve, reject) => crypto.pbkdf2('a', 'b', 1000, 32, 'sha256', (e) => (e ? reject(e) : resolve())));
    assert.strictEqual(crypto.randomBytes(16).length, 16);
  },
  async wasm() {
    const bytes = Buffer.from('0061736d010000000105016000017f03020100070501016100000a0601040041' + '2a0b', 'hex');
    assert.strictEqual((await WebAssembly.instantiate(bytes)).instance.exports.a(), 42);
  },
  async os() {
    assert.ok(os.cpus().length > 0 && os.totalmem() > 0 && os.freemem() > 0 && os.uptime() > 0);
    assert.ok(os.loadavg().length === 3 && os.userInfo().username && os.hostname() && os.availableParallelism() > 0);
  },
  async priority() { os.setPriority(10); assert.strictEqual(os.getPriority(), 10); },
  async resources() { assert.ok(process.resourceUsage().maxRSS > 0 && process.memoryUsage().rss > 0); },
  async intl() { assert.strictEqual(new Intl.NumberFormat('de-DE').format(1234.5), '1.234,5'); },
  async timers() { await new Promise((resolve) => setTimeout(resolve, 1)); },
  async standard_streams() { assert.ok(process.stdin.readable && process.stdout.writable); },
  async gc() { require('v8').setFlagsFromString('--expose-gc'); require('vm').runInNewContext('gc')(); },
  async modules() { assert.strictEqual((await import('node:path')).sep, '/'); },
};

// Nothing else keeps Node alive while it waits for a promise.
setInterval(() => {}, 1000);
(async () => {
  for (const [name, test] of Object.entries(cases)) {
    let outcome = 'ok';
    try { await test(); } catch (error) { outcome = error.code || error.name; }
    console.log(`${name}=${outcome}`);
  }
  fs.rmSync(directory, { recursive: true });
  process.exit(0);
})();
