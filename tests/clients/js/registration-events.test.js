'use strict';
// The four registration events: their order and arguments, for everything that adds or removes a callee.

const assert = require('node:assert/strict');
const test = require('node:test');
const { UNKNOWN, World, MetaLog, within, fails, drop } = require('./support.js');

const PROCEDURE = 'com.myapp.procedure1';

/** The events with the creation dates taken out of `on_create`, which are checked on the way. */
function plain(events) {
  return events.map(([name, session, subject]) => {
    if (name !== 'on_create') return [name, session, subject];
    const { created, ...rest } = subject;
    assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    return [name, session, rest];
  });
}

const created = (session, id, invoke = 'single') => [
  ['on_create', session, { id, uri: PROCEDURE, match: 'exact', invoke }],
  ['on_register', session, id],
];
const deleted = (session, id) => [
  ['on_unregister', session, id],
  ['on_delete', session, id],
];

const ENDINGS = {
  GOODBYE: async (_world, session) => session.leave(),
  'a lost connection': async (_world, session) => drop(session),
  'wamp.session.kill': async (world, session) => within((await world.join()).call('wamp.session.kill', [session.id])),
};

test('REGISTER and UNREGISTER (RMA-1 to RMA-4)', async (t) => {
  const world = await World.open(t);
  const log = await MetaLog.open(await world.join());
  const callee = await world.join();
  const registration = await within(callee.register(PROCEDURE, () => 1));
  assert.deepEqual(plain(await log.settle()), created(callee.id, registration.id));
  await within(registration.unregister());
  assert.deepEqual((await log.settle()).slice(2), deleted(callee.id, registration.id));
});

for (const [name, end] of Object.entries(ENDINGS)) {
  test(`${name}: the same two events with the real ids (RMA-3, RMA-4, MTA-5)`, async (t) => {
    const world = await World.open(t);
    const log = await MetaLog.open(await world.join());
    const callee = await world.join();
    const { id } = callee;
    const registration = await within(callee.register(PROCEDURE, () => 1));
    await end(world, callee);
    assert.deepEqual(plain(await log.until(4)), [...created(id, registration.id), ...deleted(id, registration.id)]);
  });

  test(`${name} of two callees, one by one: the first deletes nothing (RMA-4, RMA-6)`, async (t) => {
    const world = await World.open(t);
    const log = await MetaLog.open(await world.join());
    const callees = [await world.join(), await world.join()];
    const ids = callees.map((callee) => callee.id);
    for (const callee of callees) await within(callee.register(PROCEDURE, () => 1, { invoke: 'first' }));
    const shared = (await log.settle())[1][2];
    assert.deepEqual(plain(log.events), [...created(ids[0], shared, 'first'), ['on_register', ids[1], shared]]);
    await end(world, callees[0]);
    assert.deepEqual((await log.until(4)).slice(3), [['on_unregister', ids[0], shared]]);
    await end(world, callees[1]);
    assert.deepEqual((await log.until(6)).slice(4), deleted(ids[1], shared));
  });
}

test('kill -9 of processes on one shared registration, one by one (RMA-4, MTA-5)', async (t) => {
  const world = await World.open(t);
  const log = await MetaLog.open(await world.join());
  const [first, second] = [await world.spawn('roundrobin', PROCEDURE), await world.spawn('roundrobin', PROCEDURE)];
  const [shared] = first.registrations;
  assert.deepEqual(second.registrations, [shared]);
  second.kill();
  assert.deepEqual((await log.until(4)).slice(3), [['on_unregister', second.session, shared]]);
  first.kill();
  assert.deepEqual((await log.until(6)).slice(4), deleted(first.session, shared));
});

for (const name of ['wamp.registration.remove_callee', 'wamp.subscription.remove_callee']) {
  test(`${name}: events, revocation, then the answer (RMA-15, RMA-16, D-02)`, async (t) => {
    const world = await World.open(t);
    const [operator, callee] = [await world.join(), await world.join()];
    const log = await MetaLog.open(operator);
    const registration = await within(callee.register(PROCEDURE, () => 1));
    const reason = 'com.example.maintenance';
    assert.equal(await within(operator.call(name, [registration.id, callee.id], { reason })), null);
    const { id } = registration;
    assert.deepEqual(plain(log.events), [...created(callee.id, id), ...deleted(callee.id, id)]);
    assert.equal(await within(registration.on_unregister), reason, 'UNREGISTERED tells the callee why');
    assert.equal(registration.active, false);
    await fails(operator.call(PROCEDURE), 'wamp.error.no_such_procedure');
    await within(callee.register(PROCEDURE, () => 'again'));
    assert.equal(await within(operator.call(PROCEDURE)), 'again');
  });

  test(`${name}: its errors (RMA-15)`, async (t) => {
    const world = await World.open(t);
    const [operator, callee] = [await world.join(), await world.join()];
    const { id } = await within(callee.register(PROCEDURE, () => 1));
    const log = await MetaLog.open(operator);
    await fails(operator.call(name, [id, UNKNOWN]), 'wamp.error.no_such_session');
    await fails(operator.call(name, [UNKNOWN, callee.id]), 'wamp.error.no_such_registration');
    await fails(operator.call(name, [id, operator.id]), 'wamp.error.no_such_registration');
    await fails(operator.call(name, []), 'wamp.error.invalid_argument');
    assert.deepEqual(await log.settle(), []);
  });
}
