#!/usr/bin/env node
/**
 * librechat-client.mjs - drive the real @librechat/agents client (and LibreChat-shaped
 * file traffic) against a Code API server, and record everything on the wire.
 *
 *   node librechat-client.mjs                              # built-in fake server
 *   node librechat-client.mjs http://127.0.0.1:3112/v1     # real server (through a recording proxy)
 *   node librechat-client.mjs --fake 3999                  # only serve the fake (for testing this script)
 *
 * Environment (all optional)
 *   TRY_DIR         where the npm packages live            (build/npm/conformance)
 *   TRY_OUT         capture file                           (captured.json, or captured-real.json)
 *   TRY_USER        user id                                ("user-0001")
 *   TRY_JWT_KEY     PEM file with an Ed25519/RSA private key: mint LibreChat-style bearers
 *   TRY_JWT_KID / TRY_JWT_ISS / TRY_JWT_AUD / TRY_TENANT
 *   TRY_NO_AUTH=1   send no Authorization header (LOCAL_MODE servers)
 *   TRY_API_KEY     send X-API-Key instead
 */
import http from 'node:http';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID, sign, verify } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const DIR = process.env.TRY_DIR ?? new URL('../../build/npm/conformance', import.meta.url).pathname;
const FAKE_ONLY = process.argv[2] === '--fake';
const TARGET = FAKE_ONLY ? '' : process.argv[2]?.replace(/\/+$/, '') ?? '';
const REAL = TARGET !== '';
const OUT = process.env.TRY_OUT ?? (REAL ? 'captured-real.json' : 'captured.json');
const USER = process.env.TRY_USER ?? 'user-0001';

/* The client's packages, as pinned in package-lock.json; scripts/npm-install.sh puts them there. */
if (!existsSync(`${DIR}/node_modules/@librechat/agents`)) { console.error(`${DIR} has no @librechat/agents: scripts/npm-install.sh tests/conformance`); process.exit(2); }
writeFileSync(`${DIR}/load.mjs`, [
  "export * from '@librechat/agents';",
  "export { tool as lcTool } from '@langchain/core/tools';",
  "export { AIMessage, HumanMessage } from '@langchain/core/messages';",
  "export { default as axios } from 'axios';",
  "export { default as FormData } from 'form-data';",
].join('\n'));
delete process.env.LIBRECHAT_CODE_BASEURL;
const sdk = await import(pathToFileURL(`${DIR}/load.mjs`).href);
const { axios, FormData, lcTool, AIMessage } = sdk;
const sdkVersion = JSON.parse(readFileSync(`${DIR}/node_modules/@librechat/agents/package.json`)).version;

/* -------------------------------------------------- LibreChat-style JWT mint */
const b64u = (x) => Buffer.from(x).toString('base64url');
let privateKey, publicKey;
if (process.env.TRY_JWT_KEY) privateKey = createPrivateKey(readFileSync(process.env.TRY_JWT_KEY, 'utf8'));
else ({ privateKey } = generateKeyPairSync('ed25519'));
publicKey = createPublicKey(privateKey);
const KID = process.env.TRY_JWT_KID ?? 'lc-codeapi-2026-05';
function mintJwt() {
  const now = Math.floor(Date.now() / 1000);
  const tenant = process.env.TRY_TENANT ?? 'legacy';
  const ctx = { chc_user_id: '', org_id: '', principal_source: 'librechat_jwt', role: 'USER', service_id: '', sub: USER, tenant_id: tenant };
  const claims = {
    iss: process.env.TRY_JWT_ISS ?? 'librechat', aud: process.env.TRY_JWT_AUD ?? 'codeapi', sub: USER,
    iat: now, nbf: now, exp: now + 300, jti: randomUUID(), tenant_id: tenant, role: 'USER', principal_source: 'librechat_jwt',
    auth_context_hash: createHash('sha256').update(JSON.stringify(ctx)).digest('hex'),
  };
  const rsa = privateKey.asymmetricKeyType === 'rsa';
  const head = { alg: rsa ? 'RS256' : 'EdDSA', typ: 'JWT', kid: KID };
  const input = `${b64u(JSON.stringify(head))}.${b64u(JSON.stringify(claims))}`;
  return `${input}.${sign(rsa ? 'sha256' : null, Buffer.from(input), privateKey).toString('base64url')}`;
}
let cachedJwt, cachedAt = 0;                       // LibreChat re-uses a minted token for up to 30 s
const authHeaders = async () => {
  if (process.env.TRY_NO_AUTH) return {};
  if (process.env.TRY_API_KEY) return { 'X-API-Key': process.env.TRY_API_KEY };
  if (!cachedJwt || Date.now() - cachedAt > 25_000) { cachedJwt = mintJwt(); cachedAt = Date.now(); }
  return { Authorization: `Bearer ${cachedJwt}` };
};

/* --------------------------------------------------- fake server + recorder */
const nid = () => { const a = 'useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict'; return [...randomBytes(21)].map((b) => a[b & 63]).join(''); };
let scenario = 'boot';
const captured = [];
const fake = { objects: new Map(), execs: new Map(), inflight: new Map() };
function rawHeaderList(req) { const o = []; for (let i = 0; i < req.rawHeaders.length; i += 2) o.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`); return o; }
const readAll = async (s) => { const c = []; for await (const x of s) c.push(x); return Buffer.concat(c); };
const json = (status, body, headers = {}) => ({ status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: Buffer.from(JSON.stringify(body)) });

function fakeExec(b) {
  const session_id = nid();
  const code = String(b.code);
  if (code.includes('FAKE-429B')) return json(429, { error: 'Too many requests. Please retry in 12 seconds.' });
  if (code.includes('FAKE-429')) return json(429, { error: 'rate_limited', message: 'Too many requests', retry_after_seconds: 11.2 }, { 'Retry-After': '12' });
  if (code.includes('FAKE-409')) return json(409, { error: 'execution_profile_mismatch', message: 'x', expected_profile: 'stateful', actual_profile: 'default' });
  if (code.includes('FAKE-401')) return json(401, { error: 'Bearer token is required' });
  if (code.includes('FAKE-400')) return json(400, { error: 'Unsupported language: rs' });
  if (code.includes('FAKE-504')) return json(504, { error: 'execution_timeout', message: 'Execution timed out' });
  if (code.includes('FAKE-EXIT')) return json(200, { session_id, files: [], stdout: 'before\n', stderr: 'Traceback: boom\n', code: 1, signal: null, message: null, status: null, wall_time: 12 });
  if (b.lang === 'js' && code.includes('async function') === false && code.includes('tool')) return json(200, { session_id, files: [], stdout: '{"tool_references":[],"total_tools_searched":1,"pattern_used":"weather"}\n', stderr: '', code: 0, signal: null, message: null, status: null, wall_time: 1 });
  const files = (b.files ?? []).map((f) => ({ id: f.id, name: f.name, storage_session_id: f.storage_session_id, inherited: true }));
  if (code.includes("out.csv','w'")) { const id = nid(); fake.objects.set(`${session_id}/${id}`, { name: 'out.csv', data: Buffer.from('a,b\n1,2\n'), kind: 'user', id: USER }); files.push({ id, name: 'out.csv', storage_session_id: session_id }); }
  return json(200, { session_id, files, stdout: `ran ${b.lang}\n`, stderr: '', code: 0, signal: null, message: null, status: null, wall_time: 7, ...(b.runtime_session_hint ? { runtime_session_id: 'rt_' + '0'.repeat(40), runtime_status: 'new' } : {}) });
}
function fakePtc(b) {
  if ('continuation_token' in b) {
    const { execution_id } = JSON.parse(Buffer.from(b.continuation_token, 'base64'));
    const e = fake.execs.get(execution_id);
    if (!e) return json(404, { error: 'Execution not found or expired' });
    e.history.push(...b.tool_results);
    if (e.round === 1) { e.round = 2; return json(200, { status: 'tool_call_required', session_id: e.session_id, continuation_token: Buffer.from(JSON.stringify({ execution_id, ts: Date.now() })).toString('base64'), tool_calls: [{ id: 'call_003', name: 'always-fails', input: {} }], partial_stdout: 'got two\n', partial_stderr: '' }); }
    return json(200, { status: 'completed', session_id: e.session_id, stdout: JSON.stringify(e.history) + '\n', stderr: '', files: [] });
  }
  const session_id = nid(), execution_id = nid();
  if (String(b.code).includes('FAKE-PTC-ERROR')) return json(200, { status: 'error', error: 'Sandbox exited with code 1', stdout: 'x\n', stderr: 'NameError: foo\n', session_id });
  fake.execs.set(execution_id, { session_id, round: 1, history: [] });
  const q = b.lang === 'bash';
  return json(200, { status: 'tool_call_required', session_id, continuation_token: Buffer.from(JSON.stringify({ execution_id, ts: Date.now() })).toString('base64'),
    tool_calls: [{ id: 'call_001', name: 'get-weather', input: { city: 'Oslo' } }, { id: 'call_002', name: 'add_numbers', input: q ? '{"a":2,"b":3}' : { a: 2, b: 3 } }], partial_stdout: '', partial_stderr: '' });
}
function parseMultipart(buf, ct) {
  const m = /boundary=(?:"([^"]+)"|([^;]+))/i.exec(ct ?? ''); if (!m) return null;
  const parts = []; const sep = `--${m[1] ?? m[2]}`; const text = buf.toString('latin1');
  for (const seg of text.split(sep).slice(1, -1)) {
    const i = seg.indexOf('\r\n\r\n'); const head = seg.slice(2, i); const body = seg.slice(i + 4, -2);
    parts.push({ head: Buffer.from(head, 'latin1').toString(), name: /name="([^"]*)"/.exec(head)?.[1], filename: /filename="([^"]*)"/.exec(Buffer.from(head, 'latin1').toString())?.[1], body });
  }
  return parts;
}
async function fakeAnswer(req, url, buf) {
  const p = url.pathname.replace(/^\/v1/, '');
  const parse = () => JSON.parse(buf.toString() || '{}');
  if (p === '/health') return { status: 200, headers: {}, body: Buffer.from('OK') };
  if (p === '/exec') return fakeExec(parse());
  if (p === '/exec/programmatic') {
    const b = parse();
    if (String(b.code ?? '').includes('FAKE-SLOW')) await new Promise((r) => setTimeout(r, 1500));
    return fakePtc(b);
  }
  if (p === '/exec/programmatic/cancel') return json(202, { status: 'cancellation_requested' });
  if (p === '/upload' || p === '/upload/batch') {
    const parts = parseMultipart(buf, req.headers['content-type']) ?? [];
    const sid = nid(); const f = Object.fromEntries(parts.filter((x) => x.filename === undefined).map((x) => [x.name, x.body]));
    const files = parts.filter((x) => x.filename !== undefined).map((x) => { const fid = nid(); fake.objects.set(`${sid}/${fid}`, { name: x.filename, data: Buffer.from(x.body, 'latin1'), kind: f.kind, id: f.id, ro: f.read_only === 'true' }); return { fid, filename: x.filename }; });
    return p === '/upload'
      ? json(200, { message: 'success', storage_session_id: sid, files: files.map((x) => ({ filename: x.filename, fileId: x.fid })) })
      : json(200, { message: 'success', storage_session_id: sid, files: files.map((x) => ({ status: 'success', filename: x.filename, fileId: x.fid })), succeeded: files.length, failed: 0 });
  }
  let m;
  if ((m = /^\/download\/([^/]+)\/([^/]+)$/.exec(p))) { const o = fake.objects.get(`${m[1]}/${m[2]}`); return o ? { status: 200, headers: { 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(o.name)}` }, body: o.data } : json(404, { error: 'File not found' }); }
  if ((m = /^\/sessions\/([^/]+)\/objects\/([^/]+)$/.exec(p))) { const o = fake.objects.get(`${m[1]}/${m[2]}`); return o ? json(200, { name: `${m[1]}/${m[2]}`, originalFilename: o.name, size: o.data.length, lastModified: new Date().toISOString(), etag: 'x', contentType: 'application/octet-stream', readOnly: !!o.ro }) : json(404, { error: 'File not found' }); }
  if ((m = /^\/files\/([^/]+)$/.exec(p))) { const sid = m[1]; return json(200, [...fake.objects].filter(([k]) => k.startsWith(sid + '/')).map(([k, o]) => ({ name: k + '.csv', fileId: k.split('/')[1], id: k.split('/')[1], storage_session_id: sid, size: o.data.length, lastModified: new Date().toISOString(), etag: 'x', metadata: { 'original-filename': o.name } }))); }
  if ((m = /^\/files\/([^/]+)\/([^/]+)$/.exec(p)) && req.method === 'DELETE') { fake.objects.delete(`${m[1]}/${m[2]}`); return json(200, { message: 'File deleted successfully', session_id: m[1], fileId: m[2] }); }
  return json(404, { error: 'no such route' });
}
function forward(req, url, buf) {
  return new Promise((resolve, reject) => {
    const t = new URL(TARGET); const path = t.pathname.replace(/\/$/, '') + url.pathname.replace(/^\/v1/, '') + url.search;
    const r = http.request({ host: t.hostname, port: t.port || 80, method: req.method, path, headers: { ...req.headers, host: t.host } }, async (res) => { try { resolve({ status: res.statusCode, headers: res.headers, body: await readAll(res) }); } catch (e) { reject(e); } });
    r.on('error', reject); req.socket.on('close', () => r.destroy()); r.end(buf);
  });
}
const server = http.createServer(async (req, res) => {
  const url = new URL(req.url, 'http://x'); const n = captured.length + 1;
  const entry = { n, scenario, request: { line: `${req.method} ${req.url} HTTP/${req.httpVersion}`, headers: rawHeaderList(req) } };
  captured.push(entry);
  try {
    const buf = await readAll(req); const ct = req.headers['content-type'] ?? '';
    if (ct.includes('json') && buf.length) { try { entry.request.json = JSON.parse(buf); } catch { entry.request.text = buf.toString(); } }
    else if (ct.startsWith('multipart')) entry.request.multipart = (parseMultipart(buf, ct) ?? []).map((x) => ({ head: x.head, body: x.body.slice(0, 60) }));
    else if (buf.length) entry.request.text = buf.toString().slice(0, 400);
    const a = REAL ? await forward(req, url, buf) : await fakeAnswer(req, url, buf);
    entry.response = { status: a.status, headers: a.headers };
    const rct = String(a.headers['content-type'] ?? '');
    if (rct.includes('json')) { try { entry.response.json = JSON.parse(a.body); } catch { entry.response.text = a.body.toString(); } } else entry.response.text = a.body.toString().slice(0, 400);
    const h = { ...a.headers }; delete h['transfer-encoding']; delete h.connection; h['content-length'] = a.body.length;
    res.writeHead(a.status, h); res.end(a.body);
  } catch (e) { entry.response = { aborted: String(e.message ?? e) }; if (!res.headersSent) { res.writeHead(502, { 'content-type': 'application/json' }); res.end('{"error":"proxy"}'); } }
});
await new Promise((r) => server.listen(FAKE_ONLY ? Number(process.argv[3] ?? 3999) : 0, '127.0.0.1', r));
const base = `http://127.0.0.1:${server.address().port}/v1`;
if (FAKE_ONLY) { console.log('fake at', base); await new Promise(() => {}); }

/* ------------------------------------------------------------- tiny test kit */
let bad = 0;
const show = (s) => String(s).split('\n').map((l) => `      | ${l}`).join('\n');
async function step(name, fn) { scenario = name; process.stdout.write(`\n== ${name}\n`); try { await fn(); } catch (e) { bad++; console.log(`   FAIL ${e?.stack ?? e}`); } }
function check(label, ok, extra = '') { if (!ok) bad++; console.log(`   ${ok ? 'ok  ' : 'FAIL'} ${label}${ok ? '' : ` ${extra}`}`); }
async function call(t, name, args, extra = {}, cfg = {}) {
  const m = await t.invoke({ type: 'tool_call', id: `tc_${randomBytes(3).toString('hex')}`, name, args, ...extra }, cfg);
  console.log(show(m.content)); console.log('      artifact', JSON.stringify(m.artifact)); return m;
}
async function fails(p) { try { await p; return null; } catch (e) { console.log(show(`${e.name} retryable=${e.retryable}: ${e.message}`)); return e; } }

console.log(`@librechat/agents ${sdkVersion}; ${REAL ? `target ${TARGET}` : 'fake server'}; recorder at ${base}`);
if (!REAL || process.env.TRY_JWT_KEY) console.log('JWT public JWK', JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: KID, use: 'sig' }));

/* --------------------------------------------------------------- scenarios */
const codeSessionKey = 'execute_code';
let outFile, outSession;

await step('health', async () => { const r = await fetch(`${base}/health`); check('200', r.status === 200, r.status); });

await step('execute_code: first call, as LibreChat builds the tool (default profile)', async () => {
  const t = sdk.createCodeExecutionTool({ user_id: USER, files: [], authHeaders, baseUrl: base, executionProfile: 'default', statefulSessions: false, codeSessionKey });
  const m = await call(t, 'execute_code', { lang: 'py', code: "open('/mnt/data/out.csv','w').write('a,b\\n1,2\\n')\nprint('hello')", intent: 'Writes a file', args: ['x', 'y'] });
  const f = m.artifact?.files?.find((x) => x.name === 'out.csv');
  check('artifact has out.csv', !!f); check('session_id 21 chars', /^[\w-]{21}$/.test(m.artifact?.session_id)); check('file id 21 chars', /^[\w-]{21}$/.test(f?.id ?? ''));
  outFile = f; outSession = m.artifact?.session_id;
});

await step('execute_code: second call with injected files', async () => {
  const t = sdk.createCodeExecutionTool({ authHeaders, baseUrl: base });
  const m = await call(t, 'execute_code', { lang: 'py', code: "print(open('/mnt/data/out.csv').read())" },
    { session_id: outSession, _injected_files: [{ id: outFile.id, resource_id: outFile.id, name: outFile.name, storage_session_id: outFile.storage_session_id ?? outSession, kind: 'user' }] });
  if (REAL) check('file content visible', m.content.includes('1,2'));
  check('unchanged input is echoed inherited (or not echoed)', (m.artifact?.files ?? []).every((x) => x.name !== 'out.csv' || x.inherited === true));
});

await step('bash_tool', async () => {
  const t = sdk.createBashExecutionTool({ authHeaders, baseUrl: base, executionProfile: 'default' });
  const m = await call(t, 'bash_tool', { command: 'echo "$1-$2"; cd /mnt/data && pwd; python3 -c "print(6*7)"; echo \'{"a":1}\' | jq -c .a', args: ['p', 'q'] });
  if (REAL) for (const w of ['p-q', '/mnt/data', '42', '1']) check(`prints ${w}`, m.content.includes(w));
});

await step('execute_code: stateful profile with hint', async () => {
  const t = sdk.createCodeExecutionTool({ authHeaders, baseUrl: base, executionProfile: 'stateful', statefulSessions: true, runtimeSessionHint: 'v2:user:0123456789abcdef0123456789abcdef' });
  if (REAL) { const e = await fails(call(t, 'execute_code', { lang: 'bash', code: 'true' })); console.log(e ? '   (refused)' : '   (accepted)'); } else await call(t, 'execute_code', { lang: 'bash', code: 'true' });
});

await step('execute_code: every language of the enum', async () => {
  const src = { py: "print('hi')", js: "console.log('hi')", ts: "const s: string = 'hi'; console.log(s)", bash: 'echo hi', c: '#include <stdio.h>\nint main(){puts("hi");}', cpp: '#include <iostream>\nint main(){std::cout<<"hi\\n";}', java: 'public class Main { public static void main(String[] a){ System.out.println("hi"); } }', php: '<?php echo "hi\\n";', rs: 'fn main(){ println!("hi"); }', go: 'package main\nimport "fmt"\nfunc main(){ fmt.Println("hi") }', d: 'import std.stdio; void main(){ writeln("hi"); }', f90: "program p\nprint *, 'hi'\nend program", r: 'cat("hi\\n")' };
  const t = sdk.createCodeExecutionTool({ authHeaders, baseUrl: base });
  for (const [lang, code] of Object.entries(src)) {
    try { const m = await t.invoke({ type: 'tool_call', id: 'tc_l', name: 'execute_code', args: { lang, code } }); console.log(`   ${lang.padEnd(5)} ${JSON.stringify(m.content).slice(0, 100)}`); } catch (e) { console.log(`   ${lang.padEnd(5)} ${JSON.stringify(e.message).slice(0, 110)}`); }
  }
});

/* programmatic tool calling */
const W = { type: 'object', properties: { city: { type: 'string', description: 'City' }, units: { type: 'string' } }, required: ['city'] };
const A = { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] };
const toolDefs = [
  { name: 'get-weather', description: 'Weather of a city', parameters: W, allowed_callers: ['direct', 'code_execution'] },
  { name: 'add_numbers', description: 'Adds', parameters: A, allowed_callers: ['code_execution'] },
  { name: 'always-fails', description: 'Fails', parameters: { type: 'object', properties: {} }, allowed_callers: ['code_execution'] },
];
const seen = [];
const toolMap = new Map([
  ['get-weather', lcTool(async (x) => { seen.push(['get-weather', x]); return { city: x.city, temp_c: 7 }; }, { name: 'get-weather', description: 'w', schema: W })],
  ['add_numbers', lcTool(async (x) => { seen.push(['add_numbers', x]); return x.a + x.b; }, { name: 'add_numbers', description: 'a', schema: A })],
  ['always-fails', lcTool(async () => { throw new Error('no luck'); }, { name: 'always-fails', description: 'f', schema: { type: 'object', properties: {} } })],
]);

await step('run_tools_with_code: two calls in parallel, then a failing one', async () => {
  const t = sdk.createProgrammaticToolCallingTool({ baseUrl: base, authHeaders, executionProfile: 'default' });
  const before = captured.length;
  const m = await call(t, 'run_tools_with_code', { code: "import asyncio\nw, s = await asyncio.gather(get_weather(city='Oslo'), add_numbers(a=2, b=3))\nprint(w['temp_c'], s)\ntry:\n    await always_fails()\nexcept Exception as e:\n    print(type(e).__name__, e)\nopen('/mnt/data/ptc.txt','w').write('x')" },
    { toolMap, toolDefs, session_id: outSession, _injected_files: outFile ? [{ id: outFile.id, resource_id: outFile.id, name: outFile.name, storage_session_id: outFile.storage_session_id ?? outSession, kind: 'user' }] : [] });
  const rounds = captured.slice(before); console.log(`   ${rounds.length} HTTP requests, calls per round ${rounds.map((r) => r.response?.json?.tool_calls?.length ?? 0).join(',')}`);
  if (REAL) { check('prints 7 5', m.content.includes('7 5')); check('error surfaced', m.content.includes('no luck')); check('ptc.txt returned', (m.artifact?.files ?? []).some((f) => f.name === 'ptc.txt')); }
});

await step('run_tools_with_bash', async () => {
  const t = sdk.createBashProgrammaticToolCallingTool({ baseUrl: base, authHeaders });
  const m = await call(t, 'run_tools_with_bash', { timeout: 240000, tool_manifest: ['get-weather', 'add_numbers', 'always-fails'], code: "set -u\nw=$(get_weather '{\"city\":\"Oslo\"}')\necho \"$w\" | jq -r .temp_c\ns=$(add_numbers '{\"a\":2,\"b\":3}'); echo \"sum $s\"" }, { toolMap, toolDefs });
  if (REAL) { check('7', m.content.includes('7')); check('sum 5', m.content.includes('sum 5')); }
  const before = captured.length;
  const p = await fails(call(t, 'run_tools_with_bash', { code: "{ a=$(get_weather '{\"city\":\"Oslo\"}'); printf '%s\\n' \"$a\" > /mnt/data/a.json; } &\n{ b=$(add_numbers '{\"a\":2,\"b\":3}'); printf '%s\\n' \"$b\" > /mnt/data/b.json; } &\nwait\necho \"$(jq -r .temp_c /mnt/data/a.json) $(jq -r . /mnt/data/b.json)\"" }, { toolMap, toolDefs }));
  const rounds = captured.slice(before); console.log(`   parallel form: ${rounds.length} HTTP requests, calls per round ${rounds.map((r) => r.response?.json?.tool_calls?.length ?? 0).join(',')}`);
  if (REAL) check('parallel form works', p === null);
  /* Reference server: a failed tool ends the whole script (client throws). Printed, not checked. */
  await fails(call(t, 'run_tools_with_bash', { code: "always_fails '{}' || echo fallback" }, { toolMap, toolDefs }));
});

if (REAL) await step('raw protocol corners', async () => {
  const post = async (p, b) => { const r = await fetch(`${base}${p}`, { method: 'POST', headers: { 'content-type': 'application/json', 'user-agent': 'LibreChat/1.0', ...(await authHeaders()) }, body: JSON.stringify(b) }); const t = await r.text(); let j; try { j = JSON.parse(t); } catch { j = t; } console.log(`      ${p} ${JSON.stringify(b).slice(0, 90)} -> ${r.status} ${JSON.stringify(j).slice(0, 200)}`); return { s: r.status, j }; };
  check('unknown language 400', (await post('/exec', { lang: 'cobol', code: 'x' })).s === 400);
  check('unknown body keys accepted', (await post('/exec', { lang: 'py', code: 'print(1)', conversationWorkspaceInstanceId: 'x', codeEnvironmentSettings: { a: 1 }, timeout: 5000 })).s === 200);
  const x = await post('/exec', { lang: 'py', code: 'import sys; print("o"); sys.exit(3)' }); check('non-zero exit is HTTP 200', x.s === 200);
  check('bad continuation token 400', (await post('/exec/programmatic', { continuation_token: 'zzz', tool_results: [{ call_id: 'call_001', result: 1, is_error: false }] })).s === 400);
  check('unknown execution 404', (await post('/exec/programmatic', { continuation_token: Buffer.from('{"execution_id":"AAAAAAAAAAAAAAAAAAAAA","ts":1}').toString('base64'), tool_results: [{ call_id: 'call_001', result: 1, is_error: false }] })).s === 404);
  check('empty tool_results 400', (await post('/exec/programmatic', { continuation_token: 'zzz', tool_results: [] })).s === 400);
  check('foreign file ref refused (403/400)', [400, 403].includes((await post('/exec', { lang: 'py', code: '1', files: [{ id: 'AAAAAAAAAAAAAAAAAAAAA', resource_id: 'x', storage_session_id: 'AAAAAAAAAAAAAAAAAAAAA', name: 'a.txt', kind: 'user' }] })).s));
  check('path traversal refused 400', (await post('/exec', { lang: 'py', code: '1', files: [{ id: 'AAAAAAAAAAAAAAAAAAAAA', resource_id: 'x', storage_session_id: 'AAAAAAAAAAAAAAAAAAAAA', name: '../a.txt', kind: 'user' }] })).s === 400);
  const r = await fetch(`${base}/upload`, { method: 'POST', headers: { 'content-type': 'application/json', ...(await authHeaders()) }, body: '{}' }); check('/upload non-multipart 400', r.status === 400, r.status);
});

await step('run_tools_with_code: empty manifest goes to plain /exec', async () => {
  const t = sdk.createProgrammaticToolCallingTool({ baseUrl: base, authHeaders, runtimeSessionHint: 'v2:user:0123456789abcdef0123456789abcdef' });
  const e = await fails(call(t, 'run_tools_with_code', { tool_manifest: [], code: 'print(1)' }, { toolMap, toolDefs })); if (!REAL) check('no error', e === null);
});

await step('run_tools_with_code: sandbox failure', async () => {
  const t = sdk.createProgrammaticToolCallingTool({ baseUrl: base, authHeaders });
  const e = await fails(call(t, 'run_tools_with_code', { code: 'foo # FAKE-PTC-ERROR' }, { toolMap, toolDefs }));
  check('client throws', e !== null); check('NameError text reaches the model', /NameError/.test(e?.message ?? ''));
});

await step('run_tools_with_code: abort -> cancel', async () => {
  const t = sdk.createProgrammaticToolCallingTool({ baseUrl: base, authHeaders, executionProfile: 'default' });
  const ac = new AbortController(); setTimeout(() => ac.abort(), 400);
  const e = await fails(call(t, 'run_tools_with_code', { code: 'import time\ntime.sleep(20) # FAKE-SLOW' }, { toolMap, toolDefs }, { signal: ac.signal }));
  await new Promise((r) => setTimeout(r, 300));
  check('aborted', e !== null); check('cancel sent', captured.some((c) => c.scenario === scenario && c.request.line.includes('/exec/programmatic/cancel')));
});

await step('ToolNode: files of call 1 reach call 2 by themselves', async () => {
  const sessions = new Map();
  const node = new sdk.ToolNode({ tools: [sdk.createCodeExecutionTool({ authHeaders, baseUrl: base })], sessions });
  const run = async (code) => (await node.invoke({ messages: [new AIMessage({ content: '', tool_calls: [{ id: `c_${randomBytes(3).toString('hex')}`, name: 'execute_code', args: { lang: 'py', code }, type: 'tool_call' }] })] })).messages[0];
  console.log(show((await run("open('/mnt/data/out.csv','w').write('a,b\\n3,4\\n'); print('one')")).content));
  console.log('      session map', JSON.stringify(sessions.get('execute_code')?.files));
  const m = await run("print(open('/mnt/data/out.csv').read())"); console.log(show(m.content));
  console.log('      session map', JSON.stringify(sessions.get('execute_code')?.files));
  if (REAL) check('second call saw the file', String(m.content).includes('3,4'));
});

/* LibreChat's own file traffic (axios + form-data, as in crud.js) */
let up, batch;
const lcHeaders = async (extra = {}) => ({ 'User-Agent': 'LibreChat/1.0', ...extra, ...(await authHeaders()) });
const agents = { httpAgent: new http.Agent({ keepAlive: false }) };
await step('LibreChat POST /upload (chat attachment)', async () => {
  const form = new FormData(); form.append('kind', 'user'); form.append('id', USER);
  form.append('file', Readable.from([Buffer.from('x,y\n5,6\n')]), { filename: 'data table é.csv' });
  const r = await axios.post(`${base}/upload`, form, { headers: { ...form.getHeaders(), 'Content-Type': 'multipart/form-data', ...(await lcHeaders({ 'User-Id': USER })) }, ...agents, timeout: 120000 });
  console.log('     ', JSON.stringify(r.data)); check("message 'success'", r.data.message === 'success'); check('storage_session_id', /^[\w-]{21}$/.test(r.data.storage_session_id)); check('files[0].fileId', /^[\w-]{21}$/.test(r.data.files?.[0]?.fileId ?? '')); check('files[0].filename', typeof r.data.files?.[0]?.filename === 'string'); up = r.data;
});
await step('LibreChat POST /upload/batch (skill)', async () => {
  const form = new FormData(); form.append('kind', 'skill'); form.append('id', '665f0c0ffee0c0ffee0c0ffe'); form.append('version', '3'); form.append('read_only', 'true');
  for (const n of ['skills/pdf-report/scripts/run.py', 'skills/pdf-report/ref.md']) form.append('file', Readable.from([Buffer.from(`# ${n}\n`)]), { filename: n.split('/').pop(), filepath: n });
  const r = await axios.post(`${base}/upload/batch`, form, { headers: { ...form.getHeaders(), 'Content-Type': 'multipart/form-data', ...(await lcHeaders({ 'User-Id': USER })) }, ...agents, timeout: 120000 });
  console.log('     ', JSON.stringify(r.data)); batch = r.data; check('nested names come back unchanged', JSON.stringify(r.data.files.map((f) => f.filename)) === JSON.stringify(['skills/pdf-report/scripts/run.py', 'skills/pdf-report/ref.md'])); check('all success', r.data.files.every((f) => f.status === 'success'));
});
await step('LibreChat metadata, listing, download, exec with both uploads, DELETE', async () => {
  const sid = up.storage_session_id, fid = up.files[0].fileId, q = `kind=user&id=${USER}`;
  const meta = await axios.get(`${base}/sessions/${sid}/objects/${fid}?${q}`, { headers: await lcHeaders(), ...agents, timeout: 5000 }); console.log('     ', JSON.stringify(meta.data)); check('lastModified parses', !Number.isNaN(Date.parse(meta.data.lastModified)));
  const list = await axios.get(`${base}/files/${sid}`, { params: { detail: 'summary', kind: 'user', id: USER }, headers: await lcHeaders(), ...agents, timeout: 5000 }); console.log('     ', JSON.stringify(list.data)); check('listing is array', Array.isArray(list.data)); check('listing carries fileId', list.data.some((f) => f.fileId === fid));
  const dl = await axios.get(`${base}/download/${sid}/${fid}?${q}`, { responseType: 'arraybuffer', headers: await lcHeaders(), ...agents, timeout: 15000 }); check('download bytes', Buffer.from(dl.data).toString() === 'x,y\n5,6\n', Buffer.from(dl.data).toString()); console.log('      content-disposition', dl.headers['content-disposition'], '| content-type', dl.headers['content-type']);
  const t = sdk.createCodeExecutionTool({ authHeaders, baseUrl: base });
  const name = up.files[0].filename;
  const files = [{ id: fid, resource_id: USER, name, storage_session_id: sid, kind: 'user' }, ...batch.files.map((f) => ({ id: f.fileId, resource_id: '665f0c0ffee0c0ffee0c0ffe', name: f.filename, storage_session_id: batch.storage_session_id, kind: 'skill', version: 3 }))];
  const m = await call(t, 'execute_code', { lang: 'bash', code: `cat '/mnt/data/${name}'; cat /mnt/data/skills/pdf-report/ref.md` }, { session_id: sid, _injected_files: files });
  if (REAL) { check('attachment readable', m.content.includes('5,6')); check('skill readable', m.content.includes('# skills/pdf-report/ref.md')); }
  const d = await axios.delete(`${base}/files/${sid}/${fid}?${q}`, { headers: await lcHeaders(), ...agents, validateStatus: () => true }); console.log('      DELETE', d.status, JSON.stringify(d.data));
  const gone = await axios.get(`${base}/sessions/${sid}/objects/${fid}?${q}`, { headers: await lcHeaders(), ...agents, validateStatus: () => true }); check('404 afterwards', gone.status === 404, gone.status);
});
await step('SDK fetchSessionFiles and ToolSearch', async () => {
  console.log('     ', JSON.stringify(await sdk.fetchSessionFiles(base, batch.storage_session_id, { kind: 'skill', id: '665f0c0ffee0c0ffee0c0ffe', version: 3 }, authHeaders)));
  const registry = new Map([['get-weather', { name: 'get-weather', description: 'weather of a city', parameters: W, defer_loading: true }]]);
  const t = sdk.createToolSearch({ baseUrl: base, toolRegistry: registry });
  const e = await fails(call(t, 'tool_search', { query: 'weather' })); if (e) console.log('   (needs an unauthenticated /exec)');
});

if (!REAL) await step('error mapping (fake server only)', async () => {
  const t = sdk.createCodeExecutionTool({ authHeaders, baseUrl: base });
  for (const k of ['429', '429B', '409', '401', '400', '504']) await fails(call(t, 'execute_code', { lang: 'py', code: `print() # FAKE-${k}` }));
  await call(t, 'execute_code', { lang: 'py', code: '# FAKE-EXIT /tmp/x' });
  const t2 = sdk.createCodeExecutionTool({ authHeaders: async () => { throw new Error('no key'); }, baseUrl: base }); await fails(call(t2, 'execute_code', { lang: 'py', code: '1' }));
});

writeFileSync(OUT, JSON.stringify(captured, null, 1));
console.log(`\n${captured.length} requests recorded in ${OUT}; ${bad} failed checks`);
if (!REAL && !process.env.TRY_NO_AUTH && !process.env.TRY_API_KEY) { const [h, c, s] = cachedJwt.split('.'); console.log('sample JWT header', Buffer.from(h, 'base64url').toString()); console.log('sample JWT claims', Buffer.from(c, 'base64url').toString()); console.log('signature verifies', verify(privateKey.asymmetricKeyType === 'rsa' ? 'sha256' : null, Buffer.from(`${h}.${c}`), publicKey, Buffer.from(s, 'base64url'))); }
server.closeAllConnections?.(); server.close(); process.exit(bad ? 1 : 0);
