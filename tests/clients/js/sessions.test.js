'use strict';
// Sessions of autobahn-js: HELLO to GOODBYE, and kill.

const assert = require('node:assert/strict');
const test = require('node:test');
const { World, within, fails } = require('./support.js');

test('WELCOME says who joined (SES-6, SES-7)', async (t) => {
  const world = await World.open(t);
  const session = await world.join();
  assert.ok(Number.isSafeInteger(session.id) && session.id >= 1);
  assert.equal(session.realm, 'realm1');
  assert.equal(session.details.realm, 'realm1');
  assert.equal(session.details.authrole, 'anonymous');
  assert.equal(session.details.authmethod, 'anonymous');
  assert.equal(typeof session.details.authid, 'string');
});

test('the features that both sides have are found (FEA)', async (t) => {
  const world = await World.open(t);
  const { features } = await world.join();
  for (const name of ['caller_identification', 'progressive_call_results', 'call_canceling']) {
    assert.equal(features.caller[name], true, name);
  }
  for (const name of ['pattern_based_registration', 'shared_registration', 'registration_revocation']) {
    assert.equal(features.callee[name], true, name);
  }
  for (const name of ['publisher_identification', 'subscriber_blackwhite_listing', 'publisher_exclusion']) {
    assert.equal(features.publisher[name], true, name);
  }
  assert.equal(features.subscriber.pattern_based_subscription, true);
});

test('an unknown realm is refused (SES-4)', async (t) => {
  const world = await World.open(t);
  await assert.rejects(world.join('ws-json', 'no.such.realm'), { reason: 'wamp.error.no_such_realm' });
});

for (const transport of ['ws-default', 'rs-json']) {
  test(`GOODBYE is answered over ${transport} (SES-12)`, async (t) => {
    const world = await World.open(t);
    const session = await world.join(transport);
    session.leave('wamp.close.normal', 'that was all');
    assert.equal((await within(session.closed)).reason, 'wamp.close.goodbye_and_out');
  });
}

test('a killed session is told why, and the killer lives on (SSM-7)', async (t) => {
  const world = await World.open(t);
  const [killer, victim] = [await world.join(), await world.join()];
  const { id } = victim;
  await within(killer.call('wamp.session.kill', [id], { reason: 'com.example.enough', message: 'go away' }));
  const { reason, message } = await within(victim.closed);
  assert.deepEqual({ reason, message }, { reason: 'com.example.enough', message: 'go away' });
  await fails(killer.call('wamp.session.get', [id]), 'wamp.error.no_such_session');
});

test('on_join and on_leave of others (SSM-1 to SSM-3, D-19)', async (t) => {
  const world = await World.open(t);
  const observer = await world.join();
  const seen = [];
  const left = new Promise((resolve) => {
    observer.subscribe('wamp.session.on_leave', (args) => resolve(seen.push(['on_leave', ...args])));
  });
  await within(observer.subscribe('wamp.session.on_join', ([details]) => seen.push(['on_join', details.session])));
  const other = await world.join();
  const { id, details } = other;
  other.leave();
  await within(left);
  assert.deepEqual(seen, [
    ['on_join', id],
    ['on_leave', id, details.authid, 'anonymous'],
  ]);
});
