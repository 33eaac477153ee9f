'use strict';
// Sessions of autobahn-js, made short for tests.
//
// By default every test gets a fresh `banyan` process with its embedded configuration, stopped by SIGTERM, to which it
// must answer with exit code 0. ROUTER_URL=ws://HOST:PORT/ws runs the tests against a router that is already there.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

// autobahn-js uses the WebSocket of the platform, which Node.js has had since version 22.
globalThis.WebSocket ??= require('ws');
const autobahn = require('autobahn');
autobahn.log.warn = () => {}; // it tells the console of each connection that closes

const BINARY = process.env.BANYAN ?? path.resolve(__dirname, '../../../target/lean/banyan');
const PATIENCE = 10_000; // milliseconds after which a wait for the router is a failure
const UNKNOWN = 2 ** 52 + 1; // an id that nothing has
const { JSONSerializer, MsgpackSerializer, CBORSerializer } = autobahn.serializer;
const SERIALIZERS = { json: JSONSerializer, msgpack: MsgpackSerializer, cbor: CBORSerializer };

/** Framing and serializer; `ws-default` leaves the choice to autobahn. Its RawSocket speaks JSON only. */
const TRANSPORTS = ['ws-default', 'ws-json', 'ws-msgpack', 'ws-cbor', 'rs-json', 'unix-json'];

/** Awaits, or fails: nothing that a test waits for may hang. */
function within(promise, milliseconds = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A TCP port of the loopback interface that nobody uses right now. */
function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A router process of our own: where it listens, and how to stop it. */
class Banyan {
  static async start() {
    const self = new Banyan();
    self.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-'));
    self.unix = path.join(self.folder, 'banyan.sock');
    self.url = `ws://127.0.0.1:${await freePort()}/ws`;
    const listen = ['--listen', new URL(self.url).host, '--listen', `unix:${self.unix}`];
    self.process = spawn(BINARY, listen, { stdio: ['ignore', 'pipe', 'inherit'] });
    self.exited = new Promise((resolve) => self.process.on('exit', (code, signal) => resolve(code ?? signal)));
    await within(
      new Promise((resolve, reject) => {
        let banner = '';
        self.process.on('error', reject);
        self.process.stdout.on('data', (piece) => (banner += piece).includes('ready\n') && resolve());
        self.exited.then((code) => reject(new Error(`banyan exited with ${code} before 'ready': ${banner}`)));
      }),
      20_000,
    );
    return self;
  }

  async stop() {
    const died = this.process.exitCode ?? this.process.signalCode;
    this.process.kill('SIGTERM');
    const code = await within(this.exited, 20_000);
    fs.rmSync(this.folder, { recursive: true });
    assert.equal(died, null, `banyan died during the test: ${died}`);
    assert.equal(code, 0, 'the exit code after SIGTERM');
  }
}

/** A router that was there before. */
class Elsewhere {
  unix = null;
  constructor(url) {
    this.url = url;
  }
  async stop() {}
}

/** One test's router and sessions; what is still open is closed when the test ends. */
class World {
  peers = [];
  children = [];

  static async open(t) {
    const self = new World();
    const url = process.env.ROUTER_URL;
    self.router = url ? new Elsewhere(url) : await Banyan.start();
    t.after(() => self.close());
    return self;
  }

  /** One more session: autobahn's session object. */
  async join(transport = 'ws-default', realm = 'realm1') {
    const session = await join(this.router, transport, realm);
    this.peers.push(session);
    return session;
  }

  /** A callee in a process of its own: see `callee.js`. */
  async spawn(invoke, ...procedures) {
    const script = path.join(__dirname, 'callee.js');
    const child = spawn(process.execPath, ['--no-warnings', script, this.router.url, invoke, ...procedures], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    const line = await within(new Promise((resolve) => child.stdout.once('data', resolve)), 30_000);
    const [session, ...registrations] = String(line).trim().split(' ').map(Number);
    return { session, registrations, kill: () => child.kill('SIGKILL') };
  }

  async close() {
    for (const child of this.children) child.kill('SIGKILL');
    for (const peer of this.peers) {
      if (peer.isOpen) {
        peer.connection.close();
        await within(peer.closed);
      }
    }
    await this.router.stop();
  }
}

/** Joins `realm`. The session also gets `details` (of WELCOME), `connection` and `closed` (why it ended). */
function join(router, transport, realm, patience = PATIENCE) {
  const [kind, serializer] = transport.split('-');
  const { hostname, port } = new URL(router.url);
  const where = {
    ws: { type: 'websocket', url: router.url },
    rs: { type: 'rawsocket', host: hostname, port: Number(port) },
    unix: { type: 'rawsocket', path: router.unix },
  }[kind];
  if (kind === 'ws' && serializer !== 'default') where.serializers = [new SERIALIZERS[serializer]()];
  const connection = new autobahn.Connection({
    transports: [where],
    realm,
    max_retries: 0,
    on_user_error: () => {}, // what a test's own handlers throw on purpose
  });
  let over;
  const closed = new Promise((resolve) => (over = resolve));
  const opened = new Promise((resolve, reject) => {
    connection.onopen = (session, details) => resolve(Object.assign(session, { details, connection, closed }));
    connection.onclose = (how, details) => {
      over({ how, reason: details.reason, message: details.message });
      reject(Object.assign(new Error(`not joined: ${how} ${details.reason}`), { reason: details.reason }));
      return true;
    };
  });
  connection.open();
  return within(opened, patience);
}

/** Cuts a WebSocket or RawSocket connection without GOODBYE. Autobahn has no such call: this closes its transport. */
function drop(session) {
  session.connection._transport.close();
}

/** Asserts that a request ends with the WAMP error `uri`, and resolves to the error. */
async function fails(promise, uri) {
  const outcome = await within(promise.then((value) => ({ value }), (error) => ({ error })));
  assert.ok('error' in outcome, `expected ${uri}, got ${JSON.stringify(outcome.value)}`);
  assert.equal(outcome.error.error, uri);
  return outcome.error;
}

const TOPICS = {
  registration: ['on_create', 'on_register', 'on_unregister', 'on_delete'],
  subscription: ['on_create', 'on_subscribe', 'on_unsubscribe', 'on_delete'],
};

/** What one observer is told of a meta topic group: every event in the order of arrival, as [name, ...args]. */
class MetaLog {
  events = [];
  #wake = () => {};

  static async open(observer, group = 'registration') {
    const self = Object.assign(new MetaLog(), { observer, group });
    for (const name of TOPICS[group]) {
      const note = (args) => {
        self.events.push([name, ...args]);
        self.#wake();
      };
      await within(observer.subscribe(`wamp.${group}.${name}`, note));
    }
    return self;
  }

  /** All events of what the router did so far. A procedure's answer never overtakes them: the observer's rule. */
  async settle() {
    await within(this.observer.call(`wamp.${this.group}.list`));
    return this.events;
  }

  /** Waits for `count` events: for causes that no reply announces, such as a lost connection. */
  async until(count) {
    while (this.events.length < count) {
      await within(new Promise((resolve) => (this.#wake = resolve)));
    }
    return this.settle();
  }
}

module.exports = { UNKNOWN, autobahn, World, MetaLog, TRANSPORTS, within, fails, drop, join };
