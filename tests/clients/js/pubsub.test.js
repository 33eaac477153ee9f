'use strict';
// Publish and subscribe with autobahn-js.

const assert = require('node:assert/strict');
const test = require('node:test');
const { World, within, fails } = require('./support.js');

const TOPIC = 'com.example.topic';

/** Subscribes; resolves to a list that fills with [first argument, details]. */
async function listen(session, topic = TOPIC, options = {}) {
  const events = [];
  await within(session.subscribe(topic, (args, _kwargs, details) => events.push([args[0], details]), options));
  return events;
}

/** Everything published before has arrived at every one of `sessions`: a call of theirs came back (their FIFO). */
async function arrived(...sessions) {
  await within(Promise.all(sessions.map((session) => session.call('wamp.subscription.list'))));
}

test('acknowledge, and one publication id for all (PUB-7, PUB-10)', async (t) => {
  const world = await World.open(t);
  const [publisher, one, two] = [await world.join(), await world.join(), await world.join('rs-json')];
  const heard = [await listen(one), await listen(two), await listen(publisher)];
  const { id } = await within(publisher.publish(TOPIC, ['x'], {}, { acknowledge: true }));
  await arrived(publisher, one, two);
  for (const events of heard.slice(0, 2)) {
    assert.deepEqual(events.map(([text, details]) => [text, details.publication, details.topic]), [['x', id, TOPIC]]);
  }
  assert.deepEqual(heard[2], []);
  await fails(publisher.publish('wamp.mine', [], {}, { acknowledge: true }), 'wamp.error.invalid_uri');
});

test('exclude_me, exclude and eligible (SEL-1 to SEL-5)', async (t) => {
  const world = await World.open(t);
  const sessions = [await world.join(), await world.join(), await world.join()];
  const heard = [];
  for (const session of sessions) heard.push(await listen(session));
  const [me, a, b] = sessions.map((session) => session.id);
  const cases = [
    ['default', {}, [a, b]],
    ['me too', { exclude_me: false }, [me, a, b]],
    ['not a', { exclude: [a] }, [b]],
    ['only a', { eligible: [a] }, [a]],
    ['nobody', { eligible: [] }, []],
    ['black beats white', { eligible: [a, b], exclude: [b] }, [a]],
    ['by authid', { eligible_authid: [sessions[2].details.authid] }, [b]],
    ['not by authid', { exclude_authid: [sessions[2].details.authid] }, [a]],
    ['by authrole', { eligible_authrole: ['admin'] }, []],
  ];
  for (const [text, lists] of cases) {
    await within(sessions[0].publish(TOPIC, [text], {}, { acknowledge: true, ...lists }));
  }
  await arrived(...sessions);
  sessions.forEach(({ id }, n) => {
    const expected = cases.filter(([, , receivers]) => receivers.includes(id)).map(([text]) => text);
    assert.deepEqual(heard[n].map(([text]) => text), expected);
  });
});

test('patterns, each event with its topic (PAT-3 to PAT-6)', async (t) => {
  const world = await World.open(t);
  const [publisher, subscriber] = [await world.join(), await world.join()];
  const exact = await listen(subscriber, 'com.example.a.create');
  const prefix = await listen(subscriber, 'com.example.', { match: 'prefix' });
  const wildcard = await listen(subscriber, 'com.example..create', { match: 'wildcard' });
  for (const topic of ['com.example.a.create', 'com.example.b.create', 'com.example.b.delete']) {
    await within(publisher.publish(topic, [1], {}, { acknowledge: true }));
  }
  await arrived(subscriber);
  const topics = (events) => events.map(([, details]) => details.topic);
  assert.deepEqual(topics(exact), ['com.example.a.create']);
  assert.deepEqual(topics(prefix), ['com.example.a.create', 'com.example.b.create', 'com.example.b.delete']);
  assert.deepEqual(topics(wildcard), ['com.example.a.create', 'com.example.b.create']);
});

test('the publisher is disclosed when it asks, and only then (PID-1)', async (t) => {
  const world = await World.open(t);
  const [publisher, subscriber] = [await world.join(), await world.join()];
  const events = await listen(subscriber);
  await within(publisher.publish(TOPIC, ['hidden'], {}, { acknowledge: true }));
  await within(publisher.publish(TOPIC, ['shown'], {}, { acknowledge: true, disclose_me: true }));
  await arrived(subscriber);
  const who = events.map(([text, d]) => [text, d.publisher, d.publisher_authid, d.publisher_authrole]);
  assert.deepEqual(who, [
    ['hidden', undefined, undefined, undefined],
    ['shown', publisher.id, publisher.details.authid, 'anonymous'],
  ]);
});
