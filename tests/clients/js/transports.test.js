'use strict';
// Every transport and serializer that autobahn-js has: a session works the same over each.

const assert = require('node:assert/strict');
const test = require('node:test');
const { autobahn, World, TRANSPORTS, within } = require('./support.js');

/** Every type that all serializers have in common and JavaScript can compare. */
const VALUES = [null, true, 0, -1, 2 ** 31, 2 ** 53 - 1, 1.5, '', 'Bänyan \u{1F333} \\ " \n', [], {}, [1, [2, [3, { deep: [null, 'x'] }]]]];

async function echo(session) {
  await within(session.register('com.example.echo', (args, kwargs) => new autobahn.Result(args, kwargs)));
}

for (const transport of TRANSPORTS) {
  test(`a call and an event over ${transport} (SER-1, WS-1, RAW-1)`, async (t) => {
    const world = await World.open(t);
    if (transport.startsWith('unix') && !world.router.unix) return t.skip('this router has no Unix socket that we know of');
    const session = await world.join(transport);
    await echo(session);
    const result = await within(session.call('com.example.echo', VALUES, { name: 'x' }));
    assert.deepEqual(result.args, VALUES);
    assert.deepEqual(result.kwargs, { name: 'x' });

    const event = new Promise((resolve, reject) => {
      session.subscribe('com.example.topic', (args, kwargs) => resolve({ args, kwargs })).then(() => {
        session.publish('com.example.topic', VALUES, { key: [1] }, { exclude_me: false });
      }, reject);
    });
    assert.deepEqual(await within(event), { args: VALUES, kwargs: { key: [1] } });
  });
}

for (const caller of ['ws-json', 'ws-msgpack', 'ws-cbor', 'rs-json']) {
  for (const callee of ['ws-json', 'ws-msgpack', 'ws-cbor']) {
    if (caller === callee) continue;
    test(`a payload crosses from ${caller} to ${callee} and back (SER-4)`, async (t) => {
      const world = await World.open(t);
      await echo(await world.join(callee));
      const session = await world.join(caller);
      const result = await within(session.call('com.example.echo', VALUES, { k: VALUES }));
      assert.deepEqual(result.args, VALUES);
      assert.deepEqual(result.kwargs, { k: VALUES });
    });
  }
}

test('a thousand calls at once are all answered, each with its own result', async (t) => {
  const world = await World.open(t);
  const session = await world.join();
  await within(session.register('com.example.double', ([number]) => 2 * number));
  const numbers = [...Array(1000).keys()];
  const results = await within(Promise.all(numbers.map((number) => session.call('com.example.double', [number]))));
  assert.deepEqual(results, numbers.map((number) => 2 * number));
});
