'use strict';
// Patterns and shared registrations with autobahn-js.

const assert = require('node:assert/strict');
const test = require('node:test');
const { World, within, fails } = require('./support.js');

test('exact before longest prefix before best wildcard, and details.procedure (RPP-2 to RPP-6)', async (t) => {
  const world = await World.open(t);
  const [callee, caller] = [await world.join(), await world.join()];
  const registered = [
    ['com.myapp.user.create', 'exact'],
    ['com.myapp.', 'prefix'],
    ['com.myapp.user.', 'prefix'],
    ['com..user.create', 'wildcard'],
    ['org..user.create', 'wildcard'],
    ['org.myapp..create', 'wildcard'],
  ];
  for (const [uri, match] of registered) {
    await within(callee.register(uri, (_args, _kwargs, details) => [uri, details.procedure], { match }));
  }
  const served = {
    'com.myapp.user.create': 'com.myapp.user.create',
    'com.myapp.user.delete': 'com.myapp.user.',
    'com.myapp.order': 'com.myapp.',
    'com.other.user.create': 'com..user.create',
    'org.other.user.create': 'org..user.create',
    'org.myapp.user.create': 'org.myapp..create',
  };
  for (const [called, expected] of Object.entries(served)) {
    assert.deepEqual(await within(caller.call(called)), [expected, called]);
  }
  await fails(caller.call('com.other.user.delete'), 'wamp.error.no_such_procedure');
});

async function shared(world, invoke) {
  const ids = new Set();
  for (const place of [0, 1, 2]) {
    const callee = await world.join();
    ids.add((await within(callee.register('com.example.shared', () => place, { invoke }))).id);
  }
  assert.equal(ids.size, 1);
}

async function called(caller, count) {
  const served = [];
  for (let n = 0; n < count; n++) served.push(await within(caller.call('com.example.shared')));
  return served;
}

for (const [invoke, expected] of [['first', [0, 0, 0, 0]], ['last', [2, 2, 2, 2]], ['roundrobin', [0, 1, 2, 0]]]) {
  test(`shared registration, invoke ${invoke} (SHR-2, SHR-5)`, async (t) => {
    const world = await World.open(t);
    const caller = await world.join();
    await shared(world, invoke);
    assert.deepEqual(await called(caller, 4), expected);
  });
}

test('shared registration, invoke random reaches everybody (SHR-5)', async (t) => {
  const world = await World.open(t);
  const caller = await world.join();
  await shared(world, 'random');
  assert.deepEqual([...new Set(await called(caller, 100))].sort(), [0, 1, 2]);
});

test('another rule than the first callee asked for is refused (SHR-3, SHR-4, D-13)', async (t) => {
  const world = await World.open(t);
  const [one, two] = [await world.join(), await world.join()];
  await within(one.register('com.example.shared', () => 1, { invoke: 'first' }));
  const conflict = 'wamp.error.procedure_exists_with_different_invocation_policy';
  await fails(two.register('com.example.shared', () => 2, { invoke: 'last' }), conflict);
  await within(one.register('com.example.single', () => 1));
  const taken = 'wamp.error.procedure_already_exists';
  await fails(two.register('com.example.single', () => 2, { invoke: 'last' }), taken);
});
