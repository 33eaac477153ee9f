'use strict';
// Remote procedure calls of autobahn-js: payloads, errors, progress, cancel, timeout and disclosure.

const assert = require('node:assert/strict');
const test = require('node:test');
const { autobahn, World, within, fails } = require('./support.js');

test('all shapes of arguments and results (RPC-4, GEN-6)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join('ws-cbor')];
  const seen = [];
  await within(
    callee.register('com.example.mirror', (args, kwargs) => {
      seen.push([args, kwargs]);
      return new autobahn.Result(args, kwargs);
    }),
  );
  assert.equal(await within(caller.call('com.example.mirror')), null);
  assert.equal(await within(caller.call('com.example.mirror', [1])), 1);
  assert.deepEqual((await within(caller.call('com.example.mirror', [1, 2]))).args, [1, 2]);
  assert.deepEqual((await within(caller.call('com.example.mirror', [], { x: 3 }))).kwargs, { x: 3 });
  const both = await within(caller.call('com.example.mirror', ['a'], { x: 3 }));
  assert.deepEqual([both.args, both.kwargs], [['a'], { x: 3 }]);
  assert.deepEqual(seen, [[[], {}], [[1], {}], [[1, 2], {}], [[], { x: 3 }], [['a'], { x: 3 }]]);
});

test('errors carry their URI and payload (RPC-4)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join('ws-json')];
  await within(
    callee.register('com.example.fails', () => {
      throw new autobahn.Error('com.example.error.broken', ['text', 7], { field: [1, null] });
    }),
  );
  const error = await fails(caller.call('com.example.fails'), 'com.example.error.broken');
  assert.deepEqual([error.args, error.kwargs], [['text', 7], { field: [1, null] }]);
});

test('errors of the router (RPC-1, RPC-3, URI-11)', async (t) => {
  const world = await World.open(t);
  const [one, two] = [await world.join(), await world.join()];
  await fails(one.call('com.example.nothing'), 'wamp.error.no_such_procedure');
  await within(one.register('com.example.taken', () => 1));
  await fails(two.register('com.example.taken', () => 2), 'wamp.error.procedure_already_exists');
  await fails(two.register('wamp.mine', () => 2), 'wamp.error.invalid_uri');
  await fails(two.register('com..empty', () => 2), 'wamp.error.invalid_uri');
});

test('progressive results in order, then the final one (PRG-1, PRG-4)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join('ws-msgpack')];
  await within(
    callee.register('com.example.count', ([count], _kwargs, details) => {
      for (let number = 0; number < count; number++) details.progress([number]);
      return 'final';
    }),
  );
  const seen = [];
  const call = caller.call('com.example.count', [100], {}, { receive_progress: true });
  assert.equal(await within(call.then((result) => result, undefined, (number) => seen.push(number))), 'final');
  assert.deepEqual(seen, [...Array(100).keys()]);
});

test('cancel a call whose callee cannot be interrupted (CAN-5)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join()];
  const called = new Promise((resolve) => {
    callee.register('com.example.stuck', () => new Promise((answer) => resolve(answer)));
  });
  await within(callee.register('com.example.alive', () => 'yes'));
  const call = caller.call('com.example.stuck');
  const answer = await within(called);
  call.cancel({ mode: 'kill' });
  await fails(call, 'wamp.error.canceled');
  answer('too late');
  assert.equal(await within(caller.call('com.example.alive')), 'yes');
});

test('a call ends at its timeout in milliseconds (TMO-1, TMO-4)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join()];
  await within(callee.register('com.example.stuck', () => new Promise(() => {})));
  const started = performance.now();
  await fails(caller.call('com.example.stuck', [], {}, { timeout: 200 }), 'wamp.error.timeout');
  assert.ok(performance.now() - started >= 195);
});

test('the caller is disclosed when it asks, and only then (CID-1)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join('rs-json')];
  await within(
    callee.register('com.example.who', (_args, _kwargs, details) => [
      details.caller ?? null,
      details.caller_authid ?? null,
      details.caller_authrole ?? null,
    ]),
  );
  assert.deepEqual(await within(caller.call('com.example.who')), [null, null, null]);
  assert.deepEqual(await within(caller.call('com.example.who', [], {}, { disclose_me: true })), [
    caller.id,
    caller.details.authid,
    'anonymous',
  ]);
});

test('the callee decides for all its callers with disclose_caller (CID-2)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join()];
  const who = (_args, _kwargs, details) => details.caller;
  await within(callee.register('com.example.who', who, { disclose_caller: true }));
  assert.equal(await within(caller.call('com.example.who')), caller.id);
});
